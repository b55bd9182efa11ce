import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { Random } from './random.js';
import { bootstrapIntervals, rankingMetrics } from './ranking.js';
import { averageRanks, lowerBound, quantile, spearman } from './statistics.js';

interface Golden {
  ranking: {
    labels: number[];
    scores: number[];
    auroc: number;
    averagePrecision: number;
    fprAt95Tpr: number;
  }[];
  quantiles: { values: number[]; q: number[]; expected: number[] };
}
const golden = JSON.parse(
  readFileSync(new URL('../testdata/scikit-learn.json', import.meta.url), 'utf8'),
) as Golden;

describe('ranking metrics', () => {
  test.each(golden.ranking.map((item) => [item.labels.length, item] as const))(
    'equal scikit-learn on %i rows, ties included',
    (_rows, { labels, scores, ...expected }) => {
      const metrics = rankingMetrics(labels, scores);
      expect(metrics.auroc).toBeCloseTo(expected.auroc, 12);
      expect(metrics.averagePrecision).toBeCloseTo(expected.averagePrecision, 12);
      expect(metrics.fprAt95Tpr).toBeCloseTo(expected.fprAt95Tpr, 12);
    },
  );

  test('AUROC is the share of pairs ranked rightly, ties half', () => {
    const rows = fc.array(
      fc.record({ label: fc.integer({ min: 0, max: 1 }), score: fc.integer({ min: 0, max: 5 }) }),
      {
        minLength: 2,
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(rows, (items) => {
        const normal = items.filter(({ label }) => label === 0);
        const anomalies = items.filter(({ label }) => label === 1);
        fc.pre(normal.length > 0 && anomalies.length > 0);
        let won = 0;
        for (const a of anomalies) {
          for (const n of normal) won += a.score > n.score ? 1 : a.score === n.score ? 0.5 : 0;
        }
        const { auroc } = rankingMetrics(
          items.map(({ label }) => label),
          items.map(({ score }) => score),
        );
        expect(auroc).toBeCloseTo(won / (normal.length * anomalies.length), 12);
      }),
      { numRuns: 100 },
    );
  });

  test('bootstrap intervals hold the estimate, narrow with more rows and repeat with the seed', () => {
    const intervalOf = (n: number): readonly [number, number] => {
      const random = new Random(1);
      const labels = Array.from({ length: n }, (_, i) => i % 2);
      const scores = labels.map((label) => label + random.nextNormal());
      const { auroc } = bootstrapIntervals(labels, scores, { seed: 3, resamples: 300 });
      const estimate = rankingMetrics(labels, scores).auroc;
      expect(auroc[0]).toBeLessThan(estimate);
      expect(auroc[1]).toBeGreaterThan(estimate);
      expect(bootstrapIntervals(labels, scores, { seed: 3, resamples: 300 }).auroc).toEqual(auroc);
      return auroc;
    };
    const [small, large] = [intervalOf(60), intervalOf(960)];
    // Four times narrower in theory (√16).
    expect((small[1] - small[0]) / (large[1] - large[0])).toBeGreaterThan(2.5);
  });

  test.each([
    ['one label only', [0, 0], [1, 2], 'expected normal rows and anomalies'],
    ['a label that is not 0 or 1', [0, 2], [1, 2], 'expected 0 (normal) or 1'],
    ['NaN scores', [0, 1], [1, NaN], 'expected finite numbers'],
    ['lengths that differ', [0, 1], [1], 'expected one per score'],
  ])('refuses %s', (_what, labels, scores, message) => {
    expect(() => rankingMetrics(labels, scores)).toThrow(message);
  });
});

describe('statistics', () => {
  test('quantiles equal numpy', () => {
    const { values, q, expected } = golden.quantiles;
    q.forEach((at, i) => expect(quantile(values, at)).toBeCloseTo(expected[i], 12));
  });

  test('average ranks share ties; Spearman sees any monotone relation', () => {
    expect([...averageRanks([10, 20, 20, 5])]).toEqual([2, 3.5, 3.5, 1]);
    expect(spearman([1, 2, 3, 4], [1, 8, 27, 64])).toBeCloseTo(1, 12);
  });

  test('lowerBound counts smaller values', () => {
    expect([0, 1, 2, 3, 9].map((value) => lowerBound([1, 1, 2, 3], value))).toEqual([0, 0, 2, 3, 4]);
  });
});
