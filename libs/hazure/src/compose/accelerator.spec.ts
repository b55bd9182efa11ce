import type { EmbeddingMatrix } from '@hazure/contracts';
import { plainAccelerator, Random, toShared } from '@hazure/numerics';
import { composeAccelerator } from './accelerator.js';

const native = composeAccelerator();
const twin = plainAccelerator(1);
const withEngine = native === undefined ? test.skip : test;

const normals = (rows: number, cols: number, seed: number): EmbeddingMatrix => {
  const random = new Random(seed);
  return { data: Float32Array.from({ length: rows * cols }, () => random.nextNormal()), rows, cols };
};
const worst = (a: Float64Array, b: Float64Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

describe('the native accelerator and its twin', () => {
  const [queries, reference] = [normals(120, 131, 1), normals(1500, 131, 2)];
  const weights = Float32Array.from({ length: 1500 }, (_, i) => 0.5 + (i % 7) / 7);
  const partOf = Int32Array.from({ length: 1500 }, (_, i) => i % 10);

  withEngine('find the same nearest rows, weighted, without their own part, in shared memory', async () => {
    const shared = { ...reference, data: toShared(reference.data) };
    for (const request of [
      { queries, reference, kept: 9 },
      { queries, reference: shared, kept: 9, weights },
      { queries: shared, reference: shared, kept: 5, partOf: toShared(partOf) },
      { queries, reference: normals(3, 131, 3), kept: 5 },
    ]) {
      expect(await native?.nearest(request)).toEqual(await twin.nearest(request));
    }
  });

  withEngine('transform and sum within rounding', async () => {
    const origin = new Float64Array(131).fill(0.3);
    const factor = Float64Array.from({ length: 131 * 131 }, (_, i) =>
      i % 131 <= Math.floor(i / 131) ? Math.sin(i) : 0,
    );
    const request = { rows: queries, origin, factor, rank: 131, triangular: true };
    const transformed = (await native?.transform(request)) as Float64Array;
    expect(worst(transformed, await twin.transform(request))).toBeLessThan(1e-12);
    const [sums, expected] = [
      await native?.moments(reference, origin),
      await twin.moments(reference, origin),
    ];
    expect(sums?.count).toBe(1500);
    expect(worst(sums?.second as Float64Array, expected.second)).toBeLessThan(1e-9);
    expect(worst(sums?.third as Float64Array, expected.third)).toBeLessThan(1e-7);
    expect((sums?.fourth ?? 0) / expected.fourth).toBeCloseTo(1, 12);
  });

  withEngine('refuse what does not fit, and hold what they were given', async () => {
    const bad = [
      [{ queries, reference: { ...reference, rows: 4 }, kept: 1 }, 'expected 524 values'],
      [{ queries, reference, kept: 0 }, '1…16384'],
      [{ queries, reference, kept: 1, weights: new Float32Array(3) }, 'expected 1500 values'],
      [{ queries, reference, kept: 1, partOf }, 'as the reference has'],
      [{ queries: normals(2, 5, 1), reference, kept: 1 }, 'queries.cols'],
    ] as const;
    for (const [request, message] of bad) {
      await expect(native?.nearest(request)).rejects.toMatchObject({
        code: 'INPUT_INVALID',
        message: expect.stringContaining(message) as string,
      });
    }
    const moved = { ...queries, data: queries.data.slice() };
    const running = native?.nearest({ queries: moved, reference, kept: 3 });
    structuredClone(moved.data, { transfer: [moved.data.buffer] });
    expect(await running).toEqual(await twin.nearest({ queries, reference, kept: 3 }));
  });
});
