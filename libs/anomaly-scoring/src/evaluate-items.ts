import { InputError } from '@hazure/contracts';
import { bestF1, bootstrapIntervals, rankingCurve, rankingMetrics, thinCurve } from '@hazure/numerics';
import type { BestF1, CurvePoint, Interval } from '@hazure/numerics';

/** Judged things of a finished run with a truth: its objects, or its images. A few bytes each. */
export interface JudgedItems {
  /** 0 = normal, 1 = anomaly. */
  readonly labels: ArrayLike<number>;
  /** By scorer, one an item; higher = more anomalous; −∞ = nothing was found there, which ranks below all others. */
  readonly scores: Readonly<Record<string, ArrayLike<number>>>;
  /** 1 where the run's verdict is outlier. */
  readonly outlier: ArrayLike<number>;
  /** The same of the feature side alone; absent where it is not told apart. */
  readonly featureOutlier?: ArrayLike<number>;
  /** Kind of defect, or of product, of each item; undefined where none is given. */
  readonly categories?: readonly (string | undefined)[];
}

export interface RunScorerEvaluation {
  readonly auroc: number;
  readonly aurocCi: Interval;
  readonly averagePrecision: number;
  readonly averagePrecisionCi: Interval;
  readonly fprAt95Tpr: number;
  readonly fprAt95TprCi: Interval;
  /** Share of normal items that the run's final verdict called outliers. */
  readonly falseAlarmRate: number;
  /** With the threshold that serves these items best. */
  readonly bestF1: BestF1;
}

/** Counts and rates of yes/no verdicts; a rate without anything to divide by is null. */
export interface VerdictRates {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly trueNegatives: number;
  readonly falseNegatives: number;
  readonly precision: number | null;
  readonly recall: number | null;
  /** F1 at the run's own threshold. */
  readonly f1: number | null;
  readonly falseAlarmRate: number | null;
}

/** What can be said of some items. */
export interface ItemsEvaluation {
  readonly scorers: Readonly<Record<string, RunScorerEvaluation>>;
  readonly test: number;
  readonly anomalies: number;
  readonly verdict: VerdictRates;
  readonly featureVerdict: VerdictRates | null;
}

export interface LevelEvaluation extends ItemsEvaluation {
  /** Anomalies of each category against the normal items of the same one, or against all where it has none. */
  readonly categories: Readonly<Record<string, ItemsEvaluation>>;
  /** Of each scorer, at most 200 points. */
  readonly curves: Readonly<Record<string, readonly CurvePoint[]>>;
}

const CURVE_POINTS = 200;

/**
 * Measures the verdicts and scores of a finished run against its truth.
 * @param options.seed of the bootstrap intervals
 * @throws InputError unless both labels occur, or for arrays of other lengths
 */
export function evaluateItems(items: JudgedItems, { seed = 42 }: { seed?: number } = {}): LevelEvaluation {
  const n = items.labels.length;
  for (const [what, { length }] of [...Object.entries(items.scores), ['verdicts', items.outlier] as const]) {
    if (length === n) continue;
    throw new InputError('INPUT_INVALID', `${what}: expected one per label (${n}), got ${length}`);
  }
  const ranked = { ...items, scores: rankable(items.scores) };
  const all = measure(ranked, seed);
  const curves = Object.entries(ranked.scores).map(
    ([name, scores]) => [name, thinCurve(rankingCurve(items.labels, scores), CURVE_POINTS)] as const,
  );
  return { ...all, categories: byCategory(ranked, seed), curves: Object.fromEntries(curves) };
}

/** Things without a score get one below all others. */
function rankable(scores: JudgedItems['scores']): Record<string, ArrayLike<number>> {
  const finite = Object.entries(scores).map(([name, values]) => {
    let lowest = Infinity;
    for (let i = 0; i < values.length; i++) if (values[i] > -Infinity) lowest = Math.min(lowest, values[i]);
    const below = Number.isFinite(lowest) ? lowest - 1 : 0;
    return [name, Float64Array.from(values, (value) => (value === -Infinity ? below : value))] as const;
  });
  return Object.fromEntries(finite);
}

function byCategory(items: JudgedItems, seed: number): Record<string, ItemsEvaluation> {
  const { labels, categories } = items;
  if (!categories) return {};
  const names = new Set<string>();
  const withNormals = new Set<string>();
  let normals = 0;
  categories.forEach((category, i) => {
    if (labels[i] === 0) normals++;
    if (category === undefined) return;
    if (labels[i] === 1) names.add(category);
    else withNormals.add(category);
  });
  if (normals === 0) return {};
  const measured = [...names].sort().map((name) => {
    const own = withNormals.has(name);
    const rows: number[] = [];
    for (let i = 0; i < labels.length; i++) {
      if (categories[i] === name || (labels[i] === 0 && !own)) rows.push(i);
    }
    return [name, measure(pick(items, rows), seed)] as const;
  });
  return Object.fromEntries(measured);
}

function pick(items: JudgedItems, rows: readonly number[]): JudgedItems {
  const of = (values: ArrayLike<number>): Float64Array => Float64Array.from(rows, (row) => values[row]);
  return {
    labels: of(items.labels),
    scores: Object.fromEntries(Object.entries(items.scores).map(([name, values]) => [name, of(values)])),
    outlier: of(items.outlier),
    ...(items.featureOutlier ? { featureOutlier: of(items.featureOutlier) } : {}),
  };
}

function measure({ labels, scores, outlier, featureOutlier }: JudgedItems, seed: number): ItemsEvaluation {
  const verdict = verdictRates(labels, outlier);
  const scorers = Object.entries(scores).map(([name, values]): [string, RunScorerEvaluation] => {
    const metrics = rankingMetrics(labels, values);
    const intervals = bootstrapIntervals(labels, values, { seed });
    return [
      name,
      {
        auroc: metrics.auroc,
        aurocCi: intervals.auroc,
        averagePrecision: metrics.averagePrecision,
        averagePrecisionCi: intervals.averagePrecision,
        fprAt95Tpr: metrics.fprAt95Tpr,
        fprAt95TprCi: intervals.fprAt95Tpr,
        falseAlarmRate: verdict.falseAlarmRate ?? 0,
        bestF1: bestF1(rankingCurve(labels, values)),
      },
    ];
  });
  return {
    scorers: Object.fromEntries(scorers),
    test: labels.length,
    anomalies: verdict.truePositives + verdict.falseNegatives,
    verdict,
    featureVerdict: featureOutlier ? verdictRates(labels, featureOutlier) : null,
  };
}

function verdictRates(labels: ArrayLike<number>, flags: ArrayLike<number>): VerdictRates {
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < labels.length; i++) counts[labels[i] * 2 + flags[i]]++;
  const [trueNegatives, falsePositives, falseNegatives, truePositives] = counts;
  const ratio = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);
  return {
    truePositives,
    falsePositives,
    trueNegatives,
    falseNegatives,
    precision: ratio(truePositives, truePositives + falsePositives),
    recall: ratio(truePositives, truePositives + falseNegatives),
    f1: ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives),
    falseAlarmRate: ratio(falsePositives, falsePositives + trueNegatives),
  };
}
