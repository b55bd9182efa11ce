import { ConfigError, InputError, ModelError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { matrixFrom, Random, selectRows } from '@hazure/numerics';
import { FittedBaseline } from './baseline.js';
import type { FittedEnsemble } from './ensemble.js';
import { fitBaseline } from './fit-baseline.js';

const normals = (rows: number, cols: number, seed: number, shift = 0): EmbeddingMatrix => {
  const random = new Random(seed);
  return { data: Float32Array.from({ length: rows * cols }, () => random.nextNormal() + shift), rows, cols };
};
const reload = (baseline: FittedBaseline, features: EmbeddingMatrix): FittedBaseline =>
  FittedBaseline.fromJSON(JSON.parse(JSON.stringify(baseline)), features);

const features = normals(120, 6, 1);
const fresh = normals(400, 6, 2);
const fast = { iforest: { trees: 20 } };

describe.each(['cross', 'split'] as const)('a %s-calibrated baseline', (calibration) => {
  test('judges, survives a save and load bit for bit, and names its neighbours', async () => {
    const baseline = await fitBaseline({ features, calibration, scorerOptions: fast });
    expect(baseline.defaultScorer).toBe('lof');
    const result = await baseline.score(fresh);
    expect(Object.keys(result.scores)).toEqual(['lof', 'ensemble', 'mahalanobis', 'knn', 'iforest']);
    const loaded = reload(baseline, features);
    expect(await loaded.score(fresh)).toEqual(result);
    expect(JSON.stringify(loaded)).toBe(JSON.stringify(baseline));

    expect((await baseline.score(normals(5, 6, 3, 8))).outlier).toEqual(new Uint8Array(5).fill(1));
    const { indices, distances } = await baseline.neighbours(selectRows(features, [7]), 2);
    expect(indices[0]).toBe(7);
    expect(distances[0]).toBeCloseTo(0, 12);
  });
});

test('p-values of the deciding scorer rule, at the percentile asked for', async () => {
  const baseline = await fitBaseline({ features, scorers: ['knn', 'mahalanobis'], scorerOptions: fast });
  expect([...baseline.scorers.keys()]).toEqual(['knn', 'mahalanobis', 'iforest']);
  for (const percentile of [80, 95]) {
    const { pValues, pValuesByScorer, outlier, scores } = await baseline.score(fresh, { percentile });
    expect(pValues).toBe(pValuesByScorer['knn']);
    const threshold = baseline.threshold(percentile) as number;
    outlier.forEach((flag, i) => {
      expect(flag === 1).toBe(pValues[i] < (100 - percentile) / 100);
      expect(flag === 1).toBe(scores['knn'][i] > threshold);
    });
  }
});

test('split calibration keeps its promise on every scorer: mean false alarms over many baselines ≤ 5%', async () => {
  const rates: Record<string, number[]> = {};
  for (let round = 0; round < 30; round++) {
    const baseline = await fitBaseline({
      features: normals(200, 4, 100 + round),
      calibration: 'split',
      seed: round,
      scorerOptions: { iforest: { trees: 10 } },
    });
    const { pValuesByScorer } = await baseline.score(normals(300, 4, 1000 + round));
    for (const [name, p] of Object.entries(pValuesByScorer)) {
      (rates[name] ??= []).push(p.filter((value) => value < 0.05).length / p.length);
    }
  }
  for (const values of Object.values(rates)) {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    // 40 held-out rows: P(p < 0.05) = 2/41 = 4.9% in expectation; the mean of 30 rounds deviates by about 0.6%.
    expect(mean).toBeLessThan(0.068);
    expect(mean).toBeGreaterThan(0.03);
  }
});

test('objects of one image never judge each other', async () => {
  // Each image's ten objects are copies: a row that met its siblings would be at distance 0 from them.
  const images = normals(30, 5, 4);
  const groups = Array.from({ length: 300 }, (_, i) => i % 30);
  const copies = selectRows(images, groups);
  const of = async (grouped: boolean): Promise<number> => {
    const baseline = await fitBaseline({
      features: copies,
      scorers: ['knn'],
      scorerOptions: fast,
      ...(grouped ? { groups } : {}),
    });
    return baseline.threshold() as number;
  };
  expect(await of(false)).toBeCloseTo(0, 9);
  expect(await of(true)).toBeGreaterThan(0.01);
});

test('fdr flags fewer than the percentile when all is normal, and still finds what is far off', async () => {
  const baseline = await fitBaseline({
    features: normals(2000, 6, 5),
    scorers: ['mahalanobis'],
    scorerOptions: fast,
  });
  const normal = await baseline.score(fresh, { fdr: 0.05 });
  const plain = await baseline.score(fresh);
  const count = (flags: Uint8Array): number => flags.reduce((sum, flag) => sum + flag, 0);
  expect(count(plain.outlier)).toBeGreaterThan(5);
  expect(count(normal.outlier)).toBeLessThan(count(plain.outlier) / 2);
  const mixed = matrixFrom([...Array.from({ length: 50 }, () => [9, 9, 9, 9, 9, 9]), [0, 0, 0, 0, 0, 0]]);
  const found = await baseline.score(mixed, { fdr: 0.05 });
  expect(count(found.outlier.subarray(0, 50))).toBe(50);
  expect(found.outlier[50]).toBe(0);
});

describe('per class', () => {
  // Two classes far apart; a class-less scorer finds nothing odd in an object of one among the other.
  const a = normals(100, 4, 6, 10);
  const b = normals(100, 4, 7, -10);
  const rare = normals(8, 4, 8, 30);
  const stack = (...parts: EmbeddingMatrix[]): EmbeddingMatrix => ({
    data: Float32Array.from(parts.flatMap((part) => [...part.data])),
    rows: parts.reduce((sum, part) => sum + part.rows, 0),
    cols: 4,
  });
  const train = stack(a, b, rare);
  const classes = [
    ...Array<string>(100).fill('a'),
    ...Array<string>(100).fill('b'),
    ...Array<string>(8).fill('rare'),
  ];

  test.each([['ensemble'], ['mahalanobis'], ['knn'], ['iforest']])(
    '%s finds objects that look like another class',
    async (name) => {
      const baseline = await fitBaseline({
        features: train,
        classes,
        perClass: true,
        scorers: [name],
        scorerOptions: fast,
      });
      expect(baseline.ownClasses).toEqual(['a', 'b']);
      const likeB = normals(20, 4, 9, -10);
      const asA = await baseline.score(likeB, { classes: Array<string>(20).fill('a') });
      const asB = await baseline.score(likeB, { classes: Array<string>(20).fill('b') });
      expect(asA.outlier.reduce((sum, flag) => sum + flag, 0)).toBe(20);
      expect(asB.outlier.reduce((sum, flag) => sum + flag, 0)).toBeLessThan(6);
      // Rare and unknown classes, and calls without classes, are judged against everything.
      const all = await baseline.score(likeB);
      for (const other of ['rare', 'never seen', '__proto__']) {
        expect((await baseline.score(likeB, { classes: Array<string>(20).fill(other) })).scores).toEqual(
          all.scores,
        );
      }
      const loaded = reload(baseline, train);
      expect(await loaded.score(likeB, { classes: Array<string>(20).fill('a') })).toEqual(asA);
      expect(await loaded.score(likeB)).toEqual(all);
    },
  );

  test('needs classes, one per row', async () => {
    await expect(fitBaseline({ features: train, perClass: true })).rejects.toThrow(
      'expected the class of each row',
    );
    await expect(fitBaseline({ features: train, classes: ['a'] })).rejects.toThrow(
      'expected one per row (208), got 1',
    );
  });
});

describe('too little, or broken', () => {
  test.each([
    [19, 95, 20],
    [99, 99, 100],
  ])('%i rows cannot serve percentile %d', async (rows, percentile, needed) => {
    const refused = fitBaseline({ features: normals(rows, 3, 1), percentile });
    await expect(refused).rejects.toMatchObject({ code: 'BASELINE_TOO_SMALL' });
    await expect(refused).rejects.toThrow(`needs at least ${needed} held-out baseline rows, got ${rows}`);
  });

  test('20 rows serve percentile 95, not 99', async () => {
    const baseline = await fitBaseline({ features: normals(20, 3, 1), scorerOptions: fast });
    expect((await baseline.score(normals(3, 3, 2, 50))).outlier).toEqual(new Uint8Array(3).fill(1));
    await expect(baseline.score(fresh, { percentile: 99 })).rejects.toMatchObject({
      code: 'BASELINE_TOO_SMALL',
    });
  });

  test.each([
    ['objects of one image', { features, groups: Array<number>(120).fill(3) }, InputError],
    ['groups of another length', { features, groups: [1] }, InputError],
    ['NaN', { features: matrixFrom(Array.from({ length: 30 }, () => [NaN])) }, InputError],
    ['an unknown scorer', { features, scorers: ['svm'] }, ConfigError],
    ['a percentile of 100', { features, percentile: 100 }, ConfigError],
  ])('%s: a clear error', async (_what, input, error) => {
    await expect(fitBaseline(input)).rejects.toThrow(error);
  });

  test('damaged files are ModelErrors', async () => {
    const baseline = await fitBaseline({ features, calibration: 'split', scorerOptions: fast });
    type Json = ReturnType<FittedBaseline['toJSON']>;
    const edits: ((json: Json) => unknown)[] = [
      () => null,
      (json) => ({ ...json, isoModel: {} }),
      (json) => ({ ...json, isoModel: json.scorers.models['knn'] }),
      (json) => ({ ...json, extra: 1 }),
      (json) => ({ ...json, calibration: { ...json.calibration, scorers: [] } }),
      (json) => ({ ...json, calibration: { ...json.calibration, heldOutRows: 3 } }),
      (json) => ({ ...json, scorers: { ...json.scorers, models: {} } }),
      (json) => ({ ...json, scorers: { ...json.scorers, calibrationRows: [4000] } }),
      (json) => ({ ...json, scorers: { ...json.scorers, calibrationRows: [] } }),
    ];
    for (const edit of edits) {
      const json = edit(JSON.parse(JSON.stringify(baseline)) as Json);
      expect(() => FittedBaseline.fromJSON(json, features)).toThrow(ModelError);
    }
    expect(() => reload(baseline, selectRows(features, [0, 1]))).toThrow(
      'expected features of 120 × 6, got 2 × 6',
    );
  });
});

test('the ensemble and the scorer by itself are one model, when fitted and when read back', async () => {
  for (const rows of [60, 300]) {
    const features = normals(rows, 80, 20);
    const baseline = await fitBaseline({ features, scorerOptions: fast });
    const read = reload(baseline, features);
    for (const { scorers } of [baseline, read]) {
      const { members } = scorers.get('ensemble')?.scorer as FittedEnsemble;
      expect(members[0]).toBe(scorers.get('mahalanobis')?.scorer);
      expect(members[1]).not.toBe(members[0]);
    }
    const x = normals(5, 80, 21);
    expect((await read.score(x)).scores).toEqual((await baseline.score(x)).scores);
  }
});
