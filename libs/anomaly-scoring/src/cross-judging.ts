import type { Scorer } from '@hazure/contracts';
import { selectRows } from '@hazure/numerics';
import { splitByFold } from './folds.js';
import type { AbleScorer, DealtRows, FoldJudging } from './scorer-ports.js';

/**
 * Scores of rows by scorers that were not fitted to their fold. A scorer that is asked for twice (as a member of an
 * ensemble, or for rows of rare classes) computes once.
 */
export class CrossJudging implements FoldJudging {
  private readonly plain = new Map<Scorer, Promise<Float64Array>>();
  private readonly byClass = new Map<Scorer, Promise<Float64Array>>();

  /** classes: one per row, the same for all scorers. */
  constructor(
    private readonly dealt: DealtRows,
    private readonly classes: readonly string[] = [],
  ) {}

  scores(scorer: AbleScorer): Promise<Float64Array> {
    return once(
      this.plain,
      scorer,
      () => scorer.scoreFolds?.(this.dealt, this) ?? scoreByFits(scorer, this.dealt),
    );
  }

  scoresByClass(scorer: AbleScorer): Promise<Float64Array> {
    return once(
      this.byClass,
      scorer,
      () =>
        scorer.scoreFoldsByClass?.(this.dealt, this.classes, this) ??
        Promise.resolve(new Float64Array(this.dealt.x.rows).fill(NaN)),
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
