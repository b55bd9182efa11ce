import { Parser } from 'htmlparser2';
import { InputError } from '@hazure/contracts';
import type { Resource } from '../resource.js';
import { BusyError, FinalError, retried, withIdleLimit } from '../retry.js';
import type { InputLimits } from '../types.js';

export interface HttpContext {
  readonly limits: InputLimits;
  readonly signal: AbortSignal | undefined;
}

const BUSY = new Set([408, 425, 429, 500, 502, 503, 504]);

/** An address as it may be shown: without user name, password, or a signed query. */
export function shown(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/** One answer, its headers awaited no longer than the limit. */
async function ask(url: string, headers: Record<string, string>, context: HttpContext): Promise<Response> {
  const { limits, signal } = context;
  const { username, password } = new URL(url);
  const bare = new URL(url);
  bare.username = bare.password = '';
  const login =
    username === ''
      ? {}
      : {
          authorization: `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`,
        };
  const silence = new AbortController();
  const timer = setTimeout(
    () => silence.abort(new Error(`no answer for ${limits.timeoutMs / 1000} s`)),
    limits.timeoutMs,
  );
  try {
    const response = await fetch(bare, {
      // bytes are counted and seeked in, so they must come as they are
      headers: { 'accept-encoding': 'identity', ...login, ...headers },
      signal: signal ? AbortSignal.any([signal, silence.signal]) : silence.signal,
    });
    if (response.ok || response.status === 416) return response;
    await response.body?.cancel();
    const message = `the server answered ${response.status} ${response.statusText}`.trim();
    if (BUSY.has(response.status)) throw new BusyError(message, retryAfter(response));
    throw new FinalError(message);
  } finally {
    clearTimeout(timer);
  }
}

function retryAfter(response: Response): number | null {
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : null;
}

/** `bytes 0-99/1234` → where it begins and the whole size. */
function contentRange(response: Response): { readonly from: number; readonly size: number | null } | null {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  return match ? { from: Number(match[1]), size: match[2] === '*' ? null : Number(match[2]) } : null;
}

async function* bodyOf(response: Response, timeoutMs: number): AsyncGenerator<Uint8Array> {
  if (response.body) yield* withIdleLimit(response.body as unknown as AsyncIterable<Uint8Array>, timeoutMs);
}

/** A file behind `http(s)://`. */
export class HttpResource implements Resource {
  private constructor(
    readonly name: string,
    private readonly url: string,
    readonly size: number | null,
    readonly modifiedMs: number | null,
    readonly seekable: boolean,
    readonly contentType: string,
    private readonly context: HttpContext,
  ) {}

  /** Asks for the first bytes: says whether there is such a file, how large it is, and whether it can be read in pieces. */
  static open(url: string, context: HttpContext): Promise<HttpResource> {
    return retried(shown(url), context.limits, context.signal, async () => {
      const response = await ask(url, { range: 'bytes=0-0' }, context);
      await response.body?.cancel();
      const range = response.status === 206 ? contentRange(response) : null;
      const length = response.headers.get('content-length');
      const modified = Date.parse(response.headers.get('last-modified') ?? '');
      const size = range
        ? range.size
        : response.status === 200 && length !== null
          ? Number(length)
          : response.status === 416
            ? 0
            : null;
      return new HttpResource(
        shown(url),
        url,
        size,
        Number.isNaN(modified) ? null : modified,
        range !== null && size !== null,
        response.headers.get('content-type')?.split(';')[0].trim().toLowerCase() ?? '',
        context,
      );
    });
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const most = this.size === null ? length : Math.max(0, Math.min(length, this.size - offset));
    if (most === 0) return Buffer.alloc(0);
    const parts: Uint8Array[] = [];
    let came = 0;
    for await (const chunk of this.stream(offset, most)) {
      parts.push(chunk.subarray(0, most - came));
      came += chunk.length;
      if (came >= most) break;
    }
    return Buffer.concat(parts);
  }

  /** Goes on where it was cut off, by ranges where the server knows them, else from the start again. */
  async *stream(offset = 0, length?: number): AsyncGenerator<Uint8Array> {
    const end = length !== undefined ? offset + length : this.size;
    let at = offset;
    const open = async (): Promise<AsyncGenerator<Uint8Array>> => {
      const range = length !== undefined || at > 0;
      const header = range ? { range: `bytes=${at}-${end === null ? '' : end - 1}` } : {};
      const response = await ask(this.url, header, this.context);
      const from = response.status === 206 ? (contentRange(response)?.from ?? at) : 0;
      return skipped(bodyOf(response, this.context.limits.timeoutMs), at - from);
    };
    let body: AsyncGenerator<Uint8Array> | null = null;
    const drop = (): void => {
      void body?.return(undefined).catch(() => undefined);
      body = null;
    };
    // the count of tries begins anew with every chunk that comes
    const next = (): Promise<IteratorResult<Uint8Array>> =>
      retried(this.name, this.context.limits, this.context.signal, async () => {
        try {
          body ??= await open();
          const result = await body.next();
          if (result.done && end !== null && at < end) {
            throw new Error(`the connection ended after ${at} of ${end} bytes`);
          }
          return result;
        } catch (error) {
          drop();
          throw error;
        }
      });
    try {
      for (;;) {
        const result = await next();
        if (result.done) return;
        at += result.value.length;
        yield result.value;
      }
    } finally {
      drop();
    }
  }

  async close(): Promise<void> {}
}

async function* skipped(source: AsyncGenerator<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const chunk of source) {
    if (left >= chunk.length) left -= chunk.length;
    else {
      yield left > 0 ? chunk.subarray(left) : chunk;
      left = 0;
    }
  }
}

