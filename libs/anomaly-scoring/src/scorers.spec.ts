import { readFileSync } from 'node:fs';
import { ConfigError, InputError, ModelError } from '@hazure/contracts';
import type { EmbeddingMatrix, MatrixAccelerator, NearestRequest } from '@hazure/contracts';
import { matrixFrom, plainAccelerator, Random, selectRows, streamOf } from '@hazure/numerics';
import fc from 'fast-check';
import { MahalanobisScorer } from './mahalanobis.js';
import { nearestNeighbours } from './nearest-neighbours.js';
import { createScorer, SCORER_NAMES, scorerFromJSON } from './scorers.js';

interface Case {
  train: number[][];
  test: number[][];
  shrinkage: number;
  mahalanobis: number[];
  cosine: { distances: number[][]; indices: number[][] };
}
const golden = JSON.parse(
  readFileSync(new URL('../testdata/scikit-learn.json', import.meta.url), 'utf8'),
) as Record<'moreRows' | 'fewerRows', Case>;
const cases = [
  ['more rows than columns', golden.moreRows],
  ['fewer rows than columns', golden.fewerRows],
] as const;

const normals = (rows: number, cols: number, seed: number): EmbeddingMatrix => {
  const random = new Random(seed);
  return { data: Float32Array.from({ length: rows * cols }, () => random.nextNormal()), rows, cols };
};

describe('against scikit-learn', () => {
  test.each(cases)(
    'Ledoit–Wolf Mahalanobis, %s',
    async (_what, { train, test: rows, shrinkage, mahalanobis }) => {
      const fitted = await new MahalanobisScorer().fit(matrixFrom(train));
      expect(fitted.gaussian.shrinkage).toBeCloseTo(shrinkage, 10);
      (await fitted.score(matrixFrom(rows))).forEach((score, i) => {
        expect(Math.abs(score / mahalanobis[i] - 1)).toBeLessThan(1e-9);
      });
    },
  );

  test.each(cases)('cosine neighbours, %s', async (_what, { train, test: rows, cosine }) => {
    const { indices, distances } = await nearestNeighbours(matrixFrom(rows), matrixFrom(train), 3);
    expect([...indices]).toEqual(cosine.indices.flat());
    cosine.distances.flat().forEach((distance, i) => expect(distances[i]).toBeCloseTo(distance, 12));
    const scores = await (
      await createScorer('knn', { knn: { k: 3 } }).fit(matrixFrom(train))
    ).score(matrixFrom(rows));
    scores.forEach((score, i) => {
      expect(score).toBeCloseTo(cosine.distances[i].reduce((sum, d) => sum + d, 0) / 3, 12);
    });
  });
});

describe('Mahalanobis', () => {
  test('the low-rank and the full form agree', async () => {
    // 30 rows in 30 columns take the full form; in a space padded with zero columns they take the low-rank one.
    const x = normals(30, 30, 1);
    const padded = (m: EmbeddingMatrix): EmbeddingMatrix =>
      matrixFrom(Array.from({ length: m.rows }, (_, i) => [...m.data.subarray(i * 30, i * 30 + 30), 0]));
    const test = normals(10, 30, 2);
    const full = await new MahalanobisScorer().fit(padded(normals(31, 30, 1)));
    expect(full.gaussian.form).toBe('full');
    const low = await new MahalanobisScorer().fit(padded(x));
    expect(low.gaussian.form).toBe('low-rank');
    const reference = denseDistances(padded(x), low.gaussian.shrinkage, padded(test));
    (await low.score(padded(test))).forEach((score, i) =>
      expect(Math.abs(score / reference[i] - 1)).toBeLessThan(1e-8),
    );
  });

  test('a stream gives the same model as the matrix, however it is cut', async () => {
    const x = normals(5000, 12, 3);
    const scorer = new MahalanobisScorer();
    const whole = JSON.stringify(await scorer.fit(x));
    for (const cut of [1, 999, 5000]) expect(JSON.stringify(await scorer.fit(streamOf(x, cut)))).toBe(whole);
  });

  test('threads change nothing', async () => {
    const x = normals(10_000, 64, 4);
    const [one, two] = await Promise.all([1, 2].map((threads) => new MahalanobisScorer({ threads }).fit(x)));
    expect(JSON.stringify(two)).toBe(JSON.stringify(one));
    expect(await two.score(x)).toEqual(await one.score(x));
  });
});

