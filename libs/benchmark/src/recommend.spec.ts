import fc from 'fast-check';
import { kneeOf, recommend, type BenchPoint } from './recommend.js';

const point = (
  role: 'detector' | 'embedder',
  batchSize: number,
  imagesPerSecond: number | null,
  setting: Partial<BenchPoint> = {},
): BenchPoint => ({
  model: role,
  role,
  device: 'cpu',
  precision: 'fp32',
  threads: 0,
  streams: 2,
  batchSize,
  imagesPerSecond,
  p50Ms: 1,
  p95Ms: 2,
  memoryBytes: 1,
  ...setting,
});

const line = (role: 'detector' | 'embedder', rates: (number | null)[], setting?: Partial<BenchPoint>) =>
  rates.map((rate, i) => point(role, 2 ** i, rate, setting));

test('the knee is the smallest batch within 5% of the best', () => {
  expect(kneeOf(line('detector', [10, 90, 96, 100, 99]))).toBe(4);
  expect(kneeOf(line('detector', [100, 90, 80]))).toBe(1);
  expect(kneeOf(line('detector', [10, 50, null]))).toBe(2);
});

test('the smallest batch that is good for both models', () => {
  const points = [...line('detector', [50, 97, 100, 100]), ...line('embedder', [50, 90, 99, 100])];
  expect(recommend(points, 4)).toMatchObject({
    batchSize: 4,
    knees: { detector: 2, embedder: 4 },
    flags: '--batch-size 4 --device cpu',
  });
});

test('where none is good for both, the best of both together, by how often each model runs', () => {
  const detector = line('detector', [100, 60, 40]);
  const embedder = line('embedder', [40, 60, 100]);
  expect(recommend([...detector, ...embedder], 50)?.batchSize).toBe(4);
  expect(recommend([...detector, ...embedder], 0.01)?.batchSize).toBe(1);
});

test('the faster setting wins, and its flags say how to get it', () => {
  const gpu = { device: 'cuda', precision: 'fp16' };
  const points = [
    ...line('detector', [10, 11]),
    ...line('embedder', [100, 110]),
    ...line('detector', [100, 200], gpu),
    ...line('embedder', [1000, 2000], gpu),
    ...line('detector', [9, 12], { threads: 1 }),
    ...line('embedder', [90, 120], { threads: 1 }),
  ];
  expect(recommend(points, 5)).toMatchObject({
    batchSize: 2,
    flags: '--batch-size 2 --device cuda --precision fp16',
  });
  const cpuOnly = points.filter(({ device }) => device === 'cpu');
  expect(recommend(cpuOnly, 5)?.flags).toBe('--batch-size 2 --device cpu --threads 1');
});

test('nothing to recommend where a model never fitted', () => {
  expect(recommend([...line('detector', [null, null]), ...line('embedder', [1, 2])], 4)).toBeNull();
});

test('one model alone: always within 5% of the best of its own sweep', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.1, max: 1e4, noNaN: true }), { minLength: 1, maxLength: 8 }),
      (rates) => {
        const chosen = recommend(line('embedder', rates), 3)?.batchSize ?? 0;
        expect(rates[Math.log2(chosen)]).toBeGreaterThanOrEqual(0.95 * Math.max(...rates));
      },
    ),
  );
});
