import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { encodeNpy, readNpy } from './npy.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hazure-npy-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('bytes written by NumPy 1.24 (numpy.save of [[1.5, -2]] float32) are read', async () => {
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
  const bytes = Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'),
    Buffer.from(`${header.padEnd(117)}\n`, 'latin1'),
    Buffer.from(Float32Array.of(1.5, -2).buffer),
  ]);
  await writeFile(join(root, 'x.npy'), bytes);
  const { shape, data } = await readNpy(join(root, 'x.npy'));
  expect(shape).toEqual([1, 2]);
  expect([...data]).toEqual([1.5, -2]);
});

test('any float matrix survives a round trip', async () => {
  await fc.assert(
    fc.asyncProperty(fc.float64Array({ maxLength: 40 }), async (data) => {
      const path = join(root, 'y.npy');
      await writeFile(path, encodeNpy(data, [data.length]));
      const back = await readNpy(path);
      expect(back.shape).toEqual([data.length]);
      expect(back.data).toEqual(data);
    }),
    { numRuns: 30 },
  );
});

test.each([
  ['a text file', Buffer.from('hello world, not numpy')],
  ['a file that ends early', encodeNpy(Float32Array.of(1, 2, 3), [3]).subarray(0, -2)],
  ['an empty file', Buffer.alloc(0)],
  [
    'complex numbers',
    Buffer.from(encodeNpy(Float32Array.of(1), [1]).toString('latin1').replace('<f4', '<c8'), 'latin1'),
  ],
])('%s is refused with the reason', async (_, bytes) => {
  const path = join(root, 'bad.npy');
  await writeFile(path, bytes);
  await expect(readNpy(path)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
});

test('a missing file is named', async () => {
  await expect(readNpy(join(root, 'none.npy'))).rejects.toThrow(/none\.npy/);
});
