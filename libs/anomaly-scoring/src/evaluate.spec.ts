import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { matrixFrom, Random } from '@hazure/numerics';
import { evaluateScorers, meanEvaluation } from './evaluate-scorers.js';
import { evaluateItems } from './evaluate-items.js';

const normals = (rows: number, cols: number, seed: number, shift = 0): number[][] => {
  const random = new Random(seed);
  return Array.from({ length: rows }, () => Array.from({ length: cols }, () => random.nextNormal() + shift));
};
const clock = { monotonicMs: () => (ticks += 250) };
let ticks = 0;

describe('evaluate on embeddings', () => {
  const train: EmbeddingMatrix = matrixFrom(normals(100, 5, 1));
  const test100 = matrixFrom([...normals(80, 5, 2), ...normals(20, 5, 3, 1.5)]);
  const labels = Array.from({ length: 100 }, (_, i) => (i < 80 ? 0 : 1));
  const input = { train, test: test100, labels, clock, scorerOptions: { iforest: { trees: 20 } } };

  test('reports every scorer in the promised shape, without NaN', async () => {
    const report = await evaluateScorers(input);
    expect(report).toMatchObject({
      default: 'lof',
      train: 100,
      test: 100,
      anomalies: 20,
      percentile: 95,
      warnings: [],
    });
    expect(Object.keys(report.scorers)).toEqual(['lof', 'ensemble', 'mahalanobis', 'knn', 'iforest']);
    for (const scorer of Object.values(report.scorers)) {
      expect(scorer.fitSeconds).toBe(0.25);
      expect(scorer.scoreSeconds).toBe(0.25);
      expect(scorer.aurocCi[0]).toBeLessThanOrEqual(scorer.auroc);
      expect(scorer.aurocCi[1]).toBeGreaterThanOrEqual(scorer.auroc);
      for (const value of Object.values(scorer).flat() as number[]) expect(Number.isFinite(value)).toBe(true);
    }
    expect(report.scorers['mahalanobis'].auroc).toBeGreaterThan(0.9);
    expect(report.scorers['mahalanobis'].falseAlarmRate).toBeLessThan(0.15);
    expect(report.scorers['mahalanobis'].detectionRate).toBeGreaterThan(0.5);
    expect(await evaluateScorers(input)).toEqual(report);
  });

  test('the first scorer named is the default; too few rows give a warning with the number needed', async () => {
    const report = await evaluateScorers({
      ...input,
      train: matrixFrom(normals(19, 5, 1)),
      scorers: ['knn'],
    });
    expect(report.default).toBe('knn');
    expect(report.scorers['knn'].falseAlarmRate).toBeNull();
    expect(report.warnings).toEqual([
      'false-alarm rate at percentile 95 needs at least 20 training rows, got 19',
    ]);
  });

  test('means over categories leave out what is not known', async () => {
    const one = await evaluateScorers({ ...input, scorers: ['knn'] });
    const two = await evaluateScorers({ ...input, train: matrixFrom(normals(10, 5, 1)), scorers: ['knn'] });
    const { knn } = meanEvaluation([one, two]);
    expect(knn.auroc).toBeCloseTo((one.scorers['knn'].auroc + two.scorers['knn'].auroc) / 2, 12);
    expect(knn.falseAlarmRate).toBe(one.scorers['knn'].falseAlarmRate);
  });

  test.each([
    ['labels of one kind', { labels: labels.map(() => 0) }],
    ['too few labels', { labels: [0, 1] }],
    ['another width', { test: matrixFrom(normals(100, 4, 2)) }],
    ['no training rows', { train: { data: new Float32Array(0), rows: 0, cols: 5 } }],
  ])('%s are refused', async (_what, change) => {
    await expect(evaluateScorers({ ...input, ...change })).rejects.toThrow(InputError);
  });
});

describe('evaluate a finished run', () => {
  const items = {
    labels: [0, 1, 0, 0, 1],
    scores: { ensemble: [1, 9, 2, 3, 8], knn: [-1, -9, -2, -3, -8] },
    outlier: [0, 1, 0, 1, 1],
    featureOutlier: [0, 1, 0, 1, 1],
  };

  test('ranks and counts', () => {
    const report = evaluateItems(items);
    expect(report.scorers['ensemble'].auroc).toBe(1);
    expect(report.scorers['knn'].auroc).toBe(0);
    expect(report.scorers['ensemble'].bestF1).toEqual({ f1: 1, threshold: 8, precision: 1, recall: 1 });
    expect(report.verdict).toEqual({
      truePositives: 2,
      falsePositives: 1,
      trueNegatives: 2,
      falseNegatives: 0,
      precision: 2 / 3,
      recall: 1,
      f1: 0.8,
      falseAlarmRate: 1 / 3,
    });
    expect(report.featureVerdict).toEqual(report.verdict);
    expect(report.curves['ensemble'].at(-1)).toMatchObject({ recall: 1, falsePositiveRate: 1 });
  });

  test('what has no score ranks last', () => {
    const report = evaluateItems({
      labels: [1, 0, 1, 1],
      scores: { ensemble: [9, 2, 8, -Infinity] },
      outlier: [1, 0, 1, 0],
    });
    expect(report.scorers['ensemble'].auroc).toBeCloseTo(2 / 3, 12);
    expect(report.featureVerdict).toBeNull();
  });

  test('a kind of defect is held against all normals, a product against its own', () => {
    const report = evaluateItems({
      labels: [0, 0, 1, 1, 0, 1],
      scores: { knn: [1, 4, 3, 5, 9, 10] },
      outlier: [0, 0, 0, 1, 1, 1],
      categories: ['good', 'good', 'scratch', 'hole', 'bottle', 'bottle'],
    });
    expect(Object.keys(report.categories)).toEqual(['bottle', 'hole', 'scratch']);
    expect(report.categories['bottle']).toMatchObject({ test: 2, anomalies: 1 });
    expect(report.categories['scratch']).toMatchObject({ test: 4, anomalies: 1 });
    expect(report.categories['scratch'].scorers['knn'].auroc).toBeCloseTo(1 / 3, 12);
    expect(report.categories['hole'].scorers['knn'].auroc).toBeCloseTo(2 / 3, 12);
  });

  test.each([
    ['one kind only', { ...items, labels: [1, 1, 1, 1, 1] }, 'expected normal rows and anomalies'],
    ['a label 2', { ...items, labels: [0, 1, 2, 0, 1] }, 'expected 0 (normal) or 1 (anomaly)'],
    ['scores of another length', { ...items, scores: { knn: [1] } }, 'expected one per label (5), got 1'],
  ])('%s is refused', (_what, wrong, message) => {
    expect(() => evaluateItems(wrong)).toThrow(message);
  });
});
