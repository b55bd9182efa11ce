import type { EmbeddingMatrix } from '@hazure/contracts';
import { selectRows } from '@hazure/numerics';
import { assignFolds, holdOut, splitByFold } from './folds.js';
import { MIN_CLASS_ROWS } from './per-class.js';
import type { ClassAwareScorer, FittedClassAwareScorer } from './per-class.js';

export type CalibrationMethod = 'split' | 'cross';

/** Folds of cross-calibration: each row is judged by scorers fitted to 9/10 of the others. */
export const CROSS_FOLDS = 10;
/** From this many rows on, holding a part out costs the scorer nothing that can be measured. */
export const SPLIT_FROM_ROWS = 5000;
/** The method that `auto` stands for. */
export function methodFor(rows: number): CalibrationMethod {
  return rows >= SPLIT_FROM_ROWS ? 'split' : 'cross';
}

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

/** Scores of rows by scorers that were not fitted to them. */
export interface HeldOutScores {
  /** Judged without classes: one score per held-out row, in the order of the plan's parts. */
  readonly all: Float64Array;
  /** Judged as members of their class, for the classes that the scorer was made to know. */
  readonly byClass: ReadonlyMap<string, number[]>;
}

export interface RowClasses {
  /** One per row of x. */
  readonly of: readonly string[];
  /** Those that are judged by themselves. */
  readonly own: readonly string[];
}

/** Fits a scorer to `outside` of every part of the plan and scores `inside`; `last` is the last one fitted. */
export async function heldOutScores(
  scorer: ClassAwareScorer,
  x: EmbeddingMatrix,
  plan: HeldOutPlan,
  classes?: RowClasses,
): Promise<HeldOutScores & { readonly last: FittedClassAwareScorer }> {
  const all: number[] = [];
  const byClass = new Map((classes?.own ?? []).map((name) => [name, [] as number[]]));
  let last: FittedClassAwareScorer | undefined;
  for (const { inside, outside } of plan.parts) {
    last = await scorer.fit(selectRows(x, outside), classes && outside.map((row) => classes.of[row]));
    const held = selectRows(x, inside);
    for (const score of await last.score(held)) all.push(score);
    if (classes === undefined || byClass.size === 0) continue;
    const heldClasses = inside.map((row) => classes.of[row]);
    const scores = await last.score(held, heldClasses);
    heldClasses.forEach((name, i) => byClass.get(name)?.push(scores[i]));
  }
  if (last === undefined) throw new RangeError('a held-out plan has at least one part');
  return { all: Float64Array.from(all), byClass, last };
}

/**
 * Fits `scorer` as planned and scores the held-out rows.
 * Split: the held-out rows are scored by the very scorer that is returned, so conformal p-values are exact.
 * Cross: each row is scored by a scorer that never saw its group, and the scorer returned has seen all rows;
 * it knows a little more than those, so its scores on new normal rows run slightly lower and p-values err on the
 * safe side.
 */
export async function fitWithHeldOut(
  scorer: ClassAwareScorer,
  x: EmbeddingMatrix,
  plan: HeldOutPlan,
  classes?: RowClasses,
): Promise<HeldOutScores & { readonly fitted: FittedClassAwareScorer }> {
  const { last, ...heldOut } = await heldOutScores(scorer, x, plan, classes);
  return { ...heldOut, fitted: plan.fitRows === null ? await scorer.fit(x, classes?.of) : last };
}

/**
 * Classes with enough rows to be judged by themselves: at least `minRows` held-out ones, and in every part as
 * many to fit to.
 */
export function classesOfOwn(classes: readonly string[], plan: HeldOutPlan, minRows: number): string[] {
  const tally = (rows: readonly number[]): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const row of rows) counts.set(classes[row], (counts.get(classes[row]) ?? 0) + 1);
    return counts;
  };
  const held = tally(plan.parts.flatMap(({ inside }) => inside));
  const fits = plan.parts.map(({ outside }) => tally(outside));
  return [...held]
    .filter(
      ([name, count]) => count >= minRows && fits.every((fit) => (fit.get(name) ?? 0) >= MIN_CLASS_ROWS),
    )
    .map(([name]) => name)
    .sort();
}

/** The rows that scorers were fitted to. */
export function fittedRows(features: EmbeddingMatrix, fitRows: readonly number[] | null): EmbeddingMatrix {
  return fitRows === null ? features : selectRows(features, fitRows);
}
