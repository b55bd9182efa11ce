import { AtomicStream } from '@hazure/run-store';

/** A JSON document of any size, written piece by piece. */
export class JsonStream {
  private first = true;

  private constructor(private readonly stream: AtomicStream) {}

  /** @param opening what comes before the first item, such as `{"images": [` */
  static async open(path: string, opening: string): Promise<JsonStream> {
    const stream = await AtomicStream.open(path);
    await stream.write(opening);
    return new JsonStream(stream);
  }

  /** An item of a list, or with a key a member of an object. */
  async item(value: unknown, key?: string): Promise<void> {
    const before = this.first ? '\n' : ',\n';
    this.first = false;
    await this.stream.write(
      `${before}${key === undefined ? '' : `${JSON.stringify(key)}: `}${JSON.stringify(value)}`,
    );
  }

  /** Ends one list and begins the next one, or takes over items that were written elsewhere. */
  async next(text: string | Uint8Array): Promise<void> {
    this.first = true;
    await this.stream.write(text);
  }

  async close(closing: string): Promise<void> {
    await this.stream.write(closing);
    await this.stream.close();
  }
}
