import { InputError } from '@hazure/contracts';
import fc from 'fast-check';
import { largestBatch, learnItemMemory, measureItemMemory } from './item-memory.js';

describe('learnItemMemory', () => {
  test('finds the line behind exact measurements', () => {
    const measurements = [1, 2, 8].map((batchSize) => ({ batchSize, usedBytes: 5000 + 70 * batchSize }));
    const learned = learnItemMemory(measurements);
    expect(learned.bytesPerItem).toBeCloseTo(70, 6);
    expect(learned.fixedBytes).toBeCloseTo(5000, 6);
  });

  test('never predicts less than was measured, and never less for more items', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc.record({
            batchSize: fc.integer({ min: 1, max: 64 }),
            usedBytes: fc.integer({ min: 0, max: 1e9 }),
          }),
          { minLength: 2, maxLength: 6, selector: ({ batchSize }) => batchSize },
        ),
        (measurements) => {
          const { fixedBytes, bytesPerItem } = learnItemMemory(measurements);
          expect(bytesPerItem).toBeGreaterThanOrEqual(0);
          for (const { batchSize, usedBytes } of measurements) {
            expect(fixedBytes + bytesPerItem * batchSize).toBeGreaterThanOrEqual(usedBytes - 1e-3);
          }
        },
      ),
      { seed: 7 },
    );
  });

  test('needs two sizes', () => {
    const one = { batchSize: 4, usedBytes: 1 };
    expect(() => learnItemMemory([one, one])).toThrow(InputError);
  });
});

describe('measureItemMemory', () => {
  test('runs the sizes in order and reads the memory after each', async () => {
    let arena = 0;
    const ran: number[] = [];
    const learned = await measureItemMemory(
      () => 1000 + arena,
      async (batchSize) => {
        ran.push(batchSize);
        arena = Math.max(arena, 30 * batchSize);
      },
      [1, 3],
    );
    expect(ran).toEqual([1, 3]);
    expect(learned).toEqual({ fixedBytes: 1000, bytesPerItem: 30 });
  });
});

describe('largestBatch', () => {
  test.each([
    [1000, 10, { max: 500, share: 1 }, 100],
    [1000, 10, { max: 500 }, 90],
    [1000, 10, { max: 50 }, 50],
    [5, 10, { max: 50 }, 1],
    [5, 10, { min: 4, max: 50 }, 4],
    [1000, 0, { max: 50 }, 50],
  ])('%i bytes, %i per item, %j: %i', (free, bytesPerItem, limits, size) => {
    expect(largestBatch(free, { fixedBytes: 0, bytesPerItem }, limits)).toBe(size);
  });
});
