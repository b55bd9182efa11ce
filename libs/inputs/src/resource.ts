import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { InputError, messageOf } from '@hazure/contracts';

/** A file here or elsewhere, readable in pieces. */
export interface Resource {
  /** As a person names it: path or address. */
  readonly name: string;
  /** null where the server doesn't say. */
  readonly size: number | null;
  readonly modifiedMs: number | null;
  /** Whether `read` and `stream(from)` can begin anywhere. */
  readonly seekable: boolean;
  /** `length` bytes from `offset`, fewer only at the end. */
  read(offset: number, length: number): Promise<Buffer>;
  /** From `offset` to the end. */
  stream(offset?: number): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** A file on this machine. */
export class LocalResource implements Resource {
  readonly seekable = true;

  private constructor(
    readonly name: string,
    readonly path: string,
    private readonly handle: FileHandle,
    readonly size: number,
    readonly modifiedMs: number,
  ) {}

  /** @throws InputError INPUT_MISSING or INPUT_UNREADABLE */
  static async open(path: string, name = path): Promise<LocalResource> {
    try {
      const handle = await open(path, 'r');
      const { size, mtimeMs } = await handle.stat();
      return new LocalResource(name, path, handle, size, mtimeMs);
    } catch (cause) {
      const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      throw new InputError(
        missing ? 'INPUT_MISSING' : 'INPUT_UNREADABLE',
        missing ? `There is no file ${name}` : `Can't open ${name}: ${messageOf(cause)}`,
        { cause, hint: 'Check the path and its permissions.' },
      );
    }
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const most = Math.max(0, Math.min(length, this.size - offset));
    const buffer = Buffer.allocUnsafe(most);
    let filled = 0;
    while (filled < most) {
      const { bytesRead } = await this.handle.read(buffer, filled, most - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  }

  stream(offset = 0): AsyncIterable<Uint8Array> {
    return createReadStream(this.path, { start: offset, highWaterMark: 256 * 1024 });
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

/**
 * Reads a resource from front to back: takes bytes, skips bytes. A long skip begins a new stream where that is
 * cheaper than reading on.
 */
export class Cursor {
  private iterator: AsyncIterator<Uint8Array> | null = null;
  private chunk: Buffer = Buffer.alloc(0);
  private ended = false;
  /** Position in the resource. */
  at = 0;

  constructor(
    private readonly resource: Resource,
    private readonly skipAbove: number,
  ) {}

  /** Up to `length` bytes; fewer only at the end. */
  async take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let missing = length;
    while (missing > 0 && (this.chunk.length > 0 || (await this.fill()))) {
      const part = this.chunk.subarray(0, missing);
      parts.push(part);
      this.chunk = this.chunk.subarray(part.length);
      missing -= part.length;
      this.at += part.length;
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  /** Moves on; says how many bytes were really there. */
  async skip(length: number): Promise<number> {
    const { size, seekable } = this.resource;
    const inChunk = Math.min(length, this.chunk.length);
    this.chunk = this.chunk.subarray(inChunk);
    this.at += inChunk;
    let missing = length - inChunk;
    if (missing > this.skipAbove && seekable && size !== null && !this.ended) {
      const jumped = Math.min(missing, Math.max(0, size - this.at));
      await this.stop();
      this.at += jumped;
      return inChunk + jumped;
    }
    while (missing > 0 && (await this.fill())) {
      const part = Math.min(missing, this.chunk.length);
      this.chunk = this.chunk.subarray(part);
      this.at += part;
      missing -= part;
    }
    return length - missing;
  }

  async stop(): Promise<void> {
    const { iterator } = this;
    this.iterator = null;
    this.chunk = Buffer.alloc(0);
    await iterator?.return?.();
  }

  private async fill(): Promise<boolean> {
    if (this.ended) return false;
    this.iterator ??= this.resource.stream(this.at)[Symbol.asyncIterator]();
    const next = await this.iterator.next();
    if (next.done) {
      this.ended = true;
      return false;
    }
    this.chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    return true;
  }
}
