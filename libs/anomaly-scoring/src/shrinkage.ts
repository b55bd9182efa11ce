import { ledoitWolfShrinkage } from '@hazure/numerics';

/** Least weight of the isotropic part relative to the mean variance: keeps Σ invertible when columns are constant. */
const MIN_ISOTROPIC_SHARE = 1e-9;

/**
 * First result of `attempt` that is not null, on the covariance (d × d, changed in place) with as little added to
 * its diagonal as needed. trace: of the covariance, > 0.
 */
export function withRidge<T>(
  covariance: Float64Array,
  d: number,
  trace: number,
  attempt: (covariance: Float64Array) => T | null,
): T {
  let result = attempt(covariance);
  for (let share = MIN_ISOTROPIC_SHARE; result === null; share *= 10) {
    for (let j = 0; j < d; j++) covariance[j * d + j] += (share * trace) / d;
    result = attempt(covariance);
  }
  return result;
}

/** How much of a covariance with this Gram matrix is identity, and what that means for its inverse. */
export interface GramShrinkage {
  readonly shrinkage: number;
  /** Weight of the identity in Σ. */
  readonly identity: number;
  /** identity·n / (1 − shrinkage), to be added to the Gram matrix's diagonal; Infinity when all is identity. */
  readonly kappa: number;
}

/**
 * Ledoit–Wolf's sums from the Gram matrix CCᵀ of centred rows C (n × d): the empirical covariance CᵀC / n has the
 * nonzero spectrum of CCᵀ / n. trace > 0 of CCᵀ / n; frobenius: Σ of its squared elements; fourth: Σ of the
 * squared diagonal of CCᵀ.
 * Then Σ⁻¹ = (identity·I + (1 − s)/n·CᵀC)⁻¹ = (I − Cᵀ(kappa·I + CCᵀ)⁻¹C) / identity.
 */
export function shrinkGram(of: {
  readonly rows: number;
  readonly cols: number;
  readonly trace: number;
  readonly frobenius: number;
  readonly fourth: number;
}): GramShrinkage {
  const shrinkage = ledoitWolfShrinkage(of);
  const identity = (Math.max(shrinkage, MIN_ISOTROPIC_SHARE) * of.trace) / of.cols;
  return { shrinkage, identity, kappa: shrinkage >= 1 ? Infinity : (identity * of.rows) / (1 - shrinkage) };
}
