import { open, type FileHandle } from 'node:fs/promises';
import { endianness } from 'node:os';
import { InputError, messageOf } from '@hazure/contracts';
import { MAGIC, parseNpyHeader, type NpyHeader } from './npy-header.js';

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
  /** C order, whatever the file's. float16 is read as float32, bool as uint8 (0 and 1). */
  readonly data: NpyData;
  /** The values' name in NumPy, e.g. `float16`. */
  readonly dtype: string;
}

interface Kind {
  readonly name: string;
  readonly itemBytes: number;
  readonly make: (buffer: ArrayBuffer) => NpyData;
}

/** Every dtype of NumPy whose values JavaScript has without loss. */
const KINDS: Readonly<Record<string, Kind>> = {
  b1: { name: 'bool', itemBytes: 1, make: (buffer) => new Uint8Array(buffer) },
  i1: { name: 'int8', itemBytes: 1, make: (buffer) => new Int8Array(buffer) },
  u1: { name: 'uint8', itemBytes: 1, make: (buffer) => new Uint8Array(buffer) },
  i2: { name: 'int16', itemBytes: 2, make: (buffer) => new Int16Array(buffer) },
  u2: { name: 'uint16', itemBytes: 2, make: (buffer) => new Uint16Array(buffer) },
  i4: { name: 'int32', itemBytes: 4, make: (buffer) => new Int32Array(buffer) },
  u4: { name: 'uint32', itemBytes: 4, make: (buffer) => new Uint32Array(buffer) },
  i8: { name: 'int64', itemBytes: 8, make: (buffer) => new BigInt64Array(buffer) },
  u8: { name: 'uint64', itemBytes: 8, make: (buffer) => new BigUint64Array(buffer) },
  f2: { name: 'float16', itemBytes: 2, make: (buffer) => halves(new Uint16Array(buffer)) },
  f4: { name: 'float32', itemBytes: 4, make: (buffer) => new Float32Array(buffer) },
  f8: { name: 'float64', itemBytes: 8, make: (buffer) => new Float64Array(buffer) },
};

/** IEEE 754 binary16 → binary32, exact. */
function halves(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
  });
}

const SAVE = 'numpy.save(path, x)';
/** What values of other kinds are called, and the line of NumPy that makes them ones that are read. */
const OTHERS: readonly (readonly [RegExp, string, string])[] = [
  [
    /c/,
    'complex numbers',
    "numpy.save(path, numpy.concatenate([x.real, x.imag], axis=-1).astype('float32'))",
  ],
  [/O/, 'Python objects', "numpy.save(path, numpy.array(x.tolist(), dtype='float32'))"],
  [/[USa]/, 'strings', "numpy.save(path, x.astype('float64'))"],
  [/[Mm]/, 'dates or times', "numpy.save(path, x.astype('int64'))"],
  [/f(?:12|16)/, 'extended floats', "numpy.save(path, x.astype('float64'))"],
  [/bfloat16|V2$/, 'bfloat16 or raw bytes', "numpy.save(path, x.astype('float32'))"],
  [/V/, 'raw bytes', "numpy.save(path, numpy.frombuffer(x.tobytes(), dtype='float32').reshape(len(x), -1))"],
];
const STRUCTURED = 'numpy.save(path, numpy.lib.recfunctions.structured_to_unstructured(x))';

/** Files that are taken for .npy: how they begin, what they are, what makes a .npy of them. */
const LOOK_ALIKES: readonly (readonly [readonly string[], string, string])[] = [
  [['PK'], 'is a zip archive (.npz)', "numpy.save('x.npy', numpy.load(path)['NAME'])"],
  [['\x1f\x8b'], 'is packed by gzip', 'gunzip it'],
  [
    ['\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05'],
    'is a Python pickle',
    "numpy.save('x.npy', numpy.load(path, allow_pickle=True))",
  ],
  [['\x89HDF'], 'is an HDF5 file', "numpy.save('x.npy', h5py.File(path)['NAME'][:])"],
  [['PAR1'], 'is a Parquet file', "numpy.save('x.npy', pandas.read_parquet(path).to_numpy())"],
  [[...'0123456789-+. '], 'is text', "numpy.save('x.npy', numpy.loadtxt(path, delimiter=','))"],
];

const MAX_HEADER_BYTES = 1 << 20;

function refuse(
  path: string,
  what: string,
  hint = `Save it again with ${SAVE}.`,
  cause?: unknown,
): InputError {
  return new InputError('INPUT_INVALID', `${path} ${what}`, { hint, cause });
}

/**
 * Reads a whole .npy file: format versions 1 to 3, both byte orders, C and Fortran order, bool, integers of 1 to 8 bytes,
 * floats of 2 to 8.
 *
 * @throws InputError INPUT_MISSING when it can't be opened; INPUT_INVALID for values of another kind, with the line of
 *   NumPy that mends the file, for a damaged header, and for a file shorter or longer than its header says
 */
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
    if ((await handle.stat()).isDirectory()) {
      throw refuse(path, 'is a folder, not a .npy file', 'Name the file in it.');
    }
    return await readNpyFrom(handle, path);
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    throw refuse(path, `can't be read: ${messageOf(cause)}`, 'Check the file and its disk.', cause);
  } finally {
    await handle.close();
  }
}

