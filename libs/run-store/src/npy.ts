import { createHash } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { InputError, messageOf, type MatrixWriter } from '@hazure/contracts';
import { unwritable, type Written } from './atomic.js';

/**
 * NumPy's .npy format, version 1.0 (numpy.org/neps/nep-0001-npy-format.html): magic, version, header length,
 * a Python dict literal padded to a multiple of 64, then the raw values.
 */
const MAGIC = '\x93NUMPY';
const FIXED_HEADER_BYTES = 128;

export type NpyData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: NpyData;
}

const READERS: Record<string, (buffer: ArrayBuffer) => NpyData> = {
  '<f4': (buffer) => new Float32Array(buffer),
  '<f8': (buffer) => new Float64Array(buffer),
  '|i1': (buffer) => new Int8Array(buffer),
  '|u1': (buffer) => new Uint8Array(buffer),
  '|b1': (buffer) => new Uint8Array(buffer),
  '<i2': (buffer) => new Int16Array(buffer),
  '<u2': (buffer) => new Uint16Array(buffer),
  '<i4': (buffer) => new Int32Array(buffer),
  '<u4': (buffer) => new Uint32Array(buffer),
  '<i8': (buffer) => new BigInt64Array(buffer),
  '<u8': (buffer) => new BigUint64Array(buffer),
};

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

/** Reads a whole .npy file. Throws InputError INPUT_INVALID for anything but a whole, little-endian, C-ordered one. */
export async function readNpy(path: string): Promise<NpyArray> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    throw new InputError('INPUT_MISSING', `Can't open ${path}: ${messageOf(cause)}`, {
      cause,
      hint: 'Check the path.',
    });
  }
  try {
    return await readNpyFrom(handle, path);
  } finally {
    await handle.close();
  }
}

async function readNpyFrom(handle: FileHandle, path: string): Promise<NpyArray> {
  const refuse = (what: string): InputError =>
    new InputError('INPUT_INVALID', `${path} ${what}`, {
      hint: "Save it with numpy.save(path, numpy.ascontiguousarray(x, dtype='float32')).",
    });
  const prefix = Buffer.alloc(12);
  const { bytesRead } = await handle.read(prefix, 0, 12, 0);
  if (bytesRead < 10 || prefix.toString('latin1', 0, 6) !== MAGIC) throw refuse('is not a .npy file');
  const wide = prefix[6] >= 2;
  const headerStart = wide ? 12 : 10;
  const headerBytes = wide ? prefix.readUInt32LE(8) : prefix.readUInt16LE(8);
  if (headerBytes > 1 << 20) throw refuse('has an absurdly long header');
  const text = Buffer.alloc(headerBytes);
  await handle.read(text, 0, headerBytes, headerStart);
  const dict = text.toString('latin1');
  const dtype = /'descr':\s*'([^']+)'/.exec(dict)?.[1];
  const shapeText = /'shape':\s*\(([^)]*)\)/.exec(dict)?.[1];
  if (dtype === undefined || shapeText === undefined) throw refuse('has a header without descr or shape');
  if (/'fortran_order':\s*True/.test(dict)) throw refuse('is in Fortran order; C order is expected');
  const reader = READERS[dtype];
  if (!reader) throw refuse(`holds ${dtype} values; float32, float64 or integers are expected`);
  const shape = shapeText
    .split(',')
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '')
    .map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  const itemBytes = Number(dtype.slice(2));
  const { size } = await handle.stat();
  const expected = headerStart + headerBytes + count * itemBytes;
  if (size !== expected) throw refuse(`is ${size} bytes long where its header promises ${expected}`);
  const buffer = new ArrayBuffer(count * itemBytes);
  const view = new Uint8Array(buffer);
  for (let offset = 0; offset < view.byteLength;) {
    // one read call takes at most 2 GiB
    const length = Math.min(1 << 30, view.byteLength - offset);
    const read = await handle.read(view, offset, length, headerStart + headerBytes + offset);
    if (read.bytesRead === 0) throw refuse('ended early while it was read');
    offset += read.bytesRead;
  }
  return { shape, data: reader(buffer) };
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
      await this.handle.write(rows, 0, rows.byteLength, this.position);
    } catch (cause) {
      throw unwritable(this.path, cause);
    }
    this.position += rows.byteLength;
    this.rows += rows.length / this.cols;
  }

  async close(): Promise<void> {
    try {
      const head = header('<f4', [this.rows, this.cols]);
      await this.handle.write(head, 0, head.length, 0);
      const sha256 = await this.hash();
      await this.handle.close();
      await rename(`${this.path}.tmp`, this.path);
      this.onClose({ bytes: this.position, sha256 });
    } catch (cause) {
      await rm(`${this.path}.tmp`, { force: true });
      throw unwritable(this.path, cause);
    }
  }

  /** The header changed last, so the file is read once more, in pieces. */
  private async hash(): Promise<string> {
    const hash = createHash('sha256');
    const piece = Buffer.alloc(1 << 20);
    for (let offset = 0; offset < this.position;) {
      const { bytesRead } = await this.handle.read(piece, 0, piece.length, offset);
      hash.update(piece.subarray(0, bytesRead));
      offset += bytesRead;
    }
    return hash.digest('hex');
  }
}
