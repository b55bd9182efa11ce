import { ConfigError, InputError } from '@hazure/contracts';
import { argsort, lowerBound, sorted } from '@hazure/numerics';
import { fitTail, tailProbability, tailScore } from './conformal-tail.js';
import type { ConformalTail } from './conformal-tail.js';

/** Largest false-alarm rate a percentile stands for: 95 → 0.05. */
export function alphaOf(percentile: number): number {
  if (!(percentile > 0 && percentile < 100)) {
    throw new ConfigError(
      `threshold percentile: expected a number between 0 and 100 (both excluded), got ${percentile}`,
    );
  }
  return (100 - percentile) / 100;
}

/**
 * Held-out rows without which no p-value can fall below 1 − percentile/100: the smallest p-value is 1/(n + 1),
 * so n must exceed 1/α − 1 (20 rows for percentile 95, 100 for 99).
 */
export function requiredHeldOutRows(percentile: number): number {
  const alpha = alphaOf(percentile);
  let rows = Math.max(1, Math.floor(1 / alpha) - 1);
  while (!(1 / (rows + 1) < alpha)) rows++;
  return rows;
}

/** The error for a baseline that can never flag anything at this percentile. */
export function baselineTooSmall(
  rows: number,
  percentile: number,
  what: 'objects' | 'images' = 'objects',
): InputError {
  const needed = requiredHeldOutRows(percentile);
  const reachable = Math.floor(100 * (1 - 1 / (rows + 1)) * 10) / 10;
  return new InputError(
    'BASELINE_TOO_SMALL',
    `threshold percentile ${percentile} needs at least ${needed} held-out baseline ${what === 'images' ? 'images' : 'rows'}, got ${rows}`,
    {
      hint:
        rows >= 2
          ? `Add normal images until there are at least ${needed} ${what}, or lower the percentile below ${reachable}.`
          : `Add normal images until there are at least ${needed} ${what}.`,
    },
  );
}

/** A percentile wants this many times the effective rows that it needs at least, or a fitted tail. */
const TAIL_BELOW = 5;

/** How held-out scores depend on each other. */
export interface CalibrationDependence {
  /** One per held-out score, in (0, 1]: its share of an independent observation (`effectiveSample`). */
  readonly weights: ArrayLike<number>;
  /** Beyond what the held-out scores can tell, go on by a fitted tail instead of stopping at 1/(W + 1). */
  readonly tail?: boolean;
}

/**
 * Conformal p-values from scores of normal rows that the scorer was not fitted to:
 * p = (1 + Σ weights of held-out ≥ score) / (W + 1), W the sum of the weights.
 *
 * - Weights 1 (independent rows): Vovk, Gammerman & Shafer 2005; Bates et al., Testing for outliers with conformal
 *   p-values, 2023. When a new normal row is exchangeable with the held-out ones, P(p ≤ α) ≤ α for every α and
 *   every n, whatever the scorer.
 * - Weights 1/(size of the group): the same for a row of a new group that is exchangeable with the held-out groups,
 *   however large they are and however their rows depend on each other (Dunn, Wasserman & Ramdas, Distribution-free
 *   prediction sets for two-layer hierarchical models, 2022; Lee, Barber & Willett, Distribution-free inference with
 *   hierarchical data, 2023).
 * - Weights between the two, by the correlation found within groups: exact at both ends, an estimate between.
 *
 * With `tail`, scores above the most extreme third (at most ten effective rows) get the probability of a fitted
 * exponential tail: no longer distribution-free, but not blind where W is too small for the percentile.
 */
export class ConformalCalibration {
  /** Ascending. */
  readonly heldOut: Float64Array;
  /** Of each held-out score. */
  readonly weights: Float64Array;
  /** Sum of the weights. */
  readonly effectiveRows: number;
  readonly tail: ConformalTail | null;
  /** Weight of the scores from i on. */
  private readonly above: Float64Array;

  /** @throws InputError for no scores, scores that are not finite, weights outside (0, 1] or of another number */
  constructor(heldOutScores: ArrayLike<number>, dependence?: CalibrationDependence) {
    const n = heldOutScores.length;
    if (n === 0)
      throw new InputError('BASELINE_TOO_SMALL', 'calibration: expected held-out scores, got none');
    const order = argsort(heldOutScores);
    this.heldOut = Float64Array.from(order, (row) => heldOutScores[row]);
    if (!this.heldOut.every(Number.isFinite))
      throw new InputError('INPUT_INVALID', 'calibration: held-out scores must be finite');
    const { weights = new Float64Array(n).fill(1), tail = false } = dependence ?? {};
    if (weights.length !== n) {
      throw new InputError(
        'INPUT_INVALID',
        `calibration: expected one weight per held-out score (${n}), got ${weights.length}`,
      );
    }
    this.weights = Float64Array.from(order, (row) => weights[row]);
    if (!this.weights.every((weight) => weight > 0 && weight <= 1))
      throw new InputError('INPUT_INVALID', 'calibration: weights must be above 0 and at most 1');
    this.above = new Float64Array(n + 1);
    for (let i = n - 1; i >= 0; i--) this.above[i] = this.above[i + 1] + this.weights[i];
    this.effectiveRows = this.above[0];
    this.tail = tail ? fitTail(this.heldOut, this.weights) : null;
  }

