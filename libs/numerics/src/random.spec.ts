import fc from 'fast-check';
import { Random, sampleWithoutReplacement } from './random.js';

/** Fisher–Yates as the book has it. */
function naiveSample(random: Random, n: number, count: number): number[] {
  const pool = Array.from({ length: n }, (_, i) => i);
  for (let i = 0; i < Math.min(n, count); i++) {
    const j = i + random.nextInt(n - i);
    [pool[i], pool[j]] = [pool[j], pool[i]];
  }
  return pool.slice(0, count);
}

test('a sample is the beginning of a shuffle, however few are drawn of many', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 3000 }),
      fc.integer({ min: 0, max: 100 }),
      fc.nat(),
      (n, count, seed) => {
        const sample = sampleWithoutReplacement(new Random(seed), n, count);
        expect([...sample]).toEqual(naiveSample(new Random(seed), n, count));
      },
    ),
  );
});
