import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { isUtf8 } from 'node:buffer';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';

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
class TimeoutError extends Error {}

/** An answer longer than allowed: a server that streams without end must not fill the memory. */
export class TooLongError extends Error {}

const UNPACK: Readonly<Record<string, (bytes: Buffer, maxBytes: number) => Promise<Buffer>>> = {
  gzip: (bytes, maxOutputLength) => promisify(gunzip)(bytes, { maxOutputLength }),
  'x-gzip': (bytes, maxOutputLength) => promisify(gunzip)(bytes, { maxOutputLength }),
  deflate: (bytes, maxOutputLength) => promisify(inflate)(bytes, { maxOutputLength }),
  br: (bytes, maxOutputLength) => promisify(brotliDecompress)(bytes, { maxOutputLength }),
};

/** A packed body unpacked: never asked for, but proxies pack what they like. */
async function unpacked(bytes: Buffer, encoding: string | undefined, maxBytes: number): Promise<Buffer> {
  const unpack = UNPACK[encoding?.trim().toLowerCase() ?? ''];
  if (unpack === undefined || bytes.length === 0) return bytes;
  try {
    return await unpack(bytes, maxBytes);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new TooLongError(`the answer is longer than ${maxBytes} bytes`, { cause });
    throw new Error(`the answer's ${encoding} encoding is broken`, { cause });
  }
}

/**
 * A body's text by the character set that its content type declares. JSON is UTF-8, so that is taken where none is
 * declared; bytes that are none are read as Windows-1252, which is what such servers turn out to speak.
 */
function decodeText(bytes: Buffer, contentType: string | undefined): string {
  const declared = /charset\s*=\s*"?([\w.:-]+)/i.exec(contentType ?? '')?.[1];
  if (declared !== undefined && !/^utf-?8$/i.test(declared)) {
    try {
      return new TextDecoder(declared).decode(bytes);
    } catch {
      // A character set that nobody knows: as if none were declared.
    }
  }
  const utf8 = bytes.toString('utf8');
  return utf8.includes('\uFFFD') && !isUtf8(bytes) ? new TextDecoder('windows-1252').decode(bytes) : utf8;
}

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
          const { headers, statusCode: status = 0, statusMessage: statusText = '' } = response;
          const whole = Buffer.concat(chunks);
          unpacked(whole, headers['content-encoding'], limits.maxBytes).then(
            (bytes) =>
              resolve({ status, statusText, headers, body: decodeText(bytes, headers['content-type']) }),
            reject,
          );
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
