import { rankRows } from './ranking.js';
import { argsort } from './statistics.js';

/** What flagging every row with a score of at least `threshold` gives. */
export interface CurvePoint {
  readonly threshold: number;
  /** Share of the normal rows that are flagged. */
  readonly falsePositiveRate: number;
  /** Share of the anomalies that are flagged (true positive rate). */
  readonly recall: number;
  /** Share of the flagged rows that are anomalies. */
  readonly precision: number;
}

/**
 * Points of the ROC and of the precision-recall curve, one per distinct score, from the highest threshold down.
 * @param labels 0 (normal) or 1 (anomaly), one a row
 * @param scores higher = more anomalous, one a row
 * @throws InputError unless both labels occur and all scores are finite
 */
export function rankingCurve(labels: ArrayLike<number>, scores: ArrayLike<number>): CurvePoint[] {
  const { positive, tiedWithNext } = rankRows(labels, scores);
  const order = argsort(scores).reverse();
  const anomalies = positive.reduce((sum, each) => sum + each, 0);
  const points: CurvePoint[] = [];
  let found = 0;
  for (let i = 0; i < positive.length; i++) {
    found += positive[i];
    if (tiedWithNext[i] === 1) continue;
    points.push({
      threshold: scores[order[i]],
      falsePositiveRate: (i + 1 - found) / (positive.length - anomalies),
      recall: found / anomalies,
      precision: found / (i + 1),
    });
  }
  return points;
}

/** The threshold that would have given the highest F1: an upper bound, as it is chosen with the labels in sight. */
export interface BestF1 {
  readonly f1: number;
  readonly threshold: number;
  readonly precision: number;
  readonly recall: number;
}

/** Of equal ones, that of the highest threshold. @param curve at least one point, as `rankingCurve` gives it */
export function bestF1(curve: readonly CurvePoint[]): BestF1 {
  let best: BestF1 = { f1: -1, threshold: NaN, precision: 0, recall: 0 };
  for (const { threshold, precision, recall } of curve) {
    const f1 = precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0;
    if (f1 > best.f1) best = { f1, threshold, precision, recall };
  }
  return best;
}

/**
 * A curve of at most `most` points that looks the same: evenly spaced along its length in both planes, ends kept.
 * @param most at least 2
 */
export function thinCurve(curve: readonly CurvePoint[], most: number): CurvePoint[] {
  if (curve.length <= most) return [...curve];
  const travelled = new Float64Array(curve.length);
  for (let i = 1; i < curve.length; i++) {
    const [before, here] = [curve[i - 1], curve[i]];
    travelled[i] =
      travelled[i - 1] +
      Math.abs(here.falsePositiveRate - before.falsePositiveRate) +
      Math.abs(here.recall - before.recall) +
      Math.abs(here.precision - before.precision);
  }
  const step = travelled[curve.length - 1] / (most - 1);
  const kept: CurvePoint[] = [];
  let next = 0;
  for (let i = 0; i < curve.length - 1 && kept.length < most - 1; i++) {
    if (travelled[i] < next) continue;
    kept.push(curve[i]);
    next = (Math.floor(travelled[i] / step) + 1) * step;
  }
  return [...kept, curve[curve.length - 1]];
}
