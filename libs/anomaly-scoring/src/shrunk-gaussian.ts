import type { EmbeddingMatrix } from '@hazure/contracts';
import {
  addSums,
  cholesky,
  emptySums,
  evenBlocks,
  forEachRowBlock,
  gatherRows,
  invertLower,
  ledoitWolf,
  ledoitWolfShrinkage,
  MOMENT_BLOCK_ROWS,
  toShared,
  unitRows,
  withTransposedProduct,
} from '@hazure/numerics';
import type { RowStream } from '@hazure/numerics';
import { momentTask, sumMoments } from './kernel-tasks.js';

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

/** Least weight of the isotropic part relative to the mean variance: keeps Σ invertible when columns are constant. */
const MIN_ISOTROPIC_SHARE = 1e-9;

/** Moment blocks read from a stream at a time. */
const BLOCKS_PER_READ = 8;

function columnMeans(x: EmbeddingMatrix): Float64Array {
  const means = new Float64Array(x.cols);
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++) means[j] += x.data[i * x.cols + j];
  }
  return means.map((sum) => sum / x.rows);
}

/** Distances proportional to plain Euclidean ones. */
function isotropicGaussian(mean: Float64Array, count: number, isotropic: number): ShrunkGaussian {
  return { mean, form: 'low-rank', rank: 0, factor: new Float64Array(0), isotropic, shrinkage: 1, count };
}

export interface GaussianOptions {
  /** Divide rows by their norm first. */
  readonly unit: boolean;
  /** Worker threads; 1 computes in this thread. Default: all usable cores. */
  readonly threads?: number;
}

/**
 * Fits to a stream of n ≥ 1 finite rows of d values, in one pass.
 * Memory: d × d float64 per thread and a few blocks of 4096 rows; with n < d the rows themselves.
 */
export async function fitShrunkGaussian(rows: RowStream, options: GaussianOptions): Promise<ShrunkGaussian> {
  return rows.rows < rows.cols ? fitLowRank(rows, options) : fitFull(rows, options);
}

async function fitFull(rows: RowStream, { unit, threads }: GaussianOptions): Promise<ShrunkGaussian> {
  const d = rows.cols;
  const sums = emptySums(d);
  let origin: Float64Array | undefined;
  // Several blocks at a time, so that the threads have something to share.
  for await (const part of evenBlocks(rows, MOMENT_BLOCK_ROWS * BLOCKS_PER_READ, 'training rows')) {
    origin ??= columnMeans(unit ? unitRows(part) : part);
    await forEachRowBlock(
      part,
      { origin, unit },
      momentTask,
      sumMoments,
      {
        blockRows: MOMENT_BLOCK_ROWS,
        operationsPerRow: (d * d) / 4,
        ...(threads === undefined ? {} : { threads }),
      },
      (block) => addSums(sums, block),
    );
  }
  const { mean, covariance, shrinkage, count } = ledoitWolf(sums, origin ?? new Float64Array(d));
  let trace = 0;
  for (let j = 0; j < d; j++) trace += covariance[j * d + j];
  if (!(trace > 0)) return isotropicGaussian(mean, count, 1);
  let factor = cholesky(covariance, d);
  for (let share = MIN_ISOTROPIC_SHARE; factor === null; share *= 10) {
    for (let j = 0; j < d; j++) covariance[j * d + j] += (share * trace) / d;
    factor = cholesky(covariance, d);
  }
  return {
    mean,
    form: 'full',
    rank: d,
    factor: toShared(invertLower(factor, d)),
    isotropic: 0,
    shrinkage,
    count,
  };
}

/**
 * Fewer rows than columns: with centred rows C (n × d) the empirical covariance CᵀC / n has the nonzero
 * spectrum of the Gram matrix G = CCᵀ / n, so all of Ledoit–Wolf's sums come from G (n × n).
 */
async function fitLowRank(rows: RowStream, { unit }: GaussianOptions): Promise<ShrunkGaussian> {
  const { rows: n, cols: d } = rows;
  const gathered = await gatherRows(
    rows,
    Int32Array.from({ length: n }, (_, i) => i),
    'training rows',
  );
  const x = unit ? unitRows(gathered) : gathered;
  const mean = columnMeans(x);
  const centred = new Float64Array(n * d);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < d; j++) centred[i * d + j] = x.data[i * d + j] - mean[j];
  }
  const gram = multiplyTransposed(centred, n, centred, n, d);
  let trace = 0;
  let frobenius = 0;
  let fourth = 0;
  for (let i = 0; i < n; i++) {
    trace += gram[i * n + i] / n;
    fourth += gram[i * n + i] ** 2;
    for (let j = 0; j < n; j++) frobenius += (gram[i * n + j] / n) ** 2;
  }
  if (!(trace > 0)) return isotropicGaussian(mean, n, 1);
  const mu = trace / d;
  const shrinkage = ledoitWolfShrinkage({ rows: n, cols: d, trace, frobenius, fourth });
  const identity = Math.max(shrinkage, MIN_ISOTROPIC_SHARE) * mu;
  if (shrinkage >= 1) return isotropicGaussian(mean, n, 1 / identity);
  // (identity·I + (1 − s)/n·CᵀC)⁻¹ = (I − Cᵀ(κI + CCᵀ)⁻¹C) / identity with κ = identity·n/(1 − s).
  const kappa = (identity * n) / (1 - shrinkage);
  for (let i = 0; i < n; i++) gram[i * n + i] += kappa;
  const lower = cholesky(gram, n);
  if (lower === null) throw new RangeError('a Gram matrix with a positive ridge must be positive definite');
  const columns = new Float64Array(d * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) columns[j * n + i] = centred[i * d + j];
  const factor = multiplyTransposed(invertLower(lower, n), n, columns, d, n);
  const scale = 1 / Math.sqrt(identity);
  for (let i = 0; i < factor.length; i++) factor[i] *= scale;
  return {
    mean,
    form: 'low-rank',
    rank: n,
    factor: toShared(factor),
    isotropic: 1 / identity,
    shrinkage,
    count: n,
  };
}

/** A·Bᵀ for A (m × depth) and B (n × depth): m × n, row-major. */
function multiplyTransposed(
  a: Float64Array,
  m: number,
  b: Float64Array,
  n: number,
  depth: number,
): Float64Array {
  const result = new Float64Array(m * n);
  withTransposedProduct('float64', b, n, depth, {}, (product) => {
    product.forEachBlock(a, m, (c, first, count) => {
      for (let r = 0; r < count; r++) {
        const start = r * product.stride;
        result.set(c.subarray(start, start + n) as Float64Array, (first + r) * n);
      }
    });
  });
  return result;
}
