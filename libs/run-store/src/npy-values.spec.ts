import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { encodeNpy, readNpy } from './npy.js';
import { readLabelValues, readNumberMatrix, toFloat32 } from './npy-values.js';

let root: string;
let path: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hazure-npy-'));
  path = join(root, 'x.npy');
});
afterEach(() => rm(root, { recursive: true, force: true }));

interface Layout {
  readonly shape?: string;
  readonly fortran?: boolean;
  readonly version?: number;
  readonly header?: string;
}

/** A .npy file of the given bytes, as numpy.lib.format writes it. */
async function save(descr: string, values: Buffer, layout: Layout = {}): Promise<void> {
  const { shape = '(2, 2)', fortran = false, version = 1 } = layout;
  const dict =
    layout.header ??
    `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': ${shape}, }`;
  const lengthBytes = version === 1 ? 2 : 4;
  const start = 8 + lengthBytes;
  const text = `${dict.padEnd(Math.ceil((start + dict.length + 1) / 64) * 64 - start - 1)}\n`;
  const head = Buffer.alloc(start);
  head.write('\x93NUMPY', 'latin1');
  head[6] = version;
  head.writeUIntLE(text.length, 8, lengthBytes);
  await writeFile(path, Buffer.concat([head, Buffer.from(text, 'latin1'), values]));
}

/** Four values of a dtype, big-endian where its code begins with >. */
function bytesOf(descr: string, values: readonly number[]): Buffer {
  const [order, kind, size] = [descr[0], descr[1], Number(descr.slice(2))];
  const out = Buffer.alloc(values.length * size);
  values.forEach((value, i) => {
    const at = i * size;
    if (kind === 'f') {
      if (size === 2) out.writeUInt16LE(HALF[value], at);
      else if (size === 4) out.writeFloatLE(value, at);
      else out.writeDoubleLE(value, at);
    } else if (size === 8) out.writeBigInt64LE(BigInt(value), at);
    else if (kind === 'i') out.writeIntLE(value, at, size);
    else out.writeUIntLE(value, at, size);
    if (order === '>') out.subarray(at, at + size).reverse();
  });
  return out;
}
/** binary16 of the values used here. */
const HALF: Record<number, number> = { 0: 0, 1: 0x3c00, 2: 0x4000, 3: 0x4200 };

const DTYPES = ['b1', 'i1', 'u1', 'i2', 'u2', 'i4', 'u4', 'i8', 'u8', 'f2', 'f4', 'f8'];
const SPELLINGS = DTYPES.flatMap((each) => (each.endsWith('1') ? [`|${each}`] : [`<${each}`, `>${each}`]));

describe('what NumPy writes is read', () => {
  test.each(SPELLINGS.flatMap((descr) => [1, 2, 3].map((version) => [descr, version] as const)))(
    '%s, version %i.0, both orders',
    async (descr, version) => {
      const values = descr === '|b1' ? [0, 1, 1, 0] : [0, 1, 2, 3];
      await save(descr, bytesOf(descr, values), { version });
      expect([...(await readNumberMatrix(path)).data]).toEqual(values);
      await save(descr, bytesOf(descr, values), { version, fortran: true });
      expect([...(await readNumberMatrix(path)).data]).toEqual([0, 2, 1, 3].map((i) => values[i]));
      await save(descr, bytesOf(descr, values), { version, shape: '(4,)' });
      expect([...(await readLabelValues(path, { binary: false }))]).toEqual(values);
      await save(descr, bytesOf(descr, values), { version, shape: '(4, 1)', fortran: true });
      expect([...(await readLabelValues(path, { binary: false }))]).toEqual(values);
    },
  );

  test('every float16 is read exactly', async () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    await save('<f2', Buffer.from(bits.buffer), { shape: '(65536,)' });
    const { data } = await readNpy(path);
    // By the definition: (−1)^s × 1.m × 2^(e − 15), or 0.m × 2^−14 where e is 0.
    for (let i = 0; i < 65536; i += 1) {
      const [sign, exponent, fraction] = [i >> 15 ? -1 : 1, (i >> 10) & 31, (i & 1023) / 1024];
      const value = exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14;
      const expected = exponent < 31 ? sign * value : fraction ? NaN : sign * Infinity;
      if (!Object.is(data[i], expected)) expect([i, data[i]]).toEqual([i, expected]);
    }
  });

  test('Fortran order of any shape', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 }),
        async (shape) => {
          const count = shape.reduce((a, b) => a * b, 1);
          const at = (flat: number): number => {
            // C index → index in Fortran order
            let [rest, to] = [flat, 0];
            for (let axis = shape.length - 1; axis >= 0; axis--) {
              to += (rest % shape[axis]) * shape.slice(0, axis).reduce((a, b) => a * b, 1);
              rest = Math.floor(rest / shape[axis]);
            }
            return to;
          };
          const values = Float64Array.from({ length: count }, (_, i) => i);
          await save('<f8', Buffer.from(values.buffer), { shape: `(${shape.join(', ')},)`, fortran: true });
          expect([...(await readNpy(path)).data]).toEqual(Array.from({ length: count }, (_, i) => at(i)));
        },
      ),
      { numRuns: 30 },
    );
  });

  test.each([
    ['double quotes, another order of keys', `{"shape": (2, 2), "fortran_order": False, "descr": "<f4"}`],
    ['long integers of Python 2', `{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 2L), }`],
    ['no blanks', `{'descr':'<f4','fortran_order':False,'shape':(2,2)}`],
  ])('a header with %s', async (_, header) => {
    await save('<f4', bytesOf('<f4', [1, 2, 3, 0]), { header });
    expect([...(await readNpy(path)).data]).toEqual([1, 2, 3, 0]);
  });
});

