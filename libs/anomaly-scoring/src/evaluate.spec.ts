import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { matrixFrom, Random } from '@hazure/numerics';
import { evaluateScorers, meanEvaluation } from './evaluate-scorers.js';
import { evaluateVerdicts } from './evaluate-verdicts.js';
import type { JudgedObject } from './evaluate-verdicts.js';

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
  const object = (imageId: string, n: number, score: number, outlier: boolean): JudgedObject => ({
    cropId: `${imageId}#${n}`,
    imageId,
    scores: { ensemble: score, knn: -score },
    outlier,
    featureOutlier: outlier,
  });
  const objects = [
    object('a', 0, 1, false),
    object('a', 1, 9, true),
    object('b', 0, 2, false),
    object('c', 0, 3, true),
    object('d', 0, 8, true),
  ];

  test('by crops', () => {
    const truth = [
      { id: 'a#0', label: 0 },
      { id: 'a#1', label: 1 },
      { id: 'b#0', label: 0 },
      { id: 'c#0', label: 0 },
      { id: 'd#0', label: 1 },
    ];
    const report = evaluateVerdicts({ objects, truth });
    expect(report.scorers['ensemble'].auroc).toBe(1);
    expect(report.scorers['knn'].auroc).toBe(0);
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
    expect(report.default).toBe('ensemble');
  });

  test('by images: the most anomalous object counts, an image without objects ranks last', () => {
    const truth = [
      { id: 'a', label: 1, category: 'x' },
      { id: 'b', label: 0, category: 'x' },
      { id: 'd', label: 1, category: 'y' },
      { id: 'e', label: 1, category: 'y' },
    ];
    const report = evaluateVerdicts({ objects, truth, imageIds: ['a', 'b', 'c', 'd', 'e'] });
    expect(report.withoutObjects).toEqual(['e']);
    expect(report.scorers['ensemble'].auroc).toBeCloseTo(2 / 3, 12);
    expect(report.verdict).toMatchObject({ truePositives: 2, falseNegatives: 1, falsePositives: 0 });
    // y has anomalies only, so nothing can be ranked there.
    expect(Object.keys(report.categories)).toEqual(['x']);
    expect(report.categories['x'].scorers['ensemble'].auroc).toBe(1);
  });

  test.each([
    ['an unknown id', [{ id: 'zzz', label: 1 }], 'neither a crop nor an image'],
    ['a label 2', [{ id: 'a', label: 2 }], 'expected label 0 or 1'],
    [
      'an id twice',
      [
        { id: 'a', label: 1 },
        { id: 'a', label: 1 },
      ],
      'listed twice',
    ],
    ['one kind only', [{ id: 'a', label: 1 }], 'expected normal rows and anomalies'],
  ])('%s is refused', (_what, truth, message) => {
    expect(() => evaluateVerdicts({ objects, truth })).toThrow(message);
  });
});
