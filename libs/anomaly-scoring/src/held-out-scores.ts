import type { EmbeddingMatrix } from '@hazure/contracts';
import { selectRows } from '@hazure/numerics';
import { MIN_CLASS_ROWS } from './class-models.js';
import { CrossJudging } from './cross-judging.js';
import { SharedFits, SharedScores } from './shared-work.js';
import { assignFolds, holdOut, splitByFold } from './folds.js';
import type { ClassAwareScorer, FittedClassAwareScorer } from './scorer-ports.js';

export type CalibrationMethod = 'split' | 'cross';

/** Folds of cross-calibration: each row is judged by scorers fitted to 9/10 of the others. */
const CROSS_FOLDS = 10;
/** From this many rows on, holding a part out costs the scorer nothing that can be measured. */
const SPLIT_FROM_ROWS = 5000;
/** Fewer groups than this are too few to hold a fifth of them out, … */
const SPLIT_FROM_GROUPS = 500;
/** … unless so many rows make ten fits a burden. */
const SPLIT_ALWAYS_FROM_ROWS = 50_000;
/**
 * Folds for fewer groups than this: each then misses 1/20 of them, not 1/10, which tells with so few (whole
 * photos with variants, 64 groups: 4.8% false alarms at 95 instead of 4.2%).
 */
const MANY_GROUPS = 200;
const FOLDS_OF_FEW_GROUPS = 40;

/** The method that `auto` stands for. groups: how many there are, when not every row is its own. */
export function methodFor(rows: number, groups = rows): CalibrationMethod {
  if (rows < SPLIT_FROM_ROWS) return 'cross';
  return groups >= SPLIT_FROM_GROUPS || rows >= SPLIT_ALWAYS_FROM_ROWS ? 'split' : 'cross';
}

function foldsFor(rows: number, groups: number): number {
  return groups < rows && groups < MANY_GROUPS ? FOLDS_OF_FEW_GROUPS : CROSS_FOLDS;
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
  const count = new Set(Array.from(groups)).size;
  const foldOf = assignFolds(groups, foldsFor(groups.length, count), seed);
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

/** Scores the held-out rows of a plan that deals all rows into folds. */
class CrossHeldOut {
  private readonly judging: CrossJudging;
  /** Rows in the order of the plan's parts. */
  private readonly rows: readonly number[];

  constructor(
    x: EmbeddingMatrix,
    plan: HeldOutPlan,
    private readonly classes?: RowClasses,
  ) {
    const foldOf = new Int32Array(x.rows);
    plan.parts.forEach(({ inside }, fold) => inside.forEach((row) => (foldOf[row] = fold)));
    this.judging = new CrossJudging({ x, foldOf, folds: plan.parts.length }, classes?.of);
    this.rows = plan.parts.flatMap(({ inside }) => inside);
  }

  async scores(scorer: ClassAwareScorer): Promise<HeldOutScores> {
    const { judging, rows, classes } = this;
    const all = await judging.scores(scorer);
    const byClass = new Map((classes?.own ?? []).map((name) => [name, [] as number[]]));
    if (classes !== undefined && byClass.size > 0) {
      const scores = await judging.scoresByClass(scorer);
      for (const row of rows) byClass.get(classes.of[row])?.push(scores[row]);
    }
    return { all: Float64Array.from(rows, (row) => all[row]), byClass };
  }
}

/** Held-out scores of one scorer, judged without classes. */
export async function heldOutScores(
  scorer: ClassAwareScorer,
  x: EmbeddingMatrix,
  plan: HeldOutPlan,
): Promise<Float64Array> {
  if (plan.method === 'cross') return (await new CrossHeldOut(x, plan).scores(scorer)).all;
  const [{ inside, outside }] = plan.parts;
  return (await scorer.fit(selectRows(x, outside))).score(selectRows(x, inside));
}

/**
 * Fits scorers as planned and scores the held-out rows by each; results in the order of the scorers. What several
 * scorers have in common is fitted once.
 * Split: the held-out rows are scored by the very scorer that is returned, so conformal p-values are exact.
 * Cross: each row is scored by a scorer that never saw its group, and the scorer returned has seen all rows;
 * it knows a little more than those, so its scores on new normal rows run slightly lower and p-values err on the
 * safe side.
 */
export async function fitWithHeldOut(
  scorers: readonly ClassAwareScorer[],
  x: EmbeddingMatrix,
  plan: HeldOutPlan,
  classes?: RowClasses,
): Promise<(HeldOutScores & { readonly fitted: FittedClassAwareScorer })[]> {
  const results: (HeldOutScores & { readonly fitted: FittedClassAwareScorer })[] = [];
  if (plan.method === 'cross') {
    const held = new CrossHeldOut(x, plan, classes);
    const fits = new SharedFits(x, classes?.of);
    for (const scorer of scorers) {
      results.push({ ...(await held.scores(scorer)), fitted: await fits.fit(scorer) });
    }
    return results;
  }
  const [{ inside, outside }] = plan.parts;
  const [held, heldClasses] = [selectRows(x, inside), classes && inside.map((row) => classes.of[row])];
  const fits = new SharedFits(selectRows(x, outside), classes && outside.map((row) => classes.of[row]));
  const [plain, judged] = [new SharedScores(held), new SharedScores(held, heldClasses)];
  for (const scorer of scorers) {
    const fitted = await fits.fit(scorer);
    const all = await plain.score(fitted);
    const byClass = new Map((classes?.own ?? []).map((name) => [name, [] as number[]]));
    if (heldClasses !== undefined && byClass.size > 0) {
      const scores = await judged.score(fitted);
      heldClasses.forEach((name, i) => byClass.get(name)?.push(scores[i]));
    }
    results.push({ all, byClass, fitted });
  }
  return results;
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
