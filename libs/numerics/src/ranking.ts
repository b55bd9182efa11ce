import { InputError } from '@hazure/contracts';
import { Random } from './random.js';
import { argsort, quantileSorted } from './statistics.js';

/** How well scores rank anomalies (label 1) above normal rows (label 0). */
export interface RankingMetrics {
  /** Area under the ROC curve: the chance that an anomaly scores above a normal row, ties counted half. */
  readonly auroc: number;
  /** Σ (recall step × precision) over distinct thresholds, as in scikit-learn's average_precision_score. */
  readonly averagePrecision: number;
  /** Smallest false positive rate at which at least 95% of the anomalies are found. */
  readonly fprAt95Tpr: number;
}

export type Interval = readonly [low: number, high: number];
export type RankingIntervals = { readonly [Key in keyof RankingMetrics]: Interval };

/** Rows sorted by falling score, once for all resamples. */
export interface RankedRows {
  readonly positive: Uint8Array;
  /** 1 where a row's score equals the next one's. */
  readonly tiedWithNext: Uint8Array;
}

export function rankRows(labels: ArrayLike<number>, scores: ArrayLike<number>): RankedRows {
  if (labels.length !== scores.length) {
    throw new InputError(
      'INPUT_INVALID',
      `labels: expected one per score (${scores.length}), got ${labels.length}`,
    );
  }
  let anomalies = 0;
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] !== 0 && labels[i] !== 1) {
      throw new InputError(
        'INPUT_INVALID',
        `labels: expected 0 (normal) or 1 (anomaly), got ${labels[i]} in row ${i}`,
      );
    }
    if (!Number.isFinite(scores[i])) {
      throw new InputError('INPUT_INVALID', `scores: expected finite numbers, got ${scores[i]} in row ${i}`);
    }
    anomalies += labels[i];
  }
  if (anomalies === 0 || anomalies === labels.length) {
    throw new InputError(
      'INPUT_INVALID',
      `labels: expected normal rows and anomalies, got ${labels.length - anomalies} and ${anomalies}`,
    );
  }
  const order = argsort(scores).reverse();
  return {
    positive: Uint8Array.from(order, (row) => labels[row]),
    tiedWithNext: Uint8Array.from(order, (row, i) =>
      i + 1 < order.length && scores[order[i + 1]] === scores[row] ? 1 : 0,
    ),
  };
}

/** All metrics in one pass; `weights[i]` = how often sorted row i counts. */
function measure({ positive, tiedWithNext }: RankedRows, weights: ArrayLike<number>): RankingMetrics {
  let positives = 0;
  let negatives = 0;
  for (let i = 0; i < positive.length; i++) {
    if (positive[i] === 1) positives += weights[i];
    else negatives += weights[i];
  }
  let found = 0;
  let alarms = 0;
  let area = 0;
  let precisionSum = 0;
  let fprAt95Tpr = -1;
  let tiePositives = 0;
  let tieNegatives = 0;
  for (let i = 0; i < positive.length; i++) {
    if (positive[i] === 1) tiePositives += weights[i];
    else tieNegatives += weights[i];
    if (tiedWithNext[i] === 1) continue;
    area += tieNegatives * (found + tiePositives / 2);
    found += tiePositives;
    alarms += tieNegatives;
    if (tiePositives > 0) precisionSum += (tiePositives * found) / (found + alarms);
    if (fprAt95Tpr < 0 && found >= 0.95 * positives) fprAt95Tpr = alarms / negatives;
    tiePositives = 0;
    tieNegatives = 0;
  }
  return { auroc: area / (positives * negatives), averagePrecision: precisionSum / positives, fprAt95Tpr };
}

/**
 * Ranking metrics of scores (higher = more anomalous) against labels (1 = anomaly, 0 = normal).
 * @throws InputError unless both labels occur and all scores are finite.
 */
export function rankingMetrics(labels: ArrayLike<number>, scores: ArrayLike<number>): RankingMetrics {
  return measure(rankRows(labels, scores), new Uint8Array(labels.length).fill(1));
}

export interface BootstrapOptions {
  readonly seed?: number;
  /** Default: 1000, fewer (at least 200) when rows × resamples would pass 2·10⁸. */
  readonly resamples?: number;
  /** Default 0.95. */
  readonly confidence?: number;
}

/**
 * Percentile bootstrap intervals (Efron 1979); normal rows and anomalies are resampled separately, so that
 * every resample has both.
 */
export function bootstrapIntervals(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  options: BootstrapOptions = {},
): RankingIntervals {
  const rows = rankRows(labels, scores);
  const n = labels.length;
  const { seed = 42, confidence = 0.95 } = options;
  const resamples = options.resamples ?? Math.max(200, Math.min(1000, Math.floor(2e8 / n)));
  const random = new Random(seed);
  const members = [0, 1].map((label) =>
    Array.from({ length: n }, (_, i) => i).filter((i) => rows.positive[i] === label),
  );
  const weights = new Uint32Array(n);
  const draws = { auroc: [] as number[], averagePrecision: [] as number[], fprAt95Tpr: [] as number[] };
  for (let resample = 0; resample < resamples; resample++) {
    weights.fill(0);
    for (const group of members)
      for (let i = 0; i < group.length; i++) weights[group[random.nextInt(group.length)]]++;
    const metrics = measure(rows, weights);
    draws.auroc.push(metrics.auroc);
    draws.averagePrecision.push(metrics.averagePrecision);
    draws.fprAt95Tpr.push(metrics.fprAt95Tpr);
  }
  const interval = (values: number[]): Interval => {
    const ascending = Float64Array.from(values).sort();
    const tail = (1 - confidence) / 2;
    return [quantileSorted(ascending, tail), quantileSorted(ascending, 1 - tail)];
  };
  return {
    auroc: interval(draws.auroc),
    averagePrecision: interval(draws.averagePrecision),
    fprAt95Tpr: interval(draws.fprAt95Tpr),
  };
}
