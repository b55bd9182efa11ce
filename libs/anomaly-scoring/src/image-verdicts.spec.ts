import { Random } from '@hazure/numerics';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { FittedBaseline } from './baseline.js';
import { fitBaseline } from './fit-baseline.js';
import { imageEvidence } from './image-verdicts.js';

/** Images of one to eight objects that share a part of their features. */
function imagesOf(random: Random, images: number, shift = 0): { x: EmbeddingMatrix; imageOf: number[] } {
  const cols = 6;
  const values: number[] = [];
  const imageOf: number[] = [];
  for (let image = 0; image < images; image++) {
    const common = Array.from({ length: cols }, () => random.nextNormal());
    const objects = 1 + random.nextInt(8);
    for (let i = 0; i < objects; i++) {
      common.forEach((value) => values.push(0.6 * value + random.nextNormal() + (i === 0 ? shift : 0)));
      imageOf.push(image);
    }
  }
  return { x: { data: Float32Array.from(values), rows: imageOf.length, cols }, imageOf };
}

describe('image verdicts', () => {
  test('an image is judged by its most anomalous object, with regard to their number', () => {
    const { evidence, mostAnomalous, objects } = imageEvidence([0.5, 0.01, 0.01, 0.2], [0, 0, 1, 3], 4);
    expect([...mostAnomalous]).toEqual([1, 2, -1, 3]);
    expect([...objects]).toEqual([2, 1, 0, 1]);
    expect(evidence[0]).toBeCloseTo(-Math.log(1 - 0.99 ** 2), 12);
    expect(evidence[1]).toBeCloseTo(-Math.log(0.01), 12); // of one object: more
    expect(evidence[2]).toBe(-1);
    expect(() => imageEvidence([0.5], [2], 2)).toThrow('image numbers below 2, got 2');
  });

  test('false alarms are a share of images, not of objects; outliers are found; empty images are none', async () => {
    const rates: number[] = [];
    let found = 0;
    for (let seed = 0; seed < 5; seed++) {
      const random = new Random(100 + seed);
      const normal = imagesOf(random, 150);
      const baseline = await fitBaseline({
        features: normal.x,
        groups: normal.imageOf,
        scorers: ['mahalanobis'],
        seed,
      });
      const fresh = imagesOf(random, 301);
      const judged = await baseline.score(fresh.x);
      const result = baseline.scoreImages(judged, fresh.imageOf, 302);
      rates.push(result.outlier.reduce((sum, flag) => sum + flag, 0) / 301);
      expect([result.pValues[301], result.outlier[301], result.mostAnomalous[301]]).toEqual([1, 0, -1]);
      const odd = imagesOf(random, 20, 5);
      const odds = baseline.scoreImages(await baseline.score(odd.x), odd.imageOf, 20);
      found += odds.outlier.reduce((sum, flag) => sum + flag, 0) / 20 / 5;
      const again = FittedBaseline.fromJSON(JSON.parse(JSON.stringify(baseline)), normal.x);
      expect(again.scoreImages(judged, fresh.imageOf, 302)).toEqual(result);
      expect(again.effectiveRows).toBe(baseline.effectiveRows);
      expect(again.dependence).toEqual(baseline.dependence);
    }
    const rate = rates.reduce((sum, value) => sum + value, 0) / rates.length;
    expect(rate).toBeGreaterThan(0.02);
    expect(rate).toBeLessThan(0.08);
    expect(found).toBeGreaterThan(0.95);
  });

  test('too few images for the percentile are refused, with the number needed', async () => {
    const { x, imageOf } = imagesOf(new Random(1), 18);
    const baseline = await fitBaseline({ features: x, groups: imageOf, scorers: ['mahalanobis'] });
    const judged = await baseline.score(x);
    expect(() => baseline.scoreImages(judged, imageOf, 18)).toThrow(
      'at least 20 held-out baseline images, got 18',
    );
  });
});