async function readNpyFrom(handle: FileHandle, path: string): Promise<NpyArray> {
  const { header, dataStart } = await readHeader(handle, path);
  const { shape, descr, fortranOrder } = header;
  const { kind, swap } = kindOf(descr, path);
  const count = shape.reduce((product, size) => product * size, 1);
  const { size } = await handle.stat();
  const expected = dataStart + count * kind.itemBytes;
  const told = `its header promises ${kind.name} values of shape (${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;
  if (size < expected) {
    throw refuse(
      path,
      `ends early: ${told}, ${expected} bytes in all, and there are ${size}`,
      `Copy the file again, or save it again with ${SAVE}.`,
    );
  }
  if (size > expected) {
    throw refuse(
      path,
      `goes on after its array: ${told}, ${expected} bytes in all, and there are ${size}`,
      `Save one array per file, each with ${SAVE}.`,
    );
  }
  const buffer = await readBytes(handle, path, dataStart, count * kind.itemBytes);
  if (swap) swapBytes(Buffer.from(buffer), kind.itemBytes);
  const data = kind.make(buffer);
  return { shape, data: fortranOrder ? inRows(data, shape) : data, dtype: kind.name };
}

async function readHeader(
  handle: FileHandle,
  path: string,
): Promise<{ header: NpyHeader; dataStart: number }> {
  const prefix = Buffer.alloc(12);
  const { bytesRead } = await handle.read(prefix, 0, 12, 0);
  const start = prefix.toString('latin1', 0, bytesRead);
  if (bytesRead === 0) throw refuse(path, 'is empty, not a .npy file');
  if (!start.startsWith(MAGIC)) {
    const alike = LOOK_ALIKES.find(([beginnings]) => beginnings.some((each) => start.startsWith(each)));
    if (alike === undefined) throw refuse(path, 'is not a .npy file');
    throw refuse(path, `is not a .npy file: it ${alike[1]}`, `Make one of it: ${alike[2]}.`);
  }
  const version = prefix[6];
  if (version < 1 || version > 3) {
    throw refuse(path, `is of .npy version ${version}.${prefix[7]}; 1.0 to 3.0 are known`);
  }
  const headerStart = version === 1 ? 10 : 12;
  const headerBytes = version === 1 ? prefix.readUInt16LE(8) : prefix.readUInt32LE(8);
  if (headerBytes > MAX_HEADER_BYTES)
    throw refuse(path, `claims a header of ${headerBytes} bytes; it is damaged`);
  const text = Buffer.alloc(headerBytes);
  const read = await handle.read(text, 0, headerBytes, headerStart);
  if (bytesRead < headerStart || read.bytesRead < headerBytes) throw refuse(path, 'ends inside its header');
  try {
    const header = parseNpyHeader(text.toString(version === 3 ? 'utf8' : 'latin1'));
    return { header, dataStart: headerStart + headerBytes };
  } catch (cause) {
    throw refuse(path, `has a damaged header: ${messageOf(cause)}`, undefined, cause);
  }
}

/** @throws InputError for a dtype whose values can't be had without loss */
function kindOf(descr: string | null, path: string): { kind: Kind; swap: boolean } {
  if (descr === null) {
    throw refuse(
      path,
      'holds a structured array; one number per value is expected',
      `Save it with ${STRUCTURED}.`,
    );
  }
  const [, order = '|', code = descr] = /^([<>=|])?(.+)$/.exec(descr) ?? [];
  if (Object.hasOwn(KINDS, code)) {
    const kind = KINDS[code];
    const big = order === '>' || (order !== '<' && endianness() === 'BE');
    return { kind, swap: kind.itemBytes > 1 && big !== (endianness() === 'BE') };
  }
  const other = OTHERS.find(([pattern]) => pattern.test(code));
  throw refuse(
    path,
    `holds ${other?.[1] ?? 'values'} (dtype ${descr}); floats of up to 64 bits, integers or bool are expected`,
    `Save it with ${other?.[2] ?? "numpy.save(path, x.astype('float32'))"}.`,
  );
}

async function readBytes(
  handle: FileHandle,
  path: string,
  start: number,
  bytes: number,
): Promise<ArrayBuffer> {
  const buffer = new ArrayBuffer(bytes);
  const view = new Uint8Array(buffer);
  for (let offset = 0; offset < bytes;) {
    // one read call takes at most 2 GiB
    const read = await handle.read(view, offset, Math.min(1 << 30, bytes - offset), start + offset);
    if (read.bytesRead === 0) throw refuse(path, 'ended early while it was read');
    offset += read.bytesRead;
  }
  return buffer;
}

function swapBytes(bytes: Buffer, itemBytes: number): void {
  if (itemBytes === 2) bytes.swap16();
  else if (itemBytes === 4) bytes.swap32();
  else bytes.swap64();
}

/** Values in Fortran order (first index fastest) put into C order. */
function inRows<T extends NpyData>(data: T, shape: readonly number[]): T {
  if (shape.filter((size) => size > 1).length < 2) return data;
  const out = data.slice() as T;
  // Walks the file's order; each axis moves the target by its stride in C order.
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const index = shape.map(() => 0);
  let to = 0;
  for (const value of data) {
    out[to] = value;
    for (let axis = 0; axis < shape.length; axis++) {
      index[axis] += 1;
      to += strides[axis];
      if (index[axis] < shape[axis]) break;
      to -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}
