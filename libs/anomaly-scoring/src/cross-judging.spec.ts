import type { EmbeddingMatrix, Scorer } from '@hazure/contracts';
import { Random, selectRows } from '@hazure/numerics';
import { CrossJudging, scoreByFits } from './cross-judging.js';
import type { DealtRows } from './scorer-ports.js';
import { assignFolds, splitByFold } from './folds.js';
import { KnnScorer } from './knn.js';
import { MahalanobisScorer } from './mahalanobis.js';
import type { ClassAwareScorer } from './scorer-ports.js';
import { createScorer, createScorers, SCORER_NAMES } from './scorers.js';
import type { ScorerOptions } from './scorer-kind.js';

/** Normals around class centres, far from the origin; as embeddings, with spread that differs by column. */
const rowsOf = (rows: number, cols: number, seed: number, offset = 3): EmbeddingMatrix => {
  const random = new Random(seed);
  const spread = Array.from({ length: cols }, () => Math.exp(2 * random.nextNormal()));
  const data = Float32Array.from(
    { length: rows * cols },
    (_, at) => offset + (Math.floor(at / cols) % 3) + spread[at % cols] * random.nextNormal(),
  );
  return { data, rows, cols };
};

/** Groups of one to four rows, dealt into folds. */
const deal = (x: EmbeddingMatrix, folds: number, seed: number): DealtRows => {
  const random = new Random(seed);
  const groups: number[] = [];
  for (let group = 0; groups.length < x.rows; group++) {
    for (let i = random.nextInt(4); i >= 0 && groups.length < x.rows; i--) groups.push(group);
  }
  const foldOf = assignFolds(groups, folds, seed);
  return { x, foldOf, folds };
};

const expectSame = (scores: Float64Array, expected: Float64Array, tolerance = 1e-9): void => {
  expect(scores).toHaveLength(expected.length);
  const worst = scores.reduce((most, score, i) => {
    const apart = Object.is(score, expected[i]) ? 0 : Math.abs(score / expected[i] - 1);
    return apart <= most ? most : apart; // NaN on one side only counts as the worst
  }, 0);
  expect(worst).toBeLessThan(tolerance);
};

const shapes = [
  ['far fewer rows than columns', 40, 90],
  ['about as many rows as columns, folds with fewer', 52, 50],
  ['exactly as many rows as columns in a fold', 50, 45],
  ['more rows than columns', 200, 20],
  ['one column', 30, 1],
] as const;

describe.each(shapes)('%s', (_what, rows, cols) => {
  const dealt = deal(rowsOf(rows, cols, 1), 10, 2);

  test.each([false, true])('Mahalanobis folds equal one fit a fold, unit rows %s', async (unitRows) => {
    const scorer = new MahalanobisScorer({ unitRows, threads: 1 });
    // With one column all unit rows are ±1 and many folds hold nothing but 1: they are fitted anew.
    expectSame(await new CrossJudging(dealt).scores(scorer), await scoreByFits(scorer, dealt));
  });

  test('nearest neighbours of other folds equal one index a fold', async () => {
    const scorer = new KnnScorer({ k: 2, threads: 1 });
    expect(await scorer.scoreFolds(dealt)).toEqual(await scoreByFits(scorer, dealt));
  });
});

describe('hard cases', () => {
  const scorer = new MahalanobisScorer({ threads: 1 });
  const compare = async (dealt: DealtRows): Promise<void> =>
    expectSame(await scorer.scoreFolds(dealt), await scoreByFits(scorer, dealt));

  test.each([
    [30, 60],
    [60, 30],
  ])('constant columns and rows that repeat, %i × %i', async (rows, cols) => {
    const x = rowsOf(rows, cols, 4);
    for (let i = 0; i < rows; i++) x.data[i * cols] = 7.3;
    x.data.copyWithin(cols, 0, 5 * cols);
    await compare(deal(x, 5, 5));
  });

  test.each([
    [24, 60],
    [60, 12],
  ])('all rows alike but those of one fold, %i × %i', async (rows, cols) => {
    const x = rowsOf(rows, cols, 6);
    const foldOf = Array.from({ length: rows }, (_, row) => row % 4);
    foldOf.forEach((fold, row) => {
      if (fold !== 2) x.data.copyWithin(row * cols, 0, cols);
    });
    await compare({ x, foldOf, folds: 4 });
  });

  test.each([
    [40, 70],
    [70, 20],
  ])('one row far beyond all others, %i × %i', async (rows, cols) => {
    const x = rowsOf(rows, cols, 7);
    for (let j = 0; j < cols; j++) x.data[3 * cols + j] *= 1e5;
    await compare(deal(x, 8, 8));
  });

  test('two rows', async () => {
    await compare({ x: rowsOf(2, 5, 9), foldOf: [0, 1], folds: 2 });
  });

  test('worker threads give the same as this thread', async () => {
    for (const [rows, cols] of [
      [340, 400],
      [700, 200],
    ]) {
      const dealt = deal(rowsOf(rows, cols, 10), 10, 11);
      const threaded = await new MahalanobisScorer({ threads: 2 }).scoreFolds(dealt);
      expect(threaded).toEqual(await scorer.scoreFolds(dealt));
    }
  });
});

