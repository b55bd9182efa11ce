import type { EmbeddingMatrix } from '@hazure/contracts';
import { alphaOf, ConformalCalibration } from './conformal.js';
import { effectiveSample } from './effective-sample.js';
import { heldOutScores } from './held-out-scores.js';
import type { HeldOutPlan } from './held-out-scores.js';
import { planHeldOut } from './held-out-scores.js';
import type { ClassAwareScorer } from './scorer-ports.js';

/** What the grouping of the baseline's rows means for its verdicts. */
export interface Dependence {
  /** Groups of all rows; rows of different groups don't depend on each other. */
  readonly groups: number;
  readonly largestGroup: number;
  /** Correlation of the ranks of two held-out scores of one group, 0…1. */
  readonly intraGroupCorrelation: number;
  /** Independent observations that the held-out scores are worth. */
  readonly effectiveRows: number;
  /** Whether the most extreme p-values come from a fitted tail. */
  readonly extrapolated: boolean;
  /**
   * False alarms to be expected, in percent, had the rows been taken for independent; null where that was not measured
   * (split calibration).
   */
  readonly falseAlarmsIgnoringGroups: number | null;
}

/** p-values from held-out scores that depend on each other within groups. groups: one label per score. */
export function calibrateGrouped(scores: ArrayLike<number>, groups: ArrayLike<number>): ConformalCalibration {
  const { largestGroup, weights } = effectiveSample(scores, groups);
  return new ConformalCalibration(scores, largestGroup === 1 ? undefined : { weights });
}

export interface DependenceInput {
  readonly features: EmbeddingMatrix;
  /** Of all rows. */
  readonly groups: ArrayLike<number>;
  readonly plan: HeldOutPlan;
  readonly percentile: number;
  readonly seed: number;
  /** The deciding scorer, not fitted. */
  readonly scorer: ClassAwareScorer;
  /** Its held-out scores, in the order of the plan's parts. */
  readonly heldOut: Float64Array;
  readonly calibration: ConformalCalibration;
}

/** Measures how rows depend on each other and what it would cost to ignore it. null: every row is its own group. */
export async function measureDependence(input: DependenceInput): Promise<Dependence | null> {
  const { features, groups, plan, percentile, seed, scorer, heldOut, calibration } = input;
  const rows = plan.parts.flatMap(({ inside }) => inside);
  const sample = effectiveSample(
    heldOut,
    rows.map((row) => groups[row]),
  );
  const count = new Set(Array.from(groups)).size;
  if (count === groups.length) return null;
  let ignoring: number | null = null;
  if (plan.method === 'cross') {
    const each = Int32Array.from({ length: groups.length }, (_, row) => row);
    const naive = new ConformalCalibration(
      await heldOutScores(scorer, features, planHeldOut(each, 'cross', seed)),
    );
    const alpha = alphaOf(percentile);
    let flagged = 0;
    heldOut.forEach((score, i) => (flagged += naive.pValue(score) < alpha ? sample.weights[i] : 0));
    ignoring = (100 * flagged) / sample.effectiveRows;
  }
  return {
    groups: count,
    largestGroup: sample.largestGroup,
    intraGroupCorrelation: sample.intraGroupCorrelation,
    effectiveRows: sample.effectiveRows,
    extrapolated: calibration.forPercentile(percentile).tail !== null,
    falseAlarmsIgnoringGroups: ignoring,
  };
}
