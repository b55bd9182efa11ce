import fc from 'fast-check';
import { connectedRegions, pixelMetrics, type LabelledMap } from './pixel-metrics.js';
import { rankingMetrics } from './ranking.js';

const map = (width: number, scores: number[], mask: number[]): LabelledMap => ({
  width,
  height: scores.length / width,
  scores: Float32Array.from(scores),
  mask: Uint8Array.from(mask),
});

test('regions touch at corners too', () => {
  const mask = Uint8Array.from([1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1]);
  const { regionOf, sizes } = connectedRegions(mask, 4, 4);
  expect(sizes).toEqual([4, 1]);
  expect(regionOf[4]).toBe(regionOf[9]);
  expect([...connectedRegions(new Uint8Array(6), 3, 2).sizes]).toEqual([]);
});

test('AUPRO by hand: a large region found, a small one not', async () => {
  // 10 normal pixels; region A of 3 pixels scores above all, region B of 1 pixel above 5 of the 10
  const scores = [9, 9, 9, 0, 0, 0, 0, 0, 3, 1, 5, 5, 5, 5];
  const mask = [1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0];
  // flagging 9: overlap 1/2 at rate 0; flagging 5: 1/2 at 0.4; then 3: 1 at 0.4
  const metrics = await pixelMetrics(() => [map(14, scores, mask)], 0.4);
  expect(metrics.aupro).toBeCloseTo(0.5, 12);
  expect(metrics).toMatchObject({ regions: 2, anomalousPixels: 4, pixels: 14, images: 1 });
  // up to 1: 0.4 × 1/2 + 0.6 × 1
  expect((await pixelMetrics(() => [map(14, scores, mask)], 1)).aupro).toBeCloseTo(0.8, 12);
  // the limit falls into a step: from (0.4, 1/2) … the line is cut there
  expect((await pixelMetrics(() => [map(14, scores, mask)], 0.2)).aupro).toBeCloseTo(0.5, 12);
});

test('a perfect map has 1, a constant one 1/2 of everything', async () => {
  const mask = [0, 1, 1, 0, 0, 0, 1, 0];
  const perfect = await pixelMetrics(() => [map(4, mask, mask)]);
  expect(perfect).toMatchObject({ auroc: 1, aupro: 1, averagePrecision: 1 });
  const flat = await pixelMetrics(() => [
    map(
      4,
      mask.map(() => 7),
      mask,
    ),
  ]);
  expect(flat.auroc).toBe(0.5);
  expect(flat.aupro).toBeCloseTo(0.15, 12);
});

test('pixel AUROC and average precision are those of all pixels as rows', async () => {
  const values = fc.array(fc.tuple(fc.integer({ min: -4, max: 4 }), fc.boolean()), {
    minLength: 24,
    maxLength: 24,
  });
  await fc.assert(
    fc.asyncProperty(values, async (pixels) => {
      const labels = pixels.map(([, odd]) => Number(odd));
      if (new Set(labels).size < 2) return;
      const scores = pixels.map(([score]) => score / 3);
      const maps = [
        map(4, scores.slice(0, 12), labels.slice(0, 12)),
        map(6, scores.slice(12), labels.slice(12)),
      ];
      const { auroc, averagePrecision } = await pixelMetrics(() => maps);
      const expected = rankingMetrics(labels, Float32Array.from(scores));
      expect(auroc).toBeCloseTo(expected.auroc, 5);
      expect(averagePrecision).toBeCloseTo(expected.averagePrecision, 5);
    }),
    { numRuns: 8 },
  );
});

test.each([
  ['sizes that differ', [{ ...map(2, [1, 2], [0, 1]), height: 3 }], 'expected 2 × 3'],
  ['NaN', [map(2, [1, NaN], [0, 1])], 'expected finite scores'],
  ['masks of one kind', [map(2, [1, 2], [0, 0])], 'expected normal and anomalous pixels'],
])('%s are refused', async (_what, maps, message) => {
  await expect(pixelMetrics(() => maps)).rejects.toThrow(message);
});