  /** Whether rows count less than 1 each. */
  get weighted(): boolean {
    return this.weights.some((weight) => weight < 1);
  }

  pValue(score: number): number {
    const { tail } = this;
    if (tail === null || !(score > tail.from)) return this.counted(lowerBound(this.heldOut, score));
    const where = lowerBound(this.heldOut, tail.from);
    return Math.min(this.counted(where), tailProbability(tail, score));
  }

  /** p of a score that the held-out ones from `index` on equal or exceed. */
  private counted(index: number): number {
    return (1 + this.above[index]) / (this.effectiveRows + 1);
  }

  pValues(scores: ArrayLike<number>): Float64Array {
    return Float64Array.from(scores, (score) => this.pValue(score));
  }

  /**
   * This calibration as it judges at the percentile. Rows that depend on each other and are worth few independent
   * ones get a tail: p-values would come in steps too coarse to keep the promise (worth 21 rows, they left 1% of false
   * alarms at 95), or could flag nothing at all.
   */
  forPercentile(percentile: number): ConformalCalibration {
    const few = this.effectiveRows < TAIL_BELOW * requiredHeldOutRows(percentile);
    if (!this.weighted || few === (this.tail !== null)) return this;
    const { heldOut, weights } = this;
    const judge = new ConformalCalibration(heldOut, { weights, tail: few });
    // Extreme scores that are all alike have no tail; then each row counts by itself.
    return judge.reaches(percentile) ? judge : new ConformalCalibration(heldOut);
  }

  /**
   * The same function of a score for held-out rows and new ones: its survival probability, by the fitted tail beyond
   * what can be counted. For ordering scores of different calibrations; no p-value.
   */
  survival(scores: ArrayLike<number>): Float64Array {
    const { heldOut, weights } = this;
    return new ConformalCalibration(heldOut, { weights, tail: true }).pValues(scores);
  }

  /** Whether any score can be an outlier at the percentile. */
  reaches(percentile: number): boolean {
    return this.tail !== null || this.counted(this.heldOut.length) < alphaOf(percentile);
  }

  /** Scores above this are outliers at the percentile; null when the held-out rows are too few for any. */
  threshold(percentile: number): number | null {
    const alpha = alphaOf(percentile);
    const { tail, heldOut } = this;
    if (tail !== null && !(this.pValue(tail.from) < alpha)) {
      if (tail.share < alpha) return tail.from;
      let score = tailScore(tail, alpha);
      // Rounding may leave p a little below α: the threshold itself is no outlier.
      for (let step = Math.abs(score) * 1e-15 || 1e-300; this.pValue(score) < alpha; step *= 2) score -= step;
      return score;
    }
    // The highest held-out score that is no outlier itself. p falls as scores rise.
    let [low, high] = [-1, heldOut.length - 1];
    if (!this.reaches(percentile)) return null;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.pValue(heldOut[middle]) < alpha) high = middle - 1;
      else low = middle;
    }
    return low < 0 ? heldOut[0] - 1 : heldOut[low];
  }
}

/** Calibrates from held-out scores. @throws InputError (BASELINE_TOO_SMALL) when they are too few for the percentile. */
export function calibrate(heldOutScores: ArrayLike<number>, percentile = 95): ConformalCalibration {
  if (heldOutScores.length < requiredHeldOutRows(percentile))
    throw baselineTooSmall(heldOutScores.length, percentile);
  return new ConformalCalibration(heldOutScores);
}

/**
 * Benjamini & Hochberg (1995): which hypotheses to reject so that the expected share of false ones among the
 * rejected stays at or below `rate`. Valid for conformal p-values, which depend on each other positively
 * (Bates et al. 2023). Returns 1 for rejected.
 */
export function benjaminiHochberg(pValues: ArrayLike<number>, rate: number): Uint8Array {
  if (!(rate > 0 && rate < 1))
    throw new ConfigError(`fdr: expected a rate between 0 and 1 (both excluded), got ${rate}`);
  const ascending = sorted(pValues);
  const m = ascending.length;
  let limit = -1;
  for (let i = m - 1; i >= 0 && limit < 0; i--)
    if (ascending[i] <= (rate * (i + 1)) / m) limit = ascending[i];
  return Uint8Array.from(pValues, (p) => (p <= limit ? 1 : 0));
}
