import type { ComputeOptions } from './compute.js';

/**
 * A Gaussian with Ledoit–Wolf covariance Σ in the form that scores fastest. With y = x − mean:
 * `full`: yᵀΣ⁻¹y = ‖F y‖², F lower triangular d × d (inverse Cholesky factor);
 * `low-rank` (fewer rows than columns): yᵀΣ⁻¹y = isotropic·‖y‖² − ‖F y‖², F rank × d (Woodbury identity).
 */
export interface ShrunkGaussian {
  readonly mean: Float64Array;
  readonly form: 'full' | 'low-rank';
  readonly rank: number;
  /** rank × d, row-major, in shared memory. */
  readonly factor: Float64Array;
  readonly isotropic: number;
  readonly shrinkage: number;
  /** Training rows. */
  readonly count: number;
}

export interface GaussianOptions extends ComputeOptions {
  /** Divide rows by their norm first. */
  readonly unit: boolean;
}
