import { InputError } from '@hazure/contracts';
import { bootstrapIntervals, rankingMetrics } from '@hazure/numerics';
import type { Interval } from '@hazure/numerics';

/** One judged object of a finished run. */
export interface JudgedObject {
  readonly cropId: string;
  readonly imageId: string;
  /** Every scorer's score by name; higher is more anomalous. */
  readonly scores: Readonly<Record<string, number>>;
  /** Final verdict. */
  readonly outlier: boolean;
  /** Verdict of the feature side alone. */
  readonly featureOutlier?: boolean;
}

/** One line of a truth file. */
export interface TruthEntry {
  /** A crop id, or an image id: then the image counts as its most anomalous object. */
  readonly id: string;
  /** 1 = anomaly, 0 = normal. */
  readonly label: number;
  readonly category?: string;
}

export interface RunScorerEvaluation {
  readonly auroc: number;
  readonly aurocCi: Interval;
  readonly averagePrecision: number;
  readonly averagePrecisionCi: Interval;
  readonly fprAt95Tpr: number;
  readonly fprAt95TprCi: Interval;
  /** Share of normal objects that the run's final verdict called outliers. */
  readonly falseAlarmRate: number;
}

/** Counts and rates of yes/no verdicts; a rate without anything to divide by is null. */
export interface VerdictRates {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly trueNegatives: number;
  readonly falseNegatives: number;
  readonly precision: number | null;
  readonly recall: number | null;
  readonly f1: number | null;
  readonly falseAlarmRate: number | null;
}

export interface RunEvaluation {
  readonly scorers: Readonly<Record<string, RunScorerEvaluation>>;
  readonly default: string;
  /** Judged items with a truth. */
  readonly test: number;
  readonly anomalies: number;
  readonly verdict: VerdictRates;
  readonly featureVerdict: VerdictRates | null;
  /** Images of the truth in which the run found no object: they count as normal verdicts with the lowest score. */
  readonly withoutObjects: readonly string[];
  /** Per category, where the truth names one and the category has both labels. */
  readonly categories: Readonly<
    Record<string, Omit<RunEvaluation, 'categories' | 'default' | 'withoutObjects'>>
  >;
}

interface Item {
  readonly label: number;
  readonly category: string | undefined;
  readonly objects: readonly JudgedObject[];
}

export interface VerdictEvaluationInput {
  readonly objects: readonly JudgedObject[];
  readonly truth: readonly TruthEntry[];
  /** Image ids that the run processed, so that images without objects are told from unknown ones. */
  readonly imageIds?: readonly string[];
  /** Name of the deciding scorer; default: the first one of the first object. */
  readonly defaultScorer?: string;
  readonly seed?: number;
}

/**
 * Measures a finished run against a truth that names crops or images.
 * @throws InputError for labels other than 0 and 1, ids listed twice or unknown to the run, or truths without both labels.
 */
export function evaluateVerdicts(input: VerdictEvaluationInput): RunEvaluation {
  const { objects, truth, seed = 42 } = input;
  if (objects.length === 0) throw new InputError('INPUT_EMPTY', 'run: expected judged objects, got none');
  const names = Object.keys(objects[0].scores);
  const byCrop = new Map(objects.map((object) => [object.cropId, object]));
  const byImage = new Map<string, JudgedObject[]>();
  for (const object of objects) byImage.set(object.imageId, [...(byImage.get(object.imageId) ?? []), object]);
  const images = new Set(input.imageIds ?? []);
  const seen = new Set<string>();
  const withoutObjects: string[] = [];
  const items = truth.map(({ id, label, category }, line): Item => {
    if (label !== 0 && label !== 1) {
      throw new InputError(
        'INPUT_INVALID',
        `truth: expected label 0 or 1 for '${id}' (entry ${line + 1}), got ${label}`,
      );
    }
    if (seen.has(id))
      throw new InputError('INPUT_INVALID', `truth: '${id}' is listed twice (entry ${line + 1})`);
    seen.add(id);
    const crop = byCrop.get(id);
    const found = crop ? [crop] : (byImage.get(id) ?? []);
    if (found.length === 0 && !images.has(id)) {
      throw new InputError(
        'INPUT_INVALID',
        `truth: '${id}' (entry ${line + 1}) is neither a crop nor an image of the run`,
        {
          hint: 'Use the cropId or imageId values of detection_results.json.',
        },
      );
    }
    if (found.length === 0) withoutObjects.push(id);
    return { label, category, objects: found };
  });
  const categories = [
    ...new Set(items.flatMap(({ category }) => (category === undefined ? [] : [category]))),
  ].sort();
  const perCategory = categories
    .map((category) => [category, items.filter((item) => item.category === category)] as const)
    .filter(([, members]) => new Set(members.map(({ label }) => label)).size === 2)
    .map(([category, members]) => [category, evaluateItems(members, names, seed)] as const);
  return {
    ...evaluateItems(items, names, seed),
    default: input.defaultScorer ?? names[0],
    withoutObjects,
    categories: Object.fromEntries(perCategory),
  };
}

function evaluateItems(
  items: readonly Item[],
  names: readonly string[],
  seed: number,
): Omit<RunEvaluation, 'categories' | 'default' | 'withoutObjects'> {
  const labels = items.map(({ label }) => label);
  const verdict = rates(items, ({ outlier }) => outlier);
  const judgesFeatures = items.every((item) =>
    item.objects.every(({ featureOutlier }) => featureOutlier !== undefined),
  );
  const scorers = names.map((name) => {
    const scores = scoresOf(items, name);
    const metrics = rankingMetrics(labels, scores);
    const intervals = bootstrapIntervals(labels, scores, { seed });
    const evaluation: RunScorerEvaluation = {
      auroc: metrics.auroc,
      aurocCi: intervals.auroc,
      averagePrecision: metrics.averagePrecision,
      averagePrecisionCi: intervals.averagePrecision,
      fprAt95Tpr: metrics.fprAt95Tpr,
      fprAt95TprCi: intervals.fprAt95Tpr,
      falseAlarmRate: verdict.falseAlarmRate ?? 0,
    };
    return [name, evaluation] as const;
  });
  return {
    scorers: Object.fromEntries(scorers),
    test: items.length,
    anomalies: labels.filter((label) => label === 1).length,
    verdict,
    featureVerdict: judgesFeatures ? rates(items, ({ featureOutlier }) => featureOutlier === true) : null,
  };
}

/** The highest score of an item's objects; items without objects rank below all others. */
function scoresOf(items: readonly Item[], name: string): number[] {
  const best = items.map(({ objects }) =>
    objects.length === 0 ? null : Math.max(...objects.map(({ scores }) => scores[name] ?? NaN)),
  );
  const lowest = Math.min(...best.filter((score) => score !== null));
  return best.map((score) => score ?? lowest - 1);
}

function rates(items: readonly Item[], flags: (object: JudgedObject) => boolean): VerdictRates {
  const counts = [0, 0, 0, 0];
  for (const { label, objects } of items) counts[label * 2 + (objects.some(flags) ? 1 : 0)]++;
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
