import type { EmbeddingMatrix, FittedScorer, Scorer } from '@hazure/contracts';
import { selectRows } from '@hazure/numerics';
import { assignFolds, holdOut, splitByFold } from './folds.js';

export type CalibrationMethod = 'split' | 'cross';

/** Folds of cross-calibration: each row is judged by scorers fitted to 9/10 of the others. */
export const CROSS_FOLDS = 10;
/** From this many rows on, holding a part out costs the scorer nothing that can be measured. */
export const SPLIT_FROM_ROWS = 5000;
/** Share of rows that split calibration holds out, and the most it needs. */
const SPLIT_SHARE = 0.2;
const SPLIT_MAX_ROWS = 20_000;

export interface HeldOutPlan {
  readonly method: CalibrationMethod;
  /** Rows the final scorers are fitted to; null = all. */
  readonly fitRows: readonly number[] | null;
  /** Disjoint parts of the rows; each is scored by a scorer fitted to `outside`. */
  readonly parts: readonly { readonly inside: readonly number[]; readonly outside: readonly number[] }[];
}

/** Which rows judge which. Rows of one group never stand on both sides. */
export function planHeldOut(groups: ArrayLike<number>, method: CalibrationMethod, seed: number): HeldOutPlan {
  if (method === 'split') {
    const wanted = Math.min(SPLIT_MAX_ROWS, Math.ceil(groups.length * SPLIT_SHARE));
    const { held, kept } = holdOut(groups, wanted, seed);
    return { method, fitRows: kept, parts: [{ inside: held, outside: kept }] };
  }
  const foldOf = assignFolds(groups, CROSS_FOLDS, seed);
  const folds = foldOf.reduce((most, fold) => Math.max(most, fold), 0) + 1;
  return {
    method,
    fitRows: null,
    parts: Array.from({ length: folds }, (_, fold) => splitByFold(foldOf, fold)),
  };
}

/**
 * Fits `scorer` as planned and scores the held-out rows.
 * Split: the held-out rows are scored by the very scorer that is returned, so conformal p-values are exact.
 * Cross: each row is scored by a scorer that never saw its group, and the scorer returned has seen all rows;
 * it knows a little more than those, so its scores on new normal rows run slightly lower and p-values err on the
 * safe side.
 */
export async function fitWithHeldOut(
  scorer: Scorer,
  x: EmbeddingMatrix,
  plan: HeldOutPlan,
): Promise<{ fitted: FittedScorer; heldOut: Float64Array }> {
  if (plan.fitRows !== null) {
    const [{ inside }] = plan.parts;
    const fitted = await scorer.fit(selectRows(x, plan.fitRows));
    return { fitted, heldOut: await fitted.score(selectRows(x, inside)) };
  }
  const heldOut = new Float64Array(x.rows);
  for (const { inside, outside } of plan.parts) {
    const part = await (await scorer.fit(selectRows(x, outside))).score(selectRows(x, inside));
    inside.forEach((row, i) => (heldOut[row] = part[i]));
  }
  return { fitted: await scorer.fit(x), heldOut };
}

/** The rows that scorers were fitted to. */
export function fittedRows(features: EmbeddingMatrix, fitRows: readonly number[] | null): EmbeddingMatrix {
  return fitRows === null ? features : selectRows(features, fitRows);
}
