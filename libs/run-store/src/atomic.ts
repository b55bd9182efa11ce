import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InputError, messageOf } from '@hazure/contracts';
import { renameDurably } from './durable.js';
import { writeWholly } from './whole-io.js';

/** Size and checksum of a file as it was written. */
export interface Written {
  readonly bytes: number;
  readonly sha256: string;
}

export const sha256Hex = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');

/** Wraps what the file system says into the error a user can act on. */
export function unwritable(path: string, cause: unknown): InputError {
  return new InputError('OUTPUT_UNWRITABLE', `Can't write ${path}: ${messageOf(cause)}`, {
    cause,
    hint: 'Check that the output folder exists, is writable and has free space, or choose another --output-dir.',
  });
}

/**
 * Makes a folder and what is missing above it. Node's own recursive mkdir never ends where the kernel answers ENOENT
 * below an existing folder, as /proc does.
 */
export async function makeFolder(path: string): Promise<void> {
  const reason = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
  try {
    await mkdir(path);
  } catch (error) {
    if (reason(error) === 'EEXIST') {
      if ((await stat(path)).isDirectory()) return;
      throw error;
    }
    const parent = dirname(path);
    if (reason(error) !== 'ENOENT' || parent === path) throw error;
    const parentExists = await stat(parent).then(
      () => true,
      () => false,
    );
    if (parentExists) throw error;
    await makeFolder(parent);
    await makeFolder(path);
  }
}

/** Counts temporary names, so that two writers of one file never share one. */
let temporaries = 0;

/** How a file is written. */
export interface WriteOptions {
  /** Whether its bytes and its name are on disk before the call resolves; default yes. */
  readonly sync?: boolean;
  /** Whether folders that are missing above it are made; default yes. */
  readonly makeFolder?: boolean;
}

/**
 * Writes the whole file under a temporary name and renames it: the file is there wholly, or as it was before.
 * @throws InputError OUTPUT_UNWRITABLE
 */
export async function writeAtomic(
  path: string,
  content: Uint8Array | string,
  options: WriteOptions = {},
): Promise<Written> {
  const bytes =
    typeof content === 'string'
      ? Buffer.from(content, 'utf8')
      : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const temporary = `${path}.${process.pid}-${temporaries++}.tmp`;
  try {
    if (options.makeFolder ?? true) await makeFolder(dirname(path));
    await writeWhole(temporary, bytes, options.sync ?? true);
    if (options.sync ?? true) await renameDurably(temporary, path);
    else await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw unwritable(path, cause);
  }
  return { bytes: bytes.byteLength, sha256: sha256Hex(bytes) };
}

async function writeWhole(path: string, bytes: Uint8Array, sync: boolean): Promise<void> {
  const handle = await open(path, 'w');
  try {
    await writeWholly(handle, bytes, 0);
    if (sync) await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Small pieces are gathered to writes of at least so many bytes. */
const BUFFER_BYTES = 2 ** 18;

/**
 * A file that grows under `<path>.tmp` and gets its name when closed, its bytes then being on disk. Waits for the disk
 * (back-pressure) and hashes what passes through. Calls must not overlap.
 */
export class AtomicStream {
  private readonly hash = createHash('sha256');
  private failure: unknown = null;
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private position = 0;

  private constructor(
    private readonly path: string,
    private readonly temporary: string,
    private readonly handle: FileHandle,
  ) {}

  /** @throws InputError OUTPUT_UNWRITABLE */
  static async open(path: string, options: Pick<WriteOptions, 'makeFolder'> = {}): Promise<AtomicStream> {
    const temporary = `${path}.tmp`;
    try {
      if (options.makeFolder ?? true) await makeFolder(dirname(path));
      return new AtomicStream(path, temporary, await open(temporary, 'w'));
    } catch (cause) {
      throw unwritable(path, cause);
    }
  }

  get bytesWritten(): number {
    return this.position + this.waitingBytes;
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    if (this.failure) throw unwritable(this.path, this.failure);
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
    this.hash.update(bytes);
    this.waiting.push(bytes);
    this.waitingBytes += bytes.byteLength;
    if (this.waitingBytes >= BUFFER_BYTES) await this.flush();
  }

  private async flush(): Promise<void> {
    const piece = Buffer.concat(this.waiting);
    this.waiting = [];
    this.waitingBytes = 0;
    try {
      await writeWholly(this.handle, piece, this.position);
    } catch (cause) {
      this.failure = cause;
      throw unwritable(this.path, cause);
    }
    this.position += piece.byteLength;
  }

  async close(): Promise<Written> {
    try {
      if (this.failure) throw this.failure;
      await this.flush();
      await this.handle.sync();
      await this.handle.close();
      await renameDurably(this.temporary, this.path);
    } catch (cause) {
      await this.abandon();
      throw cause instanceof InputError ? cause : unwritable(this.path, this.failure ?? cause);
    }
    return { bytes: this.position, sha256: this.hash.digest('hex') };
  }

  /** Drops what was written; safe after a failure, and more than once. */
  async abandon(): Promise<void> {
    this.failure ??= new Error('writing was given up');
    await this.handle.close().catch(() => undefined);
    await rm(this.temporary, { force: true }).catch(() => undefined);
  }
}
