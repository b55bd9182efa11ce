import fc from 'fast-check';
import { splitByBytes } from './split.js';

async function* listing(sizes: readonly number[]): AsyncGenerator<{ bytes: number }> {
  for (const bytes of sizes) yield { bytes };
}

test('ranges cover every image once, in order, and begin where a whole run begins a chunk', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 10_000 }), { maxLength: 300 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 16 }),
      async (sizes, count, block) => {
        const ranges = await splitByBytes(listing(sizes), count, block);
        expect(ranges).toHaveLength(count);
        let at = 0;
        for (const { from, to, bytes } of ranges) {
          expect(from).toBe(at);
          expect(to).toBeGreaterThanOrEqual(from);
          expect(from % block === 0 || from === sizes.length).toBe(true);
          expect(bytes).toBe(sizes.slice(from, to).reduce((sum, each) => sum + each, 0));
          at = to;
        }
        expect(at).toBe(sizes.length);
      },
    ),
  );
});

test('no part is more than a block from its share, however sizes lie', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 50, maxLength: 300 }),
      fc.integer({ min: 1, max: 12 }),
      async (sizes, count) => {
        const total = sizes.reduce((sum, each) => sum + each, 0);
        for (const { bytes } of await splitByBytes(listing(sizes), count, 1))
          expect(Math.abs(bytes - total / count)).toBeLessThanOrEqual(10_000);
      },
    ),
  );
});

test('images of unknown size count as an average one', async () => {
  const sizes = [100, 0, 100, 0, 100, 0, 100, 0];
  expect(await splitByBytes(listing(sizes), 4, 1)).toMatchObject([
    { from: 0, to: 2 },
    { from: 2, to: 4 },
    { from: 4, to: 6 },
    { from: 6, to: 8 },
  ]);
  expect(await splitByBytes(listing([0, 0, 0, 0]), 2, 1)).toMatchObject([{ to: 2 }, { to: 4 }]);
});
