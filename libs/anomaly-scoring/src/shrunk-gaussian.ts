import type { EmbeddingMatrix } from '@hazure/contracts';
import {
  addSums,
  blockSums,
  cholesky,
  emptySums,
  invertLower,
  ledoitWolf,
  MOMENT_BLOCK_ROWS,
  sliceRows,
  TransposedProduct,
} from '@hazure/numerics';

/**
 * A Gaussian with Ledoit–Wolf covariance Σ in the form that scores fastest. With y = x − mean:
 * `full`: yᵀΣ⁻¹y = ‖F y‖², F lower triangular d × d (inverse Cholesky factor);
 * `low-rank` (fewer rows than columns): yᵀΣ⁻¹y = isotropic·‖y‖² − ‖F y‖², F rank × d (Woodbury identity).
 */
export interface ShrunkGaussian {
  readonly mean: Float64Array;
  readonly form: 'full' | 'low-rank';
  readonly rank: number;
  /** rank × d, row-major. */
  readonly factor: Float64Array;
  readonly isotropic: number;
  readonly shrinkage: number;
  /** Training rows. */
  readonly count: number;
}

/** Least weight of the isotropic part relative to the mean variance: keeps Σ invertible when columns are constant. */
const MIN_ISOTROPIC_SHARE = 1e-9;

export function columnMeans(x: EmbeddingMatrix): Float64Array {
  const means = new Float64Array(x.cols);
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++) means[j] += x.data[i * x.cols + j];
  }
  return means.map((sum) => sum / x.rows);
}

/** All training rows alike: there is no spread to scale by, so distances are plain Euclidean. */
function withoutSpread(mean: Float64Array, count: number): ShrunkGaussian {
  return { mean, form: 'low-rank', rank: 0, factor: new Float64Array(0), isotropic: 1, shrinkage: 1, count };
}

/** Fits to x (rows × d): rows must be finite and at least one. */
export function shrunkGaussian(x: EmbeddingMatrix): ShrunkGaussian {
  return x.rows < x.cols ? fitLowRank(x) : fitFull(x);
}

function fitFull(x: EmbeddingMatrix): ShrunkGaussian {
  const d = x.cols;
  const origin = columnMeans(sliceRows(x, 0, Math.min(x.rows, MOMENT_BLOCK_ROWS)));
  const sums = emptySums(d);
  for (let from = 0; from < x.rows; from += MOMENT_BLOCK_ROWS) {
    addSums(sums, blockSums(sliceRows(x, from, Math.min(x.rows, from + MOMENT_BLOCK_ROWS)), origin));
  }
  const { mean, covariance, shrinkage, count } = ledoitWolf(sums, origin);
  let trace = 0;
  for (let j = 0; j < d; j++) trace += covariance[j * d + j];
  if (!(trace > 0)) return withoutSpread(mean, count);
  let factor = cholesky(covariance, d);
  for (let share = MIN_ISOTROPIC_SHARE; factor === null; share *= 10) {
    for (let j = 0; j < d; j++) covariance[j * d + j] += (share * trace) / d;
    factor = cholesky(covariance, d);
  }
  return { mean, form: 'full', rank: d, factor: invertLower(factor, d), isotropic: 0, shrinkage, count };
}

/**
 * Fewer rows than columns: with centred rows C (n × d) the empirical covariance CᵀC / n has the nonzero
 * spectrum of the Gram matrix G = CCᵀ / n, so all of Ledoit–Wolf's sums come from G (n × n).
 */
function fitLowRank(x: EmbeddingMatrix): ShrunkGaussian {
  const { rows: n, cols: d } = x;
  const mean = columnMeans(x);
  const centred = new Float64Array(n * d);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < d; j++) centred[i * d + j] = x.data[i * d + j] - mean[j];
  }
  const gram = new Float64Array(n * n);
  const product = new TransposedProduct('float64', centred, n, d);
  product.forEachBlock(centred, n, (c, first, count) => {
    for (let r = 0; r < count; r++) {
      gram.set(c.subarray(r * product.stride, r * product.stride + n) as Float64Array, (first + r) * n);
    }
  });
  let trace = 0;
  let frobenius = 0;
  let fourth = 0;
  for (let i = 0; i < n; i++) {
    trace += gram[i * n + i] / n;
    fourth += gram[i * n + i] ** 2;
    for (let j = 0; j < n; j++) frobenius += (gram[i * n + j] / n) ** 2;
  }
  if (!(trace > 0)) return withoutSpread(mean, n);
  const mu = trace / d;
  const dispersion = (frobenius - d * mu * mu) / d;
  const error = Math.max(0, (fourth / n - frobenius) / (d * n));
  const shrinkage = error === 0 || dispersion <= 0 ? 0 : Math.min(error, dispersion) / dispersion;
  const identity = Math.max(shrinkage, MIN_ISOTROPIC_SHARE) * mu;
  if (shrinkage >= 1) {
    return {
      mean,
      form: 'low-rank',
      rank: 0,
      factor: new Float64Array(0),
      isotropic: 1 / identity,
      shrinkage,
      count: n,
    };
  }
  // (identity·I + (1 − s)/n·CᵀC)⁻¹ = (I − Cᵀ(κI + CCᵀ)⁻¹C) / identity with κ = identity·n/(1 − s).
  const kappa = (identity * n) / (1 - shrinkage);
  for (let i = 0; i < n; i++) gram[i * n + i] += kappa;
  const lower = cholesky(gram, n);
  if (lower === null) throw new RangeError('a Gram matrix with a positive ridge must be positive definite');
  const inverse = invertLower(lower, n);
  const factor = new Float64Array(n * d);
  const scale = 1 / Math.sqrt(identity);
  const columns = new Float64Array(d * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) columns[j * n + i] = centred[i * d + j];
  const mix = new TransposedProduct('float64', columns, d, n);
  mix.forEachBlock(inverse, n, (c, first, count) => {
    for (let r = 0; r < count; r++) {
      for (let j = 0; j < d; j++) factor[(first + r) * d + j] = c[r * mix.stride + j] * scale;
    }
  });
  return { mean, form: 'low-rank', rank: n, factor, isotropic: 1 / identity, shrinkage, count: n };
}
