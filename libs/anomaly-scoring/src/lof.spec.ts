import { readFileSync } from 'node:fs';
import { ConfigError, ModelError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { matrixFrom, plainAccelerator, Random, selectRows } from '@hazure/numerics';
import { scoreByFits } from './cross-judging.js';
import { assignFolds } from './folds.js';
import { fitBaseline } from './fit-baseline.js';
import { LofScorer } from './lof.js';
import { FittedLof } from './lof-model.js';
import { scorerFromJSON } from './scorers.js';

interface Case {
  train: number[][];
  test: number[][];
  lof: number[];
}
const golden = JSON.parse(
  readFileSync(new URL('../testdata/scikit-learn.json', import.meta.url), 'utf8'),
) as Record<'moreRows' | 'fewerRows', Case>;

/** As embeddings: off the origin, with spread that differs by column. */
const rowsOf = (rows: number, cols: number, seed: number): EmbeddingMatrix => {
  const random = new Random(seed);
  const spread = Array.from({ length: cols }, () => Math.exp(random.nextNormal()));
  const data = Float32Array.from(
    { length: rows * cols },
    (_, i) => 2 + spread[i % cols] * random.nextNormal(),
  );
  return { data, rows, cols };
};
const worst = (a: Float64Array, b: ArrayLike<number>): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value / b[i] - 1)), 0);

test.each([
  // Directions are float32, rounded once more or less than NumPy does.
  ['more rows than columns', golden.moreRows, 1e-6],
  ['fewer rows than columns', golden.fewerRows, 1e-6],
] as const)('equals its definition in NumPy, %s', async (_what, { train, test: rows, lof }, tolerance) => {
  for (const options of [{}, { accelerator: plainAccelerator(1) }]) {
    const scores = await (await new LofScorer(options).fit(matrixFrom(train))).score(matrixFrom(rows));
    expect(worst(scores, lof)).toBeLessThan(tolerance);
  }
});

test.each([
  ['fewer rows than columns', 40, 90, 1e-8],
  ['some folds with fewer', 52, 46, 1e-5],
  ['more rows than columns', 150, 20, 1e-12],
])('folds together equal one fit a fold, %s', async (_what, rows, cols, tolerance) => {
  const x = rowsOf(rows, cols, 1);
  const dealt = {
    x,
    foldOf: assignFolds(
      Int32Array.from({ length: rows }, (_, i) => i >> 1),
      8,
      3,
    ),
    folds: 8,
  };
  const scorer = new LofScorer({ threads: 1 });
  expect(worst(await scorer.scoreFolds(dealt), await scoreByFits(scorer, dealt))).toBeLessThan(tolerance);
});

test('the threads of the workers change nothing', async () => {
  for (const [rows, cols] of [
    [600, 700],
    [4000, 48],
  ]) {
    const [train, fresh] = [rowsOf(rows, cols, 2), rowsOf(800, cols, 2)];
    const [one, two] = await Promise.all(
      [1, 2].map(async (threads) => (await new LofScorer({ threads }).fit(train)).score(fresh)),
    );
    expect(two).toEqual(one);
  }
});

test('rows that lie in the baseline many times do not make everything else infinitely far', async () => {
  const x = rowsOf(60, 8, 4);
  for (let i = 1; i < 20; i++) x.data.copyWithin(i * 8, 0, 8);
  const scores = await (await new LofScorer().fit(x)).score(rowsOf(20, 8, 4));
  expect(scores.every(Number.isFinite)).toBe(true);
  expect(scores[0]).toBe(0); // a baseline row itself
});

describe('a memory limit', () => {
  const x = rowsOf(400, 8, 5);
  const small = new LofScorer({ memoryBytes: 100 * 8 * 8 });

  test('a seeded sample stands for the baseline, said and counted, and survives a save and load', async () => {
    const fitted = await small.fit(x);
    expect(fitted.notes).toEqual([expect.stringContaining('100 of 400 baseline rows')]);
    expect((await new LofScorer().fit(x)).notes).toEqual([]);
    const document = JSON.parse(JSON.stringify(fitted.toReferringJSON())) as { subset: number[] };
    expect(document.subset).toHaveLength(100);
    const fresh = rowsOf(30, 8, 6);
    const scores = await fitted.score(fresh);
    expect(await scorerFromJSON(document, { features: x }).score(fresh)).toEqual(scores);
    expect(await (await small.fit(x)).score(fresh)).toEqual(scores);
    const other = await new LofScorer({ memoryBytes: 100 * 8 * 8 }, 7).fit(x);
    expect(await other.score(fresh)).not.toEqual(scores);
  });

  test('some of the rows of a matrix keep their numbers', async () => {
    const rows = Array.from({ length: 200 }, (_, i) => 2 * i + 1);
    const document = (await small.fitSubset(x, rows)).toReferringJSON();
    expect(document.subset?.every((row) => row % 2 === 1)).toBe(true);
    const loaded = FittedLof.fromJSON(document, x);
    expect(await loaded.score(x)).toEqual(await (await small.fit(selectRows(x, rows))).score(x));
  });

  test('a baseline passes the notes on', async () => {
    const baseline = await fitBaseline({
      features: x,
      scorers: ['lof'],
      scorerOptions: { iforest: { trees: 5 }, lof: { memoryBytes: 100 * 8 * 8 } },
    });
    expect(baseline.notes).toHaveLength(1);
    expect(() => new LofScorer({ memoryBytes: 0 })).toThrow(ConfigError);
  });
});

describe('documents', () => {
  test.each([
    ['a space too few', { spaces: null }],
    ['more rows than it was fitted to', { rows: 13 }],
    ['rows beyond the features', { reference: 'features', subset: [...Array(11).keys(), 99] }],
    ['another number of rows', { reference: 'features', rows: 11 }],
    ['an absurd width', { dimensions: 1e9 }],
  ])('%s is a ModelError', async (_what, edit) => {
    const x = rowsOf(12, 3, 9);
    const json = JSON.parse(JSON.stringify(await new LofScorer().fit(x))) as object;
    expect(() => scorerFromJSON({ ...json, ...edit }, { features: x })).toThrow(ModelError);
  });

  test('a reach of nothing is a ModelError', async () => {
    const json = (await new LofScorer().fit(rowsOf(12, 3, 9))).toJSON();
    const reach = { type: 'float64', length: 12, base64: Buffer.alloc(96).toString('base64') };
    const spaces = json.spaces?.map((space) => ({ ...space, reach }));
    expect(() => scorerFromJSON({ ...json, spaces })).toThrow('reach above 0');
  });
});