describe('what can’t be read is refused, with the line that mends it', () => {
  test.each<[string, string, number, RegExp, RegExp]>([
    ['complex numbers', '<c8', 8, /complex numbers \(dtype <c8\)/, /x\.real, x\.imag/],
    ['objects', '|O', 8, /Python objects/, /x\.tolist/],
    ['strings', '<U5', 20, /strings/, /astype\('float64'\)/],
    ['bytes', '|S3', 3, /strings/, /astype/],
    ['dates', '<M8[ns]', 8, /dates or times/, /int64/],
    ['long doubles', '<f16', 16, /extended floats/, /float64/],
    ['bfloat16', '<V2', 2, /bfloat16/, /float32/],
    ['raw bytes', '|V7', 7, /raw bytes/, /frombuffer/],
    ['an unknown dtype', '<q9', 9, /dtype <q9/, /numpy\.save/],
  ])('%s', async (_, descr, size, message, hint) => {
    await save(descr, Buffer.alloc(4 * size));
    await expect(readNpy(path)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(hint) as string,
    });
  });

  test.each([
    [
      'fields',
      `{'descr': [('a', '<f4'), ('b', '<i4', (2,))], 'fortran_order': False, 'shape': (2, 2), }`,
      /structured/,
    ],
    ['no shape', `{'descr': '<f4', 'fortran_order': False, }`, /lacks descr, fortran_order or shape/],
    ['a negative size', `{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 2), }`, /no tuple of sizes/],
    ['a size of 1.5', `{'descr': '<f4', 'fortran_order': False, 'shape': (1.5, 2), }`, /damaged header/],
    ['no order', `{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 2), }`, /neither True nor False/],
    ['half a dict', `{'descr': '<f4', 'fortran_order': Fal`, /damaged header/],
    [
      'a huge shape',
      `{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000), }`,
      /ends early/,
    ],
    ['code', `__import__('os')`, /damaged header/],
    ['deep nesting', '['.repeat(5000), /damaged header/],
  ])('a header with %s', async (_, header, message) => {
    await save('<f4', Buffer.alloc(16), { header });
    await expect(readNpy(path)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringMatching(message) as string,
    });
  });

  test.each<[string, Buffer, RegExp]>([
    [
      'cut',
      encodeNpy(Float32Array.of(1, 2, 3), [3]).subarray(0, -2),
      /ends early: .*float32 values of shape \(3,\)/,
    ],
    [
      'longer',
      Buffer.concat([encodeNpy(Float32Array.of(1), [1]), Buffer.alloc(3)]),
      /goes on after its array/,
    ],
    ['cut in its header', encodeNpy(Float32Array.of(1), [1]).subarray(0, 40), /ends inside its header/],
    ['cut in its first bytes', Buffer.from('\x93NUMPY\x01', 'latin1'), /ends inside its header/],
    ['of version 9', Buffer.from('\x93NUMPY\x09\x00\x10\x00\x00\x00', 'latin1'), /version 9\.0/],
    ['an .npz', Buffer.from('PK\x03\x04 and so on'), /zip archive/],
    ['packed', Buffer.from('\x1f\x8b\x08 and so on', 'latin1'), /gzip/],
    ['text', Buffer.from('1.0, 2.0\n3.0, 4.0\n'), /is text/],
    ['empty', Buffer.alloc(0), /is empty/],
  ])('a file that is %s', async (_, bytes, message) => {
    await writeFile(path, bytes);
    await expect(readNpy(path)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringMatching(message) as string,
    });
  });

  test('a folder', async () => {
    await expect(readNpy(root)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });

  test.each([
    ['(4,)', /shape \(4,\)/],
    ['()', /shape \(\)/],
    ['(1, 2, 2)', /shape \(1, 2, 2\)/],
    ['(0, 4)', /empty/],
  ])('a matrix of shape %s', async (shape, message) => {
    const count = shape === '()' ? 1 : shape === '(0, 4)' ? 0 : 4;
    await save('<f4', Buffer.alloc(4 * count), { shape });
    await expect(readNumberMatrix(path)).rejects.toThrow(message);
  });
});

