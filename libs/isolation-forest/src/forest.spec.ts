import { readFileSync } from 'node:fs';
import { ConfigError, InputError } from '@hazure/contracts';
import { matrixFrom, Random, spearman, streamOf } from '@hazure/numerics';
import fc from 'fast-check';
import { fitIsolationForest, fitIsolationForestParallel, fitIsolationForestStream } from './fit.js';
import { IsolationForest } from './forest.js';
import type { ForestJSON } from './forest-json.js';
import { averagePathLength } from './path-length.js';

interface Golden {
  pathLengths: { n: number[]; c: number[] };
  x: number[][];
  forest: ForestJSON;
  scoreSamples: number[];
  decisionFunction: number[];
  predict: number[];
  thousandTrees: number[];
}
const golden = JSON.parse(
  readFileSync(new URL('../testdata/scikit-learn.json', import.meta.url), 'utf8'),
) as Golden;
const x = matrixFrom(golden.x);

describe('against scikit-learn', () => {
  test('average path lengths', () => {
    golden.pathLengths.n.forEach((n, i) => {
      expect(averagePathLength(n)).toBeCloseTo(golden.pathLengths.c[i], 12);
    });
  });

  test("scores, decisions and predictions of scikit-learn's own trees", () => {
    const forest = IsolationForest.fromJSON(golden.forest);
    forest.scoreSamples(x).forEach((score, i) => expect(score).toBeCloseTo(golden.scoreSamples[i], 12));
    forest
      .decisionFunction(x)
      .forEach((value, i) => expect(value).toBeCloseTo(golden.decisionFunction[i], 12));
    expect([...forest.predict(x)]).toEqual(golden.predict);
  });

  test('1,000 trees of our own rank rows as 1,000 of scikit-learn’s', () => {
    const scores = fitIsolationForest(x, { trees: 1000, contamination: 'auto' }).scoreSamples(x);
    expect(spearman(scores, golden.thousandTrees)).toBeGreaterThan(0.99);
    const worst = Math.max(...scores.map((score, i) => Math.abs(score - golden.thousandTrees[i])));
    expect(worst).toBeLessThan(0.02);
  });

  test('the offset flags the share that contamination names', () => {
    for (const contamination of [0.01, 0.1, 0.5]) {
      const forest = fitIsolationForest(x, { contamination });
      const flagged = forest.predict(x).filter((label) => label === -1).length;
      expect(Math.abs(flagged - contamination * x.rows)).toBeLessThanOrEqual(1);
    }
    expect(fitIsolationForest(x, { contamination: 'auto' }).offset).toBe(-0.5);
  });
});

describe('trees', () => {
  test('hold every sampled row in exactly one leaf and stop at the depth limit', () => {
    const { trees } = fitIsolationForest(x, { trees: 20, maxSamples: 64 });
    for (const tree of trees) {
      const depths = new Array<number>(tree.feature.length).fill(0);
      let inLeaves = 0;
      tree.feature.forEach((feature, node) => {
        if (feature < 0) inLeaves += tree.samples[node];
        else depths[tree.left[node]] = depths[tree.left[node] + 1] = depths[node] + 1;
      });
      expect(inLeaves).toBe(64);
      expect(Math.max(...depths)).toBeLessThanOrEqual(6);
    }
  });

  test('maxFeatures limits the columns of a tree', () => {
    const { trees } = fitIsolationForest(x, { trees: 30, maxFeatures: 2 });
    const used = trees.map(({ feature }) => new Set([...feature].filter((column) => column >= 0)).size);
    expect(Math.max(...used)).toBeLessThanOrEqual(2);
    const all = new Set(trees.flatMap(({ feature }) => [...feature]));
    expect(all.size).toBe(7); // six columns and the leaves
  });

  test('same seed, same forest; another seed, another forest', () => {
    const of = (seed: number): string => JSON.stringify(fitIsolationForest(x, { trees: 5, seed }));
    expect(of(1)).toBe(of(1));
    expect(of(1)).not.toBe(of(2));
  });

  test('far away rows score as more anomalous', () => {
    const scores = fitIsolationForest(x).scoreSamples(
      matrixFrom([
        [0, 0, 0, 0, 0, 0],
        [9, -9, 9, -9, 9, -9],
      ]),
    );
    expect(scores[1]).toBeLessThan(scores[0] - 0.2);
  });
});

