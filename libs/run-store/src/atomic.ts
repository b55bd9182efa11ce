import { createHash } from 'node:crypto';
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import writeFileAtomic from 'write-file-atomic';
import { InputError, messageOf } from '@hazure/contracts';

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

/** Writes the whole file under a temporary name and renames it. */
export async function writeAtomic(path: string, content: Uint8Array | string): Promise<Written> {
  const bytes =
    typeof content === 'string'
      ? Buffer.from(content, 'utf8')
      : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  try {
    await makeFolder(dirname(path));
    await writeFileAtomic(path, bytes, { fsync: false });
  } catch (cause) {
    throw unwritable(path, cause);
  }
  return { bytes: bytes.byteLength, sha256: sha256Hex(bytes) };
}

/**
 * A file that grows under `<path>.tmp` and gets its name when closed. Waits for the disk (back-pressure) and
 * hashes what passes through. `patchHead` overwrites the first bytes at the end (npy headers know their row
 * count only then); the checksum is then of the patched file.
 */
export class AtomicStream {
  private readonly stream: WriteStream;
  private readonly hash = createHash('sha256');
  private failure: unknown = null;
  private bytes = 0;

  private constructor(
    private readonly path: string,
    private readonly temporary: string,
  ) {
    this.stream = createWriteStream(temporary);
    this.stream.on('error', (error) => {
      this.failure = error;
    });
  }

  static async open(path: string): Promise<AtomicStream> {
    try {
      await makeFolder(dirname(path));
      const opened = new AtomicStream(path, `${path}.tmp`);
      await once(opened.stream, 'open');
      return opened;
    } catch (cause) {
      throw unwritable(path, cause);
    }
  }

  get bytesWritten(): number {
    return this.bytes;
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    if (this.failure) throw unwritable(this.path, this.failure);
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
    this.hash.update(bytes);
    this.bytes += bytes.byteLength;
    if (!this.stream.write(bytes)) await this.drained();
    if (this.failure) throw unwritable(this.path, this.failure);
  }

  /** Until the buffer is empty again, or the stream has failed. */
  private drained(): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        this.stream.off('drain', settle).off('close', settle);
        resolve();
      };
      this.stream.on('drain', settle).on('close', settle);
    });
  }

  async close(): Promise<Written> {
    try {
      this.stream.end();
      await finished(this.stream);
      await rename(this.temporary, this.path);
    } catch (cause) {
      throw unwritable(this.path, this.failure ?? cause);
    }
    return { bytes: this.bytes, sha256: this.hash.digest('hex') };
  }

  /** Drops what was written; safe after a failure. */
  async abandon(): Promise<void> {
    this.stream.destroy();
    await rm(this.temporary, { force: true });
  }
}
