import type { EmbeddingMatrix, MomentSums } from '@hazure/contracts';
import {
  addSums,
  emptySums,
  evenBlocks,
  factorTall,
  gatherRows,
  gramMatrix,
  inverseCholesky,
  ledoitWolf,
  MOMENT_BLOCK_ROWS,
  toShared,
  unitRows,
} from '@hazure/numerics';
import type { RowStream } from '@hazure/numerics';
import { acceleratorOf } from './compute.js';
import type { GaussianOptions, ShrunkGaussian } from './gaussian-model.js';
import { shrinkGram, withRidge } from './shrinkage.js';

/** Moment blocks read from a stream at a time. */
const BLOCKS_PER_READ = 8;

/** Mean of each column, in float64. x: n ≥ 1 rows. */
export function columnMeans(x: EmbeddingMatrix): Float64Array {
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

/**
 * Fits to a stream of n ≥ 1 finite rows of d values, in one pass.
 * Memory: d × d float64 per thread and a few blocks of 4096 rows; with n < d the rows themselves.
 */
export async function fitShrunkGaussian(rows: RowStream, options: GaussianOptions): Promise<ShrunkGaussian> {
  return rows.rows < rows.cols ? fitLowRank(rows, options) : fitFull(rows, options);
}

/** Moment sums of a stream's rows about an origin near their mean. */
export async function momentsOf(
  rows: RowStream,
  { unit, ...compute }: GaussianOptions,
): Promise<{ readonly sums: MomentSums; readonly origin: Float64Array }> {
  const d = rows.cols;
  const accelerator = acceleratorOf(compute);
  const sums = emptySums(d);
  let origin: Float64Array | undefined;
  // Several blocks at a time, so that the threads have something to share.
  for await (const part of evenBlocks(rows, MOMENT_BLOCK_ROWS * BLOCKS_PER_READ, 'training rows')) {
    const block = unit ? unitRows(part) : part;
    origin ??= columnMeans(block);
    addSums(sums, await accelerator.moments(block, origin));
  }
  return { sums, origin: origin ?? new Float64Array(d) };
}

async function fitFull(rows: RowStream, options: GaussianOptions): Promise<ShrunkGaussian> {
  const d = rows.cols;
  const { sums, origin } = await momentsOf(rows, options);
  const { mean, covariance, trace, shrinkage, count } = ledoitWolf(sums, origin);
  if (!(trace > 0)) return isotropicGaussian(mean, count, 1);
  const inverse = withRidge(covariance, d, trace, (matrix) => inverseCholesky(matrix, d));
  return { mean, form: 'full', rank: d, factor: toShared(inverse), isotropic: 0, shrinkage, count };
}

async function fitLowRank(rows: RowStream, { unit }: GaussianOptions): Promise<ShrunkGaussian> {
  const { rows: n, cols: d } = rows;
  const all = Int32Array.from({ length: n }, (_, i) => i);
  const gathered = await gatherRows(rows, all, 'training rows');
  const x = unit ? unitRows(gathered) : gathered;
  const mean = columnMeans(x);
  const gram = gramMatrix(x, mean);
  let trace = 0;
  let frobenius = 0;
  let fourth = 0;
  for (let i = 0; i < n; i++) {
    trace += gram[i * n + i] / n;
    fourth += gram[i * n + i] ** 2;
    for (let j = 0; j < n; j++) frobenius += (gram[i * n + j] / n) ** 2;
  }
  if (!(trace > 0)) return isotropicGaussian(mean, n, 1);
  const { shrinkage, identity, kappa } = shrinkGram({ rows: n, cols: d, trace, frobenius, fourth });
  if (kappa === Infinity) return isotropicGaussian(mean, n, 1 / identity);
  // The Gram matrix stands on Cᵀ, which becomes (L⁻¹C)ᵀ with LLᵀ = kappa·I + CCᵀ.
  const tall = new Float64Array((n + d) * n);
  tall.set(gram);
  for (let i = 0; i < n; i++) {
    tall[i * n + i] += kappa;
    for (let j = 0; j < d; j++) tall[(n + j) * n + i] = x.data[i * d + j] - mean[j];
  }
  if (!factorTall(tall, n + d, n)) {
    throw new RangeError('a Gram matrix with a positive ridge must be positive definite');
  }
  const scale = 1 / Math.sqrt(identity);
  const factor = new Float64Array(new SharedArrayBuffer(n * d * 8));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < d; j++) factor[i * d + j] = tall[(n + j) * n + i] * scale;
  }
  return { mean, form: 'low-rank', rank: n, factor, isotropic: 1 / identity, shrinkage, count: n };
}