/** (x − m)ᵀ ((1 − s)·S + s·tr(S)/d·I)⁻¹ (x − m) by Gaussian elimination. */
function denseDistances(x: EmbeddingMatrix, s: number, test: EmbeddingMatrix): number[] {
  const d = x.cols;
  const at = (m: EmbeddingMatrix, i: number, j: number): number => m.data[i * d + j];
  const columns = Array.from({ length: d }, (_, j) => j);
  const mean = columns.map(
    (j) => Array.from({ length: x.rows }, (_, i) => at(x, i, j)).reduce((a, b) => a + b) / x.rows,
  );
  const cov = columns.map((j) =>
    columns.map((k) => {
      let sum = 0;
      for (let i = 0; i < x.rows; i++) sum += ((at(x, i, j) - mean[j]) * (at(x, i, k) - mean[k])) / x.rows;
      return sum;
    }),
  );
  const mu = columns.reduce((sum, j) => sum + cov[j][j] / d, 0);
  return Array.from({ length: test.rows }, (_, i) => {
    const y = columns.map((j) => at(test, i, j) - mean[j]);
    const a = columns.map((j) => [...columns.map((k) => cov[j][k] * (1 - s) + (j === k ? s * mu : 0)), y[j]]);
    for (let p = 0; p < d; p++) {
      const pivot = a.findIndex(
        (row, r) => r >= p && Math.abs(row[p]) === Math.max(...a.slice(p).map((q) => Math.abs(q[p]))),
      );
      [a[p], a[pivot]] = [a[pivot], a[p]];
      for (let r = 0; r < d; r++) {
        if (r === p) continue;
        const factor = a[r][p] / a[p][p];
        for (let k = p; k <= d; k++) a[r][k] -= factor * a[p][k];
      }
    }
    return columns.reduce((sum, j) => sum + (y[j] * a[j][d]) / a[j][j], 0);
  });
}

describe('nearest neighbours', () => {
  test('are exact on real-sized blocks, in threads, and through an accelerator', async () => {
    const reference = normals(2500, 48, 5); // several reference blocks
    const queries = normals(1500, 48, 6); // several query blocks
    const serial = await nearestNeighbours(queries, reference, 3, { threads: 1 });
    for (const q of [0, 1023, 1024, 1499]) {
      const brute = Array.from({ length: reference.rows }, (_, r) => {
        let [ab, aa, bb] = [0, 0, 0];
        for (let j = 0; j < 48; j++) {
          const [a, b] = [queries.data[q * 48 + j], reference.data[r * 48 + j]];
          ab += a * b;
          aa += a * a;
          bb += b * b;
        }
        return { r, distance: 1 - ab / Math.sqrt(aa * bb) };
      }).sort((a, b) => a.distance - b.distance);
      expect([...serial.indices.subarray(q * 3, q * 3 + 3)]).toEqual(brute.slice(0, 3).map(({ r }) => r));
      expect(serial.distances[q * 3]).toBeCloseTo(brute[0].distance, 12);
    }
    expect(await nearestNeighbours(queries, reference, 3, { threads: 2 })).toEqual(serial);
    let asked = 0;
    const plain = plainAccelerator(1);
    const accelerator: MatrixAccelerator = {
      name: 'fake',
      transform: (request) => plain.transform(request),
      moments: (rows, origin) => plain.moments(rows, origin),
      nearest: async (request: NearestRequest) => {
        asked = request.queries.rows;
        const { kept } = request;
        // Candidates in the wrong order: the exact distances put them right.
        return (await plain.nearest(request)).map((_, i, all) => {
          const row = Math.floor(i / kept);
          return all[row * kept + (kept - 1 - (i % kept))];
        });
      },
    };
    expect(await nearestNeighbours(queries, reference, 3, { accelerator })).toEqual(serial);
    expect(asked).toBe(1500);
  });

  test('ties go to the lower index, equal rows are at distance 0, zero rows at 1', async () => {
    const reference = matrixFrom([
      [0, 1],
      [2, 0],
      [1, 0],
      [0, 0],
    ]);
    const { indices, distances } = await nearestNeighbours(
      matrixFrom([
        [5, 0],
        [0, 0],
      ]),
      reference,
      4,
    );
    expect([...indices]).toEqual([1, 2, 0, 3, 0, 1, 2, 3]);
    expect([...distances]).toEqual([0, 0, 1, 1, 1, 1, 1, 1]);
  });
});

