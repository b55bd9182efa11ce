import type { EmbeddingMatrix, Scorer } from '@hazure/contracts';
import { selectRows } from '@hazure/numerics';
import { splitByFold } from './folds.js';

/** Rows dealt into folds, each to be judged by what a scorer learns from all others. */
export interface DealtRows {
  readonly x: EmbeddingMatrix;
  /** Fold of each row, 0…folds − 1. Every fold leaves rows outside. */
  readonly foldOf: ArrayLike<number>;
  readonly folds: number;
}

/** What a scorer offers that judges all folds together, with less work than by one fit a fold. */
export interface FoldScorer {
  /**
   * One score per row, by this scorer fitted to all rows outside the row's fold: what fitting and scoring fold by
   * fold gives, within rounding.
   */
  scoreFolds(dealt: DealtRows, judging: CrossJudging): Promise<Float64Array>;
}

/** The same for rows that are judged as members of their class. */
export interface ClassFoldScorer extends FoldScorer {
  /** One score per row; NaN for rows of classes that the scorer was not made to know. */
  scoreFoldsByClass(
    dealt: DealtRows,
    classes: readonly string[],
    judging: CrossJudging,
  ): Promise<Float64Array>;
}

/**
 * Scores of rows by scorers that were not fitted to their fold. A scorer that is asked for twice (as a member of an
 * ensemble, or for rows of rare classes) computes once.
 */
export class CrossJudging {
  private readonly plain = new Map<Scorer, Promise<Float64Array>>();
  private readonly byClass = new Map<Scorer, Promise<Float64Array>>();

  /** classes: one per row, the same for all scorers. */
  constructor(
    private readonly dealt: DealtRows,
    private readonly classes: readonly string[] = [],
  ) {}

  /** One score per row, without regard to class. */
  scores(scorer: Scorer): Promise<Float64Array> {
    return once(this.plain, scorer, () =>
      'scoreFolds' in scorer
        ? (scorer as Scorer & FoldScorer).scoreFolds(this.dealt, this)
        : scoreByFits(scorer, this.dealt),
    );
  }

  /** One score per row as a member of its class; NaN for rows of classes that the scorer was not made to know. */
  scoresByClass(scorer: Scorer): Promise<Float64Array> {
    return once(this.byClass, scorer, () =>
      'scoreFoldsByClass' in scorer
        ? (scorer as Scorer & ClassFoldScorer).scoreFoldsByClass(this.dealt, this.classes, this)
        : Promise.resolve(new Float64Array(this.dealt.x.rows).fill(NaN)),
    );
  }
}

function once<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

/** Fold by fold: one fit each. `only`: these folds, the rows of others staying NaN. */
export async function scoreByFits(
  scorer: Scorer,
  { x, foldOf, folds }: DealtRows,
  only: readonly number[] = Array.from({ length: folds }, (_, fold) => fold),
): Promise<Float64Array> {
  const scores = new Float64Array(x.rows).fill(NaN);
  for (const fold of only) {
    const { inside, outside } = splitByFold(foldOf, fold);
    if (inside.length === 0) continue;
    const fitted = await scorer.fit(selectRows(x, outside));
    const values = await fitted.score(selectRows(x, inside));
    inside.forEach((row, i) => (scores[row] = values[i]));
  }
  return scores;
}