test('a 64-bit integer beyond 2⁵³ is named by its row', async () => {
  await writeFile(path, encodeNpy(BigInt64Array.of(1n, 2n, 3n, -9007199254740993n), [2, 2]));
  await expect(readNumberMatrix(path)).rejects.toThrow(/row 1, column 1 is -9007199254740993 \(int64\)/);
  await writeFile(path, encodeNpy(BigInt64Array.of(0n, 2n ** 60n), [2]));
  await expect(readLabelValues(path, { binary: false })).rejects.toThrow(/row 1 is 1152921504606846976/);
});

describe('labels are judged by value', () => {
  test.each<[number[], boolean, RegExp | null]>([
    [[0, 1, 1], true, null],
    [[0, -3, 4e9], false, null],
    [[0, 0.5, 1], true, /row 1 is 0\.5; a label is 0 \(normal\) or 1 \(anomaly\)/],
    [[0, 1, NaN], true, /row 2 is NaN/],
    [[2, 1, 0], true, /row 0 is 2/],
    [[0, 0.5, 1], false, /row 1 is 0\.5; a label is a whole number/],
    [[0, Infinity, 1], false, /row 1 is Infinity/],
  ])('%p, binary %p', async (values, binary, message) => {
    await writeFile(path, encodeNpy(Float64Array.from(values), [values.length]));
    const read = readLabelValues(path, { binary });
    if (message === null) expect([...(await read)]).toEqual(values);
    else await expect(read).rejects.toThrow(message);
  });

  test('of two columns are none', async () => {
    await writeFile(path, encodeNpy(Float64Array.of(0, 1, 1, 0), [2, 2]));
    await expect(readLabelValues(path, { binary: true })).rejects.toThrow(/one label a row.*\(2, 2\)/);
  });
});

describe('toFloat32', () => {
  const matrix = (values: readonly number[], cols = 1) => ({
    path: 'x.npy',
    data: Float64Array.from(values),
    rows: values.length / cols,
    cols,
  });

  test('values that float32 holds well are only rounded, in silence', () => {
    const notices: string[] = [];
    const [out] = toFloat32([matrix([0.1, 0.2, 100.3, -4])], (notice) => notices.push(notice));
    expect([...out.data]).toEqual([0.1, 0.2, 100.3, -4].map(Math.fround));
    expect(notices).toEqual([]);
  });

  test('an offset is taken off before rounding, alike of all matrices, and only of its columns', () => {
    const notices: string[] = [];
    const [train, test] = toFloat32(
      [matrix([1e9, 0.5, 1e9 + 1, 0.25, 1e9 + 2, 0.125], 2), matrix([1e9 + 7, 0.75], 2)],
      (notice) => notices.push(notice),
    );
    expect([...train.data]).toEqual([-1, 0.5, 0, 0.25, 1, 0.125]);
    expect([...test.data]).toEqual([6, 0.75]);
    expect(notices).toEqual([expect.stringMatching(/1 of 2 columns lie too far from zero/)]);
  });

  test('differences that float64 holds survive, whatever the offset', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 30 }),
        fc.double({ min: -1e12, max: 1e12, noNaN: true }),
        (steps, offset) => {
          const values = steps.map((step) => offset + step);
          const [{ data }] = toFloat32([matrix(values)], () => undefined);
          const spread = Math.max(...values) - Math.min(...values);
          for (let i = 1; i < values.length; i++) {
            expect(Math.abs(data[i] - data[0] - (values[i] - values[0]))).toBeLessThanOrEqual(
              2e-3 * spread * Math.sqrt(values.length) + 1e-30,
            );
          }
        },
      ),
    );
  });

  test('a value beyond float32 is named as it is; one that is not finite is left for who computes', () => {
    expect(() => toFloat32([matrix([1, 2, 3, 1e39], 2)], () => undefined)).toThrow(
      /row 1, column 1 is 1e\+39, beyond float32/,
    );
    expect([...toFloat32([matrix([1, NaN, Infinity])], () => undefined)[0].data]).toEqual([1, NaN, Infinity]);
  });

  test('differences too small for float32 are refused, with the line that mends them', () => {
    expect(() => toFloat32([matrix([1e-60, 2e-60, 3e-60])], () => undefined)).toThrow(
      /column 0 are smaller than float32/,
    );
  });
});
