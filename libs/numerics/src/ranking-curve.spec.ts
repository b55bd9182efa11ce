import fc from 'fast-check';
import { bestF1, rankingCurve, thinCurve } from './ranking-curve.js';
import { rankingMetrics } from './ranking.js';

// labels and scores of scikit-learn's own example of roc_curve and precision_recall_curve
const labels = [0, 0, 1, 1];
const scores = [0.1, 0.4, 0.35, 0.8];

test('the points of the worked example', () => {
  const curve = rankingCurve(labels, scores);
  expect(curve.map(({ threshold }) => threshold)).toEqual([0.8, 0.4, 0.35, 0.1]);
  expect(curve.map(({ falsePositiveRate }) => falsePositiveRate)).toEqual([0, 0.5, 0.5, 1]);
  expect(curve.map(({ recall }) => recall)).toEqual([0.5, 0.5, 1, 1]);
  expect(curve.map(({ precision }) => precision)).toEqual([1, 0.5, 2 / 3, 0.5]);
  expect(bestF1(curve)).toEqual({ f1: 0.8, threshold: 0.35, precision: 2 / 3, recall: 1 });
});

test('equal scores make one point', () => {
  expect(rankingCurve([1, 0, 1, 0], [2, 2, 1, 1])).toHaveLength(2);
});

const ranked = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: -5, max: 5 })), {
    minLength: 2,
    maxLength: 60,
  })
  .filter((rows) => new Set(rows.map(([label]) => label)).size === 2);

test('the areas under the curve are AUROC and average precision; the best F1 is found by trying all', () => {
  fc.assert(
    fc.property(ranked, (rows) => {
      const [of, by] = [rows.map(([label]) => label), rows.map(([, score]) => score)];
      const curve = rankingCurve(of, by);
      let [area, average, x, y] = [0, 0, 0, 0];
      for (const { falsePositiveRate, recall, precision } of curve) {
        area += ((falsePositiveRate - x) * (recall + y)) / 2;
        average += (recall - y) * precision;
        [x, y] = [falsePositiveRate, recall];
      }
      const expected = rankingMetrics(of, by);
      expect(area).toBeCloseTo(expected.auroc, 12);
      expect(average).toBeCloseTo(expected.averagePrecision, 12);
      const f1 = by.map((threshold) => {
        const flagged = rows.filter(([, score]) => score >= threshold);
        const hits = flagged.filter(([label]) => label === 1).length;
        return (2 * hits) / (flagged.length + of.filter((label) => label === 1).length);
      });
      expect(bestF1(curve).f1).toBeCloseTo(Math.max(...f1), 12);
    }),
  );
});

test('a thinned curve keeps its ends and strays nowhere far', () => {
  const n = 5000;
  const of = Array.from({ length: n }, (_, i) => ((i * 7919) % 3 === 0 ? 1 : 0));
  const by = Array.from({ length: n }, (_, i) => ((i * 104729) % 10007) + 3000 * of[i]);
  const curve = rankingCurve(of, by);
  const thin = thinCurve(curve, 100);
  expect(thin.length).toBeLessThanOrEqual(100);
  expect(thin.length).toBeGreaterThan(50);
  expect(thin[0]).toEqual(curve[0]);
  expect(thin.at(-1)).toEqual(curve.at(-1));
  for (let i = 1; i < thin.length; i++) {
    expect(thin[i].recall - thin[i - 1].recall).toBeLessThan(0.06);
    expect(thin[i].falsePositiveRate - thin[i - 1].falsePositiveRate).toBeLessThan(0.06);
  }
});
