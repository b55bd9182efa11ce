import type { EmbeddingMatrix } from '@hazure/contracts';
import { TransposedProduct, unitRows } from '@hazure/numerics';

/** The k nearest rows of each query, nearest first. */
export interface NeighbourTable {
  readonly k: number;
  /** queries × k row indices of the reference. */
  readonly indices: Int32Array;
  /** queries × k cosine distances, 0…2. */
  readonly distances: Float64Array;
}

/** Reference rows multiplied at a time: one block of products stays in the second-level cache. */
const REFERENCE_BLOCK = 1024;
/** Candidates kept beyond k: float32 products may order near ties wrongly, float64 distances settle them. */
const SPARE_CANDIDATES = 4;

export interface NeighbourOptions {
  /** Reference row that query i must not return (itself), for leave-one-out; −1 for none. */
  readonly exclude?: (query: number) => number;
}

/**
 * Exact k nearest reference rows by cosine distance 1 − a·b / (‖a‖‖b‖); a zero row is at distance 1 from all.
 * Candidates come from blocked float32 products, their order and distances from float64; ties go to the lower
 * index. k is cut to the reference's size.
 */
export function nearestNeighbours(
  queries: EmbeddingMatrix,
  reference: EmbeddingMatrix,
  k: number,
  options: NeighbourOptions = {},
): NeighbourTable {
  const wanted = Math.min(k, reference.rows);
  const kept = Math.min(wanted + SPARE_CANDIDATES, reference.rows);
  const best = new Float32Array(queries.rows * kept).fill(-Infinity);
  const candidates = new Int32Array(queries.rows * kept).fill(-1);
  const unitQueries = unitRows(queries);
  const unitReference = unitRows(reference);
  const d = queries.cols;

  for (let from = 0; from < reference.rows; from += REFERENCE_BLOCK) {
    const n = Math.min(REFERENCE_BLOCK, reference.rows - from);
    const product = new TransposedProduct(
      'float32',
      unitReference.data.subarray(from * d, (from + n) * d),
      n,
      d,
    );
    product.forEachBlock(unitQueries.data, queries.rows, (c, first, count) => {
      for (let r = 0; r < count; r++) {
        const start = (first + r) * kept;
        const end = start + kept;
        const excluded = options.exclude?.(first + r) ?? -1;
        let worst = best[end - 1];
        for (let j = 0, at = r * product.stride; j < n; j++, at++) {
          const similarity = c[at];
          if (similarity <= worst || from + j === excluded) continue;
          let slot = end - 1;
          for (; slot > start && best[slot - 1] < similarity; slot--) {
            best[slot] = best[slot - 1];
            candidates[slot] = candidates[slot - 1];
          }
          best[slot] = similarity;
          candidates[slot] = from + j;
          worst = best[end - 1];
        }
      }
    });
  }
  return settle(queries, reference, candidates, kept, wanted);
}

/** Distances of the candidates in float64, sorted, cut to k. Missing candidates (all excluded) are index −1 at distance 1. */
function settle(
  queries: EmbeddingMatrix,
  reference: EmbeddingMatrix,
  candidates: Int32Array,
  kept: number,
  k: number,
): NeighbourTable {
  const indices = new Int32Array(queries.rows * k).fill(-1);
  const distances = new Float64Array(queries.rows * k).fill(1);
  for (let q = 0; q < queries.rows; q++) {
    const found = Array.from(candidates.subarray(q * kept, (q + 1) * kept))
      .filter((index) => index >= 0)
      .map((index) => ({ index, distance: cosineDistance(queries, q, reference, index) }))
      .sort((a, b) => a.distance - b.distance || a.index - b.index);
    for (let j = 0; j < Math.min(k, found.length); j++) {
      indices[q * k + j] = found[j].index;
      distances[q * k + j] = found[j].distance;
    }
  }
  return { k, indices, distances };
}

function cosineDistance(a: EmbeddingMatrix, rowA: number, b: EmbeddingMatrix, rowB: number): number {
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let j = 0, i = rowA * a.cols, m = rowB * b.cols; j < a.cols; j++, i++, m++) {
    ab += a.data[i] * b.data[m];
    aa += a.data[i] * a.data[i];
    bb += b.data[m] * b.data[m];
  }
  const norms = Math.sqrt(aa) * Math.sqrt(bb);
  return norms > 0 ? Math.min(2, Math.max(0, 1 - ab / norms)) : 1;
}
