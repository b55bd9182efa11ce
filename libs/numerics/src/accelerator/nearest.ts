import type { EmbeddingMatrix } from '@hazure/contracts';
import { withTransposedProduct } from '../gemm.js';

/** Reference rows multiplied at a time: one block of products stays in the second-level cache. */
const REFERENCE_BLOCK = 1024;

/** What a block of queries is compared with; arrays in shared memory, prepared once for all blocks. */
export interface NearestReference {
  /** n × d. */
  readonly reference: Float32Array;
  readonly kept: number;
  /**
   * n values each: rows are ranked by the similarity product·gains − offsets − ‖query‖²·weights, which is minus the
   * weighted squared distance.
   */
  readonly gains: Float32Array;
  readonly offsets: Float32Array;
  readonly weights: Float32Array | null;
  /** Part of each reference row, when the queries are these rows: those of the query's own part do not count. */
  readonly partOf: Int32Array | null;
}

/** What ranking by weighted distance needs beside the products. reference: n × d; weights: n values > 0, or all 1. */
export function rankingTerms(
  reference: EmbeddingMatrix,
  weights: Float32Array | undefined,
): Pick<NearestReference, 'gains' | 'offsets' | 'weights'> {
  const { rows } = reference;
  const gains = new Float32Array(rows);
  const offsets = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    const weight = weights?.[i] ?? 1;
    gains[i] = 2 * weight;
    offsets[i] = squaredNorm(reference, i) * weight;
  }
  return { gains, offsets, weights: weights ?? null };
}

/** Of one row, in float64. */
export function squaredNorm({ data, cols }: EmbeddingMatrix, row: number): number {
  let sum = 0;
  for (let j = row * cols; j < (row + 1) * cols; j++) sum += data[j] * data[j];
  return sum;
}

/**
 * The nearest reference rows of each query by blocked float32 products: queries × kept indices, nearest first, −1
 * where there are fewer. firstQuery: index of the first one among all, for `partOf`.
 */
export function nearestOfBlock(
  against: NearestReference,
  queries: EmbeddingMatrix,
  firstQuery = 0,
): Int32Array {
  const { reference, kept } = against;
  const d = queries.cols;
  const rows = reference.length / d;
  const best = new BestRows(queries.rows, against, firstQuery);
  const norms = Float32Array.from({ length: against.weights === null ? 0 : queries.rows }, (_, i) =>
    squaredNorm(queries, i),
  );
  for (let from = 0; from < rows; from += REFERENCE_BLOCK) {
    const n = Math.min(REFERENCE_BLOCK, rows - from);
    const block = reference.subarray(from * d, (from + n) * d);
    withTransposedProduct('float32', block, n, d, {}, (product) => {
      product.forEachBlock(queries.data, queries.rows, (c, first, count) => {
        for (let r = 0; r < count; r++)
          best.offer(first + r, from, n, c, r * product.stride, norms[first + r]);
      });
    });
  }
  return kept > 0 ? best.indices : new Int32Array(0);
}

/** The most similar rows so far of each query, most similar first. */
class BestRows {
  readonly indices: Int32Array;
  private readonly similarities: Float32Array;

  constructor(
    queries: number,
    private readonly against: NearestReference,
    private readonly firstQuery: number,
  ) {
    this.indices = new Int32Array(queries * against.kept).fill(-1);
    this.similarities = new Float32Array(queries * against.kept).fill(-Infinity);
  }

  /** Products of one query with reference rows from…from + n − 1, which start at `products[at]`. */
  offer(
    query: number,
    from: number,
    n: number,
    products: Float32Array | Float64Array,
    at: number,
    norm: number,
  ): void {
    const { indices, similarities } = this;
    const { kept, gains, offsets, weights, partOf } = this.against;
    const start = query * kept;
    const last = start + kept - 1;
    const ownPart = partOf === null ? -1 : partOf[this.firstQuery + query];
    let worst = similarities[last];
    for (let row = from; row < from + n; row++, at++) {
      let similarity = Math.fround(products[at] * gains[row] - offsets[row]);
      if (weights !== null) similarity = Math.fround(similarity - norm * weights[row]);
      if (similarity <= worst || (partOf !== null && partOf[row] === ownPart)) continue;
      let slot = last;
      for (; slot > start && similarities[slot - 1] < similarity; slot--) {
        similarities[slot] = similarities[slot - 1];
        indices[slot] = indices[slot - 1];
      }
      similarities[slot] = similarity;
      indices[slot] = row;
      worst = similarities[last];
    }
  }
}
