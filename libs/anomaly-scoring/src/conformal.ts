import { ConfigError, InputError } from '@hazure/contracts';
import { lowerBound, sorted } from '@hazure/numerics';

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
export function baselineTooSmall(rows: number, percentile: number): InputError {
  const needed = requiredHeldOutRows(percentile);
  const reachable = Math.floor(100 * (1 - 1 / (rows + 1)) * 10) / 10;
  return new InputError(
    'BASELINE_TOO_SMALL',
    `threshold percentile ${percentile} needs at least ${needed} held-out baseline rows, got ${rows}`,
    {
      hint:
        rows >= 2
          ? `Add normal images until there are at least ${needed} objects, or lower the percentile below ${reachable}.`
          : `Add normal images until there are at least ${needed} objects.`,
    },
  );
}

/**
 * Conformal p-values from scores of normal rows that the scorer was not fitted to:
 * p = (1 + #{held-out ≥ score}) / (n + 1) (Vovk, Gammerman & Shafer 2005; Bates et al., Testing for outliers with
 * conformal p-values, 2023). When a new normal row is exchangeable with the held-out ones, P(p ≤ α) ≤ α for
 * every α and every n, whatever the scorer.
 */
export class ConformalCalibration {
  /** Ascending. */
  readonly heldOut: Float64Array;

  constructor(heldOutScores: ArrayLike<number>) {
    if (heldOutScores.length === 0)
      throw new InputError('BASELINE_TOO_SMALL', 'calibration: expected held-out scores, got none');
    this.heldOut = sorted(heldOutScores);
    if (!this.heldOut.every(Number.isFinite))
      throw new InputError('INPUT_INVALID', 'calibration: held-out scores must be finite');
  }

  pValue(score: number): number {
    const n = this.heldOut.length;
    return (1 + n - lowerBound(this.heldOut, score)) / (n + 1);
  }

  pValues(scores: ArrayLike<number>): Float64Array {
    return Float64Array.from(scores, (score) => this.pValue(score));
  }

  /** Scores above this are outliers at the percentile; null when the held-out rows are too few for any. */
  threshold(percentile: number): number | null {
    const n = this.heldOut.length;
    // p < α ⟺ #{held-out ≥ score} ≤ allowed, the largest whole number with (1 + allowed)/(n + 1) < α.
    let allowed = Math.ceil(alphaOf(percentile) * (n + 1)) - 1;
    while (allowed >= 0 && !((1 + allowed) / (n + 1) < alphaOf(percentile))) allowed--;
    return allowed < 0 ? null : this.heldOut[n - 1 - allowed];
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
