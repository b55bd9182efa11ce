import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';

/** What the server saw of one request. */
export interface SeenRequest {
  /** 1 for the first request about this crop. */
  readonly attempt: number;
  /** Number painted into the crop, see `numberedImage`; −1 for text only. */
  readonly crop: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly text: string;
  readonly model: string;
  readonly authorization: string | undefined;
}

export type Reply = (
  seen: SeenRequest,
  response: ServerResponse,
  request: IncomingMessage,
) => void | Promise<void>;

/** Sends a chat completion. */
export function say(response: ServerResponse, content: unknown): void {
  json(response, 200, {
    id: 'x',
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  });
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

interface ChatBody {
  model: string;
  messages: {
    role: string;
    content: string | { type: string; text?: string; image_url?: { url: string } }[];
  }[];
}

/**
 * A server of the OpenAI vision protocol on a loopback port: refuses what is not of the protocol with 400, reads the
 * number painted into each crop, and leaves the answer to `reply`.
 */
export class FakeVisionServer {
  readonly requests: SeenRequest[] = [];
  inFlight = 0;
  mostInFlight = 0;
  models: string[] = ['fake-vl'];
  private readonly attempts = new Map<number, number>();
  private readonly server = createServer((request, response) => {
    void this.handle(request, response);
  });

  private constructor(private readonly reply: Reply) {}

  static async start(reply: Reply): Promise<FakeVisionServer> {
    const fake = new FakeVisionServer(reply);
    await new Promise<void>((resolve) => fake.server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.url === '/v1/models') {
      json(response, 200, { object: 'list', data: this.models.map((id) => ({ id, object: 'model' })) });
      return;
    }
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    response.once('close', () => (this.inFlight -= 1));
    const seen = await this.read(request, Buffer.concat(chunks));
    if (seen === null) {
      json(response, 400, { error: { message: 'not of the protocol' } });
      return;
    }
    this.requests.push(seen);
    await this.reply(seen, response, request);
  }

  private async read(request: IncomingMessage, body: Buffer): Promise<SeenRequest | null> {
    if (request.method !== 'POST' || request.url !== '/v1/chat/completions') return null;
    const { model, messages } = JSON.parse(body.toString()) as ChatBody;
    const { content } = messages[0];
    const authorization = request.headers.authorization;
    if (typeof content === 'string') {
      return { attempt: 1, crop: -1, widthPx: 0, heightPx: 0, text: content, model, authorization };
    }
    const url = content.find(({ type }) => type === 'image_url')?.image_url?.url ?? '';
    const base64 = /^data:image\/jpeg;base64,(.+)$/.exec(url)?.[1];
    if (base64 === undefined) return null;
    const { data, info } = await sharp(Buffer.from(base64, 'base64'))
      .raw()
      .toBuffer({ resolveWithObject: true });
    const middle = (Math.floor(info.height / 2) * info.width + Math.floor(info.width / 2)) * info.channels;
    const crop = Math.round(data[middle] / 8) + 32 * Math.round(data[middle + 1] / 8);
    const attempt = (this.attempts.get(crop) ?? 0) + 1;
    this.attempts.set(crop, attempt);
    const text = content.find(({ type }) => type === 'text')?.text ?? '';
    return { attempt, crop, widthPx: info.width, heightPx: info.height, text, model, authorization };
  }
}
