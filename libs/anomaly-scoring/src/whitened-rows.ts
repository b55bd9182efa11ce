import type { EmbeddingMatrix } from '@hazure/contracts';
import { squaredNorm, toShared, unitRows } from '@hazure/numerics';
import { acceleratorOf } from './compute.js';
import type { ComputeOptions } from './compute.js';
import type { ShrunkGaussian } from './gaussian-model.js';
import { REACH_NEIGHBOURS, reachOf } from './lof-reach.js';
import { SPARE_CANDIDATES } from './nearest-neighbours.js';

/** Whitened values beyond this are cut to it, lest squared distances leave float32: such a row is out of all reach. */
const MOST = 1e15;

/** Rows whose float64 coordinates are held at a time. */
const WHITEN_ROWS = 4096;

/** Rows (or their directions) in coordinates in which the Gaussian is a unit ball: float32, in shared memory. */
export async function whitenRows(
  { mean, form, factor, rank, isotropic }: ShrunkGaussian,
  x: EmbeddingMatrix,
  unit: boolean,
  compute: ComputeOptions,
): Promise<EmbeddingMatrix> {
  const source = unit ? unitRows(x) : x;
  const { rows, cols } = source;
  const data = toShared(new Float32Array(rows * cols));
  const cut = (value: number): number => Math.min(MOST, Math.max(-MOST, value));
  if (form !== 'full') {
    // All baseline rows are alike: nothing to whiten by.
    const scale = Math.sqrt(isotropic);
    for (let i = 0; i < data.length; i++) data[i] = cut((source.data[i] - mean[i % cols]) * scale);
    return { data, rows, cols };
  }
  const accelerator = acceleratorOf(compute);
  for (let from = 0; from < rows; from += WHITEN_ROWS) {
    const count = Math.min(WHITEN_ROWS, rows - from);
    const block = { data: source.data.subarray(from * cols, (from + count) * cols), rows: count, cols };
    const request = { rows: block, origin: mean, factor, rank, triangular: true };
    const whitened = await accelerator.transform(request);
    for (let i = 0; i < whitened.length; i++) data[from * cols + i] = cut(whitened[i]);
  }
  return { data, rows, cols };
}

/** Squared reach of each whitened row. Memory: 9 candidates a row. */
export async function whitenedReach(x: EmbeddingMatrix, compute: ComputeOptions): Promise<Float64Array> {
  const kept = Math.max(1, Math.min(REACH_NEIGHBOURS + SPARE_CANDIDATES, x.rows - 1));
  const partOf = Int32Array.from({ length: x.rows }, (_, row) => row);
  const candidates = await acceleratorOf(compute).nearest({ queries: x, reference: x, kept, partOf });
  return reachOf(x.rows, (row) => {
    const found = candidates.subarray(row * kept, (row + 1) * kept).filter((other) => other >= 0);
    return Float64Array.from(found, (other) => squaredDistance(x, row, x, other));
  });
}

/**
 * Least squared distance over squared reach of each query. The nearest by float32 products are candidates, settled
 * by differences in float64.
 */
export async function whitenedRatios(
  queries: EmbeddingMatrix,
  reference: EmbeddingMatrix,
  reach: Float64Array,
  compute: ComputeOptions,
): Promise<Float64Array> {
  const kept = Math.min(1 + SPARE_CANDIDATES, reference.rows);
  // Relative weights: their scale is of no matter, but float32 ends at 1e38.
  const most = reach.reduce((least, value) => Math.min(least, value), Infinity);
  const weights = Float32Array.from(reach, (value) => Math.max(1e-30, most / value));
  const candidates = await acceleratorOf(compute).nearest({ queries, reference, kept, weights });
  return Float64Array.from({ length: queries.rows }, (_, row) => {
    let least = Infinity;
    for (let j = row * kept; j < (row + 1) * kept; j++) {
      const other = candidates[j];
      if (other < 0) break;
      least = Math.min(least, squaredDistance(queries, row, reference, other) / reach[other]);
    }
    // Products beyond float32 rank nothing: any row is as far.
    return least === Infinity ? squaredNorm(queries, row) / reach[0] : least;
  });
}

function squaredDistance(a: EmbeddingMatrix, rowA: number, b: EmbeddingMatrix, rowB: number): number {
  let sum = 0;
  for (let j = 0, i = rowA * a.cols, m = rowB * b.cols; j < a.cols; j++, i++, m++) {
    const difference = a.data[i] - b.data[m];
    sum += difference * difference;
  }
  return sum;
}