describe('by class', () => {
  const classesOf = (rows: number): string[] =>
    Array.from({ length: rows }, (_, row) => (row % 17 === 0 ? 'rare' : ['cat', 'dog', 'cow'][row % 3]));

  /** Every fold by a scorer that is fitted to the rest, as learning did it before folds shared work. */
  const byFits = async (
    scorer: ClassAwareScorer,
    { x, foldOf, folds }: DealtRows,
    classes: readonly string[],
    own: readonly string[],
  ): Promise<Float64Array> => {
    const scores = new Float64Array(x.rows).fill(NaN);
    for (let fold = 0; fold < folds; fold++) {
      const { inside, outside } = splitByFold(foldOf, fold);
      const fitted = await scorer.fit(
        selectRows(x, outside),
        outside.map((row) => classes[row]),
      );
      const values = await fitted.score(
        selectRows(x, inside),
        inside.map((row) => classes[row]),
      );
      inside.forEach((row, i) => {
        if (own.includes(classes[row])) scores[row] = values[i];
      });
    }
    return scores;
  };

  const options = (own: readonly string[]): ScorerOptions => ({ threads: 1, perClass: own, seed: 5 });
  const own = ['cat', 'cow', 'dog'];

  test.each(SCORER_NAMES.flatMap((name) => [[name, 90, 120] as const, [name, 150, 12] as const]))(
    '%s, %i × %i',
    async (name, rows, cols) => {
      const dealt = deal(rowsOf(rows, cols, 12), 6, 13);
      const classes = classesOf(rows);
      const scorer = createScorer(name, options(own));
      const scores = await new CrossJudging(dealt, classes).scoresByClass(scorer);
      // Differences from class means are float32 in a model, float64 here.
      expectSame(scores, await byFits(scorer, dealt, classes, own), 1e-5);
      expect(scores.map(Number).filter(Number.isNaN)).toHaveLength(
        classes.filter((className) => className === 'rare').length,
      );
    },
  );

  test('a class that is too small in some folds falls back there', async () => {
    const classes = Array.from({ length: 60 }, (_, row) => (row < 11 ? 'few' : 'many'));
    // Two of the few in fold 0 leave nine outside: too few there, enough elsewhere.
    const foldOf = Array.from({ length: 60 }, (_, row) => (row === 1 ? 0 : row % 12));
    const dealt = { x: rowsOf(60, 80, 14), foldOf, folds: 12 };
    for (const name of ['mahalanobis', 'knn']) {
      const scorer = createScorer(name, options(['few', 'many']));
      const scores = await new CrossJudging(dealt, classes).scoresByClass(scorer);
      expectSame(scores, await byFits(scorer, dealt, classes, ['few', 'many']), 1e-5);
      const plain = await new CrossJudging(dealt).scores(scorer);
      expect(scores[0]).toBe(plain[0]);
      expect(scores[2]).not.toBe(plain[2]);
    }
  });
});

test('a scorer that is a member too is asked once', async () => {
  const [ensemble, mahalanobis] = createScorers(['ensemble', 'mahalanobis'], { threads: 1 });
  let asked = 0;
  const counted = mahalanobis as Scorer & { scoreFolds: (dealt: DealtRows) => Promise<Float64Array> };
  const { scoreFolds } = counted;
  counted.scoreFolds = (dealt) => {
    asked++;
    return scoreFolds.call(counted, dealt);
  };
  const judging = new CrossJudging(deal(rowsOf(30, 8, 15), 5, 16));
  await judging.scores(ensemble);
  await judging.scores(mahalanobis);
  expect(asked).toBe(1);
});
