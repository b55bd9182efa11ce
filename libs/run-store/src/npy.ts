import { createHash } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import type { EmbeddingMatrix, MatrixWriter } from '@hazure/contracts';
import { unwritable, type Written } from './atomic.js';
import { renameDurably } from './durable.js';
import { bytesOf, readWholly, writeWholly } from './whole-io.js';
import { MAGIC, parseNpyHeader } from './npy-header.js';
import type { NpyData } from './npy-read.js';

/**
 * NumPy's .npy format, version 1.0 (numpy.org/neps/nep-0001-npy-format.html): magic, version, header length,
 * a Python dict literal padded to a multiple of 64, then the raw values.
 */
const FIXED_HEADER_BYTES = 128;

export type { NpyArray, NpyData } from './npy-read.js';
export { readNpy } from './npy-read.js';

const DTYPES: readonly [string, (data: NpyData) => boolean][] = [
  ['<f4', (data) => data instanceof Float32Array],
  ['<f8', (data) => data instanceof Float64Array],
  ['<i4', (data) => data instanceof Int32Array],
  ['|u1', (data) => data instanceof Uint8Array],
  ['<i8', (data) => data instanceof BigInt64Array],
];

function header(dtype: string, shape: readonly number[]): Buffer {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${dtype}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const padded = text.padEnd(FIXED_HEADER_BYTES - 10 - 1) + '\n';
  const head = Buffer.alloc(10);
  head.write(MAGIC, 'latin1');
  head[6] = 1;
  head.writeUInt16LE(padded.length, 8);
  return Buffer.concat([head, Buffer.from(padded, 'latin1')]);
}

/** Bytes of a C-ordered .npy file. */
export function encodeNpy(data: NpyData, shape: readonly number[]): Buffer {
  const dtype = DTYPES.find(([, matches]) => matches(data))?.[0];
  if (!dtype)
    throw new TypeError(
      'encodeNpy takes Float32Array, Float64Array, Int32Array, Uint8Array or BigInt64Array',
    );
  return Buffer.concat([header(dtype, shape), Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}

/** Streams a float32 matrix to disk; the row count goes into the header at the end. */
export class NpyMatrixWriter implements MatrixWriter {
  private rows = 0;
  private position = FIXED_HEADER_BYTES;

  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
    private readonly cols: number,
    private readonly onClose: (written: Written) => void,
  ) {}

  static async open(
    path: string,
    cols: number,
    onClose: (written: Written) => void,
  ): Promise<NpyMatrixWriter> {
    try {
      const handle = await open(`${path}.tmp`, 'w+');
      return new NpyMatrixWriter(path, handle, cols, onClose);
    } catch (cause) {
      throw unwritable(path, cause);
    }
  }

  async append(rows: Float32Array): Promise<void> {
    if (rows.length % this.cols !== 0) {
      throw new RangeError(`A matrix of ${this.cols} columns can't take ${rows.length} values`);
    }
    try {
      await writeWholly(this.handle, bytesOf(rows), this.position);
    } catch (cause) {
      throw unwritable(this.path, cause);
    }
    this.position += rows.byteLength;
    this.rows += rows.length / this.cols;
  }

  async close(): Promise<void> {
    try {
      const head = header('<f4', [this.rows, this.cols]);
      await writeWholly(this.handle, head, 0);
      const sha256 = await this.hash();
      await this.handle.sync();
      await this.handle.close();
      await renameDurably(`${this.path}.tmp`, this.path);
      this.onClose({ bytes: this.position, sha256 });
    } catch (cause) {
      await this.abandon();
      throw unwritable(this.path, cause);
    }
  }

  /** Drops what was written; safe after a failure, and more than once. */
  async abandon(): Promise<void> {
    await this.handle.close().catch(() => undefined);
    await rm(`${this.path}.tmp`, { force: true }).catch(() => undefined);
  }

  /** The header changed last, so the file is read once more, in pieces. */
  private async hash(): Promise<string> {
    const hash = createHash('sha256');
    const piece = Buffer.alloc(1 << 20);
    for (let offset = 0; offset < this.position;) {
      const part = piece.subarray(0, Math.min(piece.length, this.position - offset));
      await readWholly(this.handle, part, offset);
      hash.update(part);
      offset += part.length;
    }
    return hash.digest('hex');
  }
}

/**
 * Shape of a matrix that `NpyMatrixWriter` wrote, without reading its values.
 * @throws Error when the file is another one
 */
export async function readNpyShape(path: string): Promise<{ readonly rows: number; readonly cols: number }> {
  const handle = await open(path, 'r');
  try {
    const head = Buffer.alloc(FIXED_HEADER_BYTES);
    await readWholly(handle, head, 0);
    const { descr, fortranOrder, shape } = parseNpyHeader(head.toString('latin1', 10));
    if (head.toString('latin1', 0, 6) !== MAGIC || head.readUInt16LE(8) !== FIXED_HEADER_BYTES - 10)
      throw new Error('it is no matrix that hazure wrote');
    if (descr !== '<f4' || fortranOrder || shape.length !== 2) throw new Error('it is no float32 matrix');
    return { rows: shape[0], cols: shape[1] };
  } finally {
    await handle.close();
  }
}

/** Adjoining rows are read at once, up to so many bytes. */
const READ_BYTES = 2 ** 23;

/**
 * Some rows of a matrix that `NpyMatrixWriter` wrote, without reading the others.
 * @param ascending distinct rows
 * @throws Error when the file is shorter than that
 */
export async function readNpyRows(
  path: string,
  cols: number,
  ascending: Int32Array,
): Promise<EmbeddingMatrix> {
  const data = new Float32Array(ascending.length * cols);
  const handle = await open(path, 'r');
  try {
    const most = Math.max(1, Math.floor(READ_BYTES / (4 * cols)));
    for (let first = 0; first < ascending.length;) {
      let next = first + 1;
      while (next < ascending.length && next - first < most && ascending[next] === ascending[next - 1] + 1)
        next++;
      const into = data.subarray(first * cols, next * cols);
      await readWholly(handle, bytesOf(into), FIXED_HEADER_BYTES + 4 * cols * ascending[first]);
      first = next;
    }
  } finally {
    await handle.close();
  }
  return { data, rows: ascending.length, cols };
}
