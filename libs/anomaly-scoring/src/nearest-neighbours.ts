import { ConfigError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { toShared, unitRows } from '@hazure/numerics';
import { acceleratorOf } from './compute.js';
import type { ComputeOptions } from './compute.js';

/** The k nearest rows of each query, nearest first. */
export interface NeighbourTable {
  readonly k: number;
  /** queries × k row indices of the reference. */
  readonly indices: Int32Array;
  /** queries × k cosine distances, 0…2. */
  readonly distances: Float64Array;
}

/** Candidates kept beyond k: float32 products may order near ties wrongly, float64 distances settle them. */
export const SPARE_CANDIDATES = 4;
/** Reference rows prepared for many searches: unit rows in shared memory. */
export class NeighbourIndex {
  private readonly unit: EmbeddingMatrix;
  private readonly norms: Float64Array;

  /** reference: n ≥ 1 rows, finite. Memory: one copy of it in shared memory beside the original. */
  constructor(
    private readonly reference: EmbeddingMatrix,
    private readonly options: ComputeOptions = {},
  ) {
    this.unit = { ...reference, data: toShared(unitRows(reference).data) };
    this.norms = rowNorms(reference);
  }

  /**
   * Exact k nearest reference rows by cosine distance 1 − a·b / (‖a‖‖b‖); a zero row is at distance 1 from all.
   * Candidates come from float32 products, distances and order from float64; ties go to the lower index. k is
   * cut to the number of reference rows.
   */
  async search(queries: EmbeddingMatrix, k: number): Promise<NeighbourTable> {
    if (!Number.isInteger(k) || k < 1) throw new ConfigError(`neighbours: expected a whole k ≥ 1, got ${k}`);
    const wanted = Math.min(k, this.reference.rows);
    const kept = Math.min(wanted + SPARE_CANDIDATES, this.reference.rows);
    const candidates = await this.candidates(unitRows(queries), kept);
    return this.settle(queries, candidates, kept, wanted);
  }

  /** The k nearest rows of other folds for each reference row. Every fold must leave at least k + 4 rows outside. */
  async searchOtherFolds(foldOf: Int32Array, k: number): Promise<NeighbourTable> {
    const kept = k + SPARE_CANDIDATES;
    return this.settle(this.reference, await this.candidates(this.unit, kept, foldOf), kept, k);
  }

  private candidates(unit: EmbeddingMatrix, kept: number, partOf?: Int32Array): Promise<Int32Array> {
    return acceleratorOf(this.options).nearest({
      queries: unit,
      reference: this.unit,
      kept,
      ...(partOf === undefined ? {} : { partOf }),
    });
  }

  private settle(queries: EmbeddingMatrix, candidates: Int32Array, kept: number, k: number): NeighbourTable {
    const { reference, norms } = this;
    const indices = new Int32Array(queries.rows * k);
    const distances = new Float64Array(queries.rows * k);
    const queryNorms = rowNorms(queries);
    const found = Array.from({ length: kept }, () => ({ index: 0, distance: 0 }));
    for (let q = 0; q < queries.rows; q++) {
      for (let j = 0; j < kept; j++) {
        const index = candidates[q * kept + j];
        const scale = queryNorms[q] * norms[index];
        found[j].index = index;
        found[j].distance =
          scale > 0 ? Math.min(2, Math.max(0, 1 - dotRows(queries, q, reference, index) / scale)) : 1;
      }
      found.sort((a, b) => a.distance - b.distance || a.index - b.index);
      for (let j = 0; j < k; j++) {
        indices[q * k + j] = found[j].index;
        distances[q * k + j] = found[j].distance;
      }
    }
    return { k, indices, distances };
  }
}

/** One search; for many over the same reference keep a `NeighbourIndex`. */
export function nearestNeighbours(
  queries: EmbeddingMatrix,
  reference: EmbeddingMatrix,
  k: number,
  options: ComputeOptions = {},
): Promise<NeighbourTable> {
  return new NeighbourIndex(reference, options).search(queries, k);
}

/** In float64, as four sums side by side: one alone waits for each addition. */
function dotRows(a: EmbeddingMatrix, rowA: number, b: EmbeddingMatrix, rowB: number): number {
  const [x, y, d] = [a.data, b.data, a.cols];
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let i = rowA * d;
  let m = rowB * d;
  const end = i + d;
  for (; i + 3 < end; i += 4, m += 4) {
    s0 += x[i] * y[m];
    s1 += x[i + 1] * y[m + 1];
    s2 += x[i + 2] * y[m + 2];
    s3 += x[i + 3] * y[m + 3];
  }
  for (; i < end; i++, m++) s0 += x[i] * y[m];
  return s0 + s1 + (s2 + s3);
}

function rowNorms(x: EmbeddingMatrix): Float64Array {
  return Float64Array.from({ length: x.rows }, (_, i) => Math.sqrt(dotRows(x, i, x, i)));
}
