import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

export interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Question {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string;
}

export interface Limits {
  /** From the first byte sent to the last received. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** No whole answer within the time allowed. */
export class TimeoutError extends Error {}

/** An answer longer than allowed: a server that streams without end must not fill the memory. */
export class TooLongError extends Error {}

/**
 * HTTP/1.1 with connections that stay open, on node:http rather than fetch: a third of the main thread's time per
 * request, which is what keeps many slots of a fast server busy. Redirects are not followed.
 */
export class Transport {
  private readonly http;
  private readonly https;

  constructor(connections: number) {
    const options = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections };
    this.http = new HttpAgent(options);
    this.https = new HttpsAgent(options);
  }

  /** Rejects with the socket's error, TimeoutError, TooLongError, or the signal's reason. */
  ask(question: Question, limits: Limits, signal?: AbortSignal): Promise<Answer> {
    const secure = question.url.startsWith('https:');
    return new Promise((resolve, reject) => {
      const payload = question.body === undefined ? null : Buffer.from(question.body);
      const options = {
        method: question.method,
        agent: secure ? this.https : this.http,
        headers: {
          ...question.headers,
          ...(payload === null
            ? {}
            : { 'content-type': 'application/json', 'content-length': String(payload.length) }),
        },
      };
      const request = secure ? httpsRequest(question.url, options) : httpRequest(question.url, options);
      const abort = (): void => {
        request.destroy(new Error('aborted', { cause: signal?.reason }));
      };
      const timer = setTimeout(() => {
        request.destroy(new TimeoutError(`no answer within ${limits.timeoutMs} ms`));
      }, limits.timeoutMs);
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
      const fail = (error: Error): void => {
        settle();
        reject(error);
      };
      signal?.addEventListener('abort', abort, { once: true });
      request.on('error', fail);
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > limits.maxBytes) {
            request.destroy(new TooLongError(`the answer is longer than ${limits.maxBytes} bytes`));
          } else chunks.push(chunk);
        });
        response.on('error', fail);
        response.on('end', () => {
          settle();
          resolve({
            status: response.statusCode ?? 0,
            statusText: response.statusMessage ?? '',
            headers: response.headers,
            body: Buffer.concat(chunks).toString('utf8'),
          });
        });
      });
      request.end(payload);
    });
  }

  /** Closes connections that wait for another request. */
  close(): void {
    this.http.destroy();
    this.https.destroy();
  }
}