describe('threads and streams', () => {
  const random = new Random(9);
  const cols = 40;
  const rows = 9000;
  const big = { data: Float32Array.from({ length: rows * cols }, () => random.nextNormal()), rows, cols };
  const options = { trees: 100, contamination: 0.05, seed: 4 };
  const serial = fitIsolationForest(big, options);

  test('give the same forest and the same scores to the last bit', async () => {
    expect(JSON.stringify(await fitIsolationForestParallel(big, options))).toBe(JSON.stringify(serial));
    expect(JSON.stringify(await fitIsolationForestStream(streamOf(big, 777), options))).toBe(
      JSON.stringify(serial),
    );
    expect(await serial.scoreSamplesParallel(big, { threads: 2 })).toEqual(serial.scoreSamples(big));
  });
});

describe('odd data', () => {
  test.each([
    ['one row', [[1, 2]]],
    [
      'two equal rows',
      [
        [1, 2],
        [1, 2],
      ],
    ],
    ['constant columns', Array.from({ length: 50 }, () => [3, 3, 3])],
    ['one varying column', Array.from({ length: 50 }, (_, i) => [3, i])],
    ['huge and tiny values', Array.from({ length: 50 }, (_, i) => [i % 2 ? 3.4e38 : -3.4e38, i * 1e-30])],
    [
      'negative values next to each other',
      Array.from({ length: 50 }, (_, i) => [-1 - (i % 3) * 1.2e-7, -1e-38 * i]),
    ],
  ])('%s: finite scores in [−1, 0]', (_what, values) => {
    const forest = fitIsolationForest(matrixFrom(values), { trees: 10 });
    for (const score of forest.scoreSamples(matrixFrom(values))) {
      expect(score).toBeGreaterThanOrEqual(-1);
      expect(score).toBeLessThanOrEqual(0);
    }
    expect(Number.isFinite(forest.offset)).toBe(true);
  });

  test('any finite data', () => {
    const data = fc.array(
      fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 3, maxLength: 3 }),
      {
        minLength: 1,
        maxLength: 30,
      },
    );
    fc.assert(
      fc.property(data, fc.integer({ min: 0, max: 1000 }), (values, seed) => {
        const forest = fitIsolationForest(matrixFrom(values), { trees: 5, seed });
        const scores = forest.scoreSamples(matrixFrom(values));
        expect(scores.every((score) => score >= -1 && score <= 0)).toBe(true);
        const loaded = IsolationForest.fromJSON(JSON.parse(JSON.stringify(forest)));
        expect(loaded.scoreSamples(matrixFrom(values))).toEqual(scores);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ['no rows', { data: new Float32Array(0), rows: 0, cols: 3 }, {}, InputError],
    ['NaN', matrixFrom([[1, NaN]]), {}, InputError],
    ['an infinity', matrixFrom([[1, Infinity]]), {}, InputError],
    ['no trees', x, { trees: 0 }, ConfigError],
    ['a share of trees', x, { trees: 1.5 }, ConfigError],
    ['contamination 0', x, { contamination: 0 }, ConfigError],
    ['contamination 0.6', x, { contamination: 0.6 }, ConfigError],
    ['maxSamples 0', x, { maxSamples: 0 }, ConfigError],
    ['maxSamples 1.5', x, { maxSamples: 1.5 }, ConfigError],
    ['maxFeatures −1', x, { maxFeatures: -1 }, ConfigError],
    ['a broken seed', x, { seed: 0.5 }, ConfigError],
  ])('%s is refused', (_what, data, options, error) => {
    expect(() => fitIsolationForest(data, options)).toThrow(error);
  });

  test('rows of another width are refused when scoring', () => {
    expect(() => fitIsolationForest(x, { trees: 2 }).scoreSamples(matrixFrom([[1, 2]]))).toThrow(
      'expected 6 columns, got 2',
    );
  });
});
