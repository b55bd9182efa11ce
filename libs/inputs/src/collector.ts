import { resolve } from 'node:path';
import type { Logger } from '@hazure/contracts';
import { Roots } from './ids.js';
import { LeftOutTally } from './left-out.js';
import { Bag, Scratch } from './spill.js';
import type { Resource } from './resource.js';
import type { HttpContext } from './sources/http.js';
import { S3Source } from './sources/s3.js';
import type { VideoReader } from './sources/video.js';
import { DEFAULT_LIMITS, type Found, type InputLimits, type InputOptions } from './types.js';

/** An archive or a video that images come out of. */
export type Container =
  | { readonly kind: 'archive'; readonly resource: Resource }
  | { readonly kind: 'video'; readonly reader: VideoReader };

/** What every source works with, and where it puts what it finds. */
export class Collector {
  readonly limits: InputLimits;
  readonly leftOut = new LeftOutTally();
  readonly roots: Roots;
  readonly scratch: Scratch;
  readonly found: Bag<Found>;
  readonly containers: Container[] = [];
  readonly s3: S3Source;
  readonly http: HttpContext;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly every: number;
  readonly leaveOut: (folder: string) => boolean;
  readonly signal: AbortSignal | undefined;
  readonly logger: Logger | undefined;
  readonly stdin: AsyncIterable<Uint8Array>;

  constructor(options: InputOptions) {
    const env = (this.env = options.env ?? process.env);
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.cwd = resolve(options.cwd ?? '.');
    this.every = options.every ?? 1;
    this.leaveOut = options.leaveOut ?? (() => false);
    this.signal = options.signal;
    this.logger = options.logger;
    this.stdin = options.stdin ?? process.stdin;
    this.roots = new Roots(options.root === undefined ? null : rootPath(options.root, this.cwd));
    this.scratch = new Scratch(env);
    this.found = new Bag<Found>(this.scratch, this.limits.entriesInMemory);
    this.s3 = new S3Source(env, this.limits, this.signal);
    this.http = { limits: this.limits, signal: this.signal };
  }

  /** @param root folder that the image's id is relative to at most; its own when absent */
  async add(found: Found, root?: string): Promise<void> {
    this.signal?.throwIfAborted();
    if (found.label !== '') this.roots.addLabel(found.label);
    this.roots.addFolder(found.group, root ?? found.path.slice(0, Math.max(0, found.path.lastIndexOf('/'))));
    await this.found.add(found);
  }

  addContainer(container: Container): number {
    return this.containers.push(container) - 1;
  }

  async close(): Promise<void> {
    await Promise.all(
      this.containers.map((each) => (each.kind === 'archive' ? each.resource.close() : each.reader.close())),
    );
    await this.s3.close();
    await this.scratch.remove();
  }
}

/** `--input-root` as a path within its group: without leading slash or scheme. */
function rootPath(root: string, cwd: string): string {
  const remote = /^(s3|https?):\/\/(.*)$/s.exec(root);
  return (remote ? remote[2] : resolve(cwd, root)).replace(/^\/+|\/+$/g, '');
}

/** A place below `http(s)://` as it counts for ids. */
export function httpPath(url: string): string {
  const { host, pathname } = new URL(url);
  let path = pathname;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    // a stray % stays as it is
  }
  return `${host}${path}`;
}