describe.each(SCORER_NAMES)('scorer %s', (name) => {
  const train = normals(60, 5, 7);
  const test20 = normals(20, 5, 8);

  test('same scores after a save and load, and far rows score higher', async () => {
    const fitted = await createScorer(name).fit(train);
    const scores = await fitted.score(test20);
    const loaded = scorerFromJSON(JSON.parse(JSON.stringify(fitted)));
    expect(loaded.name).toBe(name);
    expect(await loaded.score(test20)).toEqual(scores);
    expect(JSON.stringify(loaded)).toBe(JSON.stringify(fitted));
    const far = await fitted.score(matrixFrom([[-40, 40, -40, 40, -40]]));
    if (name !== 'knn') expect(far[0]).toBeGreaterThan(Math.max(...scores));
  });

  const odd: [string, number[][]][] = [
    ['one row', [[1, 2, 3]]],
    ['equal rows', Array.from({ length: 30 }, () => [1, 2, 3])],
    ['zero rows', Array.from({ length: 30 }, () => [0, 0, 0])],
    ['a constant column', Array.from({ length: 30 }, (_, i) => [i, 5, i * i])],
    ['collinear columns', Array.from({ length: 30 }, (_, i) => [i, 2 * i, 3 * i])],
    ['huge values', Array.from({ length: 30 }, (_, i) => [(i - 15) * 1e37, i, -1e38])],
    ['tiny values', Array.from({ length: 30 }, (_, i) => [i * 1e-40, 1e-38, 0])],
    [
      'fewer rows than columns',
      [
        [1, 2, 3],
        [3, 2, 5],
      ],
    ],
  ];
  test.each(odd)('%s: finite scores', async (_what, rows) => {
    const fitted = await createScorer(name).fit(matrixFrom(rows));
    const scores = await fitted.score(matrixFrom([...rows, [7, -7, 7], [0, 0, 0]]));
    expect(scores.every(Number.isFinite)).toBe(true);
  });

  test('any finite data gives finite scores, equal ones after loading', async () => {
    const value = fc.float({ noNaN: true, min: Math.fround(-1e6), max: Math.fround(1e6) });
    const data = fc.array(fc.array(value, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(data, data, async (rows, other) => {
        const fitted = await createScorer(name, { iforest: { trees: 5 } }).fit(matrixFrom(rows));
        const scores = await fitted.score(matrixFrom(other));
        expect(scores.every(Number.isFinite)).toBe(true);
        expect(await scorerFromJSON(JSON.parse(JSON.stringify(fitted))).score(matrixFrom(other))).toEqual(
          scores,
        );
      }),
      { numRuns: 25 },
    );
  });

  test('bad rows are refused when fitting and when scoring', async () => {
    const scorer = createScorer(name);
    const empty = { data: new Float32Array(0), rows: 0, cols: 5 };
    await expect(scorer.fit(empty)).rejects.toThrow(InputError);
    await expect(scorer.fit(matrixFrom([[1, NaN]]))).rejects.toThrow(InputError);
    await expect(scorer.fit(matrixFrom([[1, Infinity]]))).rejects.toThrow(InputError);
    const fitted = await scorer.fit(train);
    await expect(fitted.score(matrixFrom([[1, 2]]))).rejects.toThrow('expected 5 columns, got 2');
    await expect(fitted.score(matrixFrom([[1, 2, NaN, 4, 5]]))).rejects.toThrow('column 2 is NaN');
    expect(await fitted.score(empty)).toHaveLength(0);
  });
});

describe('model documents', () => {
  const train = normals(12, 3, 9);
  const documentOf = async (name: string): Promise<Record<string, unknown>> =>
    JSON.parse(JSON.stringify(await createScorer(name).fit(train))) as Record<string, unknown>;

  test('a document that refers to features needs them, in the right shape', async () => {
    const document = { ...(await documentOf('knn')), reference: 'features' };
    expect(() => scorerFromJSON(document)).toThrow('none was given');
    expect(() => scorerFromJSON(document, { features: selectRows(train, [0]) })).toThrow(
      'expected features of 12 × 3',
    );
    const loaded = scorerFromJSON(document, { features: train });
    expect(await loaded.score(train)).toEqual(await (await createScorer('knn').fit(train)).score(train));
  });

  const nan = Buffer.from(new Float64Array([NaN, 1, 2]).buffer).toString('base64');
  const edits: [string, string, (json: Record<string, unknown>) => Record<string, unknown>][] = [
    ['an unknown format', 'knn', (json) => ({ ...json, format: 'pickle' })],
    ['a newer version', 'mahalanobis', (json) => ({ ...json, version: 9 })],
    ['an unknown key', 'mahalanobis', (json) => ({ ...json, extra: 1 })],
    [
      'NaN in the mean',
      'mahalanobis',
      (json) => ({ ...json, mean: { type: 'float64', length: 3, base64: nan } }),
    ],
    [
      'a short mean',
      'mahalanobis',
      (json) => ({ ...json, mean: { type: 'float64', length: 3, base64: '' } }),
    ],
    ['a factor of another size', 'mahalanobis', (json) => ({ ...json, rank: 2 })],
    ['an absurd width', 'mahalanobis', (json) => ({ ...json, dimensions: 1e9 })],
    ['k = 0', 'knn', (json) => ({ ...json, k: 0 })],
    ['another row count', 'knn', (json) => ({ ...json, rows: 11 })],
    ['no members', 'ensemble', (json) => ({ ...json, members: [] })],
    ['an ensemble in an ensemble', 'ensemble', (json) => ({ ...json, members: [json] })],
    ['a member of nonsense', 'ensemble', (json) => ({ ...json, members: [7] })],
  ];
  test.each(edits)('%s (%s) is a ModelError', async (_what, name, edit) => {
    const json = edit(await documentOf(name));
    expect(() => scorerFromJSON(json)).toThrow(ModelError);
  });

  test('unknown scorer names and options are ConfigErrors that list what is known', () => {
    expect(() => createScorer('svm')).toThrow('expected one of lof, ensemble, mahalanobis, knn, iforest');
    expect(() => createScorer('knn', { knn: { k: 0 } })).toThrow(ConfigError);
  });
});