/** A whole file, at most so large. @throws InputError INPUT_UNREADABLE */
export function fetchWhole(url: string, mostBytes: number, context: HttpContext): Promise<Buffer> {
  return retried(shown(url), context.limits, context.signal, async () => {
    const response = await ask(url, {}, context);
    const length = response.headers.get('content-length');
    const parts: Uint8Array[] = [];
    let came = 0;
    for await (const chunk of bodyOf(response, context.limits.timeoutMs)) {
      came += chunk.length;
      if (came > mostBytes) throw tooLarge(shown(url), mostBytes);
      parts.push(chunk);
    }
    if (length !== null && came !== Number(length))
      throw new Error(`the connection ended after ${came} of ${length} bytes`);
    return Buffer.concat(parts);
  });
}

export function tooLarge(name: string, mostBytes: number): InputError {
  return new InputError(
    'INPUT_UNREADABLE',
    `${name} is larger than the ${mostBytes} bytes that one image may have`,
  );
}

export interface IndexPage {
  readonly files: string[];
  readonly folders: string[];
}

/** The links of a web server's folder page that lead below the folder: files, and folders, which end in `/`. */
export async function readIndexPage(url: string, context: HttpContext): Promise<IndexPage> {
  const html = (await fetchWhole(url, 256 * 1024 ** 2, context)).toString('utf8');
  const base = new URL(url);
  const found = new Set<string>();
  const parser = new Parser({
    onopentag: (name, attributes) => {
      if (name !== 'a' || attributes['href'] === undefined || !URL.canParse(attributes['href'], base.href))
        return;
      const link = new URL(attributes['href'], base.href);
      const below = link.origin === base.origin && link.pathname.startsWith(base.pathname);
      // links that sort the page have a query; the page itself and its parents are not below it
      if (below && link.pathname !== base.pathname && link.search === '') {
        const rest = link.pathname.slice(base.pathname.length);
        const slash = rest.indexOf('/');
        if (slash < 0 || slash === rest.length - 1) {
          link.hash = '';
          link.username = base.username;
          link.password = base.password;
          found.add(link.href);
        }
      }
    },
  });
  parser.end(html);
  const links = [...found];
  return {
    files: links.filter((link) => !link.endsWith('/')),
    folders: links.filter((link) => link.endsWith('/')),
  };
}
