import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Question {
  /** sha256 of the picture sent; null for questions in words alone. */
  readonly picture: string | null;
  readonly text: string;
  /** 1 when this picture or text is asked about for the first time. */
  readonly attempt: number;
}

/** A text to say, or trouble. */
export type Reply =
  | string
  | {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** Sent as it is. */
      readonly body?: string;
      readonly reset?: boolean;
    };

interface ChatBody {
  readonly messages: readonly {
    readonly content:
      string | readonly { readonly text?: string; readonly image_url?: { readonly url: string } }[];
  }[];
}

/** A caption server of one model, `fake-vl`, that answers as told and counts what it was asked. */
export class VisionServer {
  /** How often each picture (by sha256) or text was asked about. */
  readonly asked = new Map<string, number>();
  questions = 0;
  mostInFlight = 0;
  private inFlight = 0;
  private readonly waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  private readonly server = createServer((request, response) => {
    void this.handle(request, response);
  });

  private constructor(
    private readonly answer: (question: Question) => Reply,
    private readonly answerMs: number,
  ) {}

  static async start(answer: (question: Question) => Reply, answerMs = 0): Promise<VisionServer> {
    const fake = new VisionServer(answer, answerMs);
    await new Promise<void>((resolve) => fake.server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  /** Resolves once so many questions have come. */
  hasBeenAsked(count: number): Promise<void> {
    return this.questions >= count
      ? Promise.resolve()
      : new Promise((resolve) => this.waiting.push({ count, resolve }));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method === 'GET' && request.url === '/v1/models') {
      response.end(JSON.stringify({ data: [{ id: 'fake-vl' }] }));
      return;
    }
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    response.once('close', () => (this.inFlight -= 1));
    const question = this.read(Buffer.concat(chunks).toString());
    if (this.answerMs > 0) await new Promise((resolve) => setTimeout(resolve, this.answerMs));
    const reply = this.answer(question);
    if (typeof reply === 'string') {
      const choices = [{ message: { role: 'assistant', content: reply }, finish_reason: 'stop' }];
      response.end(JSON.stringify({ choices }));
    } else if (reply.reset) request.socket.destroy();
    else response.writeHead(reply.status ?? 200, reply.headers).end(reply.body ?? '{}');
  }

  private read(body: string): Question {
    const { content } = (JSON.parse(body) as ChatBody).messages[0];
    const parts = typeof content === 'string' ? [{ text: content }] : content;
    const text = parts.map((part) => part.text ?? '').join('');
    const image = parts.map((part) => part.image_url?.url ?? '').join('');
    const picture = image === '' ? null : createHash('sha256').update(image).digest('hex');
    const attempt = (this.asked.get(picture ?? text) ?? 0) + 1;
    this.asked.set(picture ?? text, attempt);
    this.questions += 1;
    for (const { count, resolve } of this.waiting) if (this.questions >= count) resolve();
    return { picture, text, attempt };
  }
}
