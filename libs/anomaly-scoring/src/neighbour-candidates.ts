import type { EmbeddingMatrix } from '@hazure/contracts';
import { unitRows, withTransposedProduct } from '@hazure/numerics';

/** Reference rows multiplied at a time: one block of products stays in the second-level cache. */
const REFERENCE_BLOCK = 1024;

export interface CandidateRequest {
  /** Unit rows, n × d. */
  readonly reference: Float32Array;
  /** Candidates per query. */
  readonly kept: number;
  /** Fold of each reference row, when the queries are these very rows: those of the query's own fold do not count. */
  readonly foldOf?: Int32Array;
}

/** queries × kept: reference row and float32 similarity, most similar first; −1 where there are fewer. */
export interface Candidates {
  readonly indices: Int32Array;
  readonly similarities: Float32Array;
}

/** The most similar reference rows of each query by blocked float32 products. firstQuery: its index among all. */
export function candidateNeighbours(
  { reference, kept, foldOf }: CandidateRequest,
  queries: EmbeddingMatrix,
  firstQuery = 0,
): Candidates {
  const d = queries.cols;
  const rows = reference.length / d;
  const similarities = new Float32Array(queries.rows * kept).fill(-Infinity);
  const indices = new Int32Array(queries.rows * kept).fill(-1);
  const unit = unitRows(queries).data;
  for (let from = 0; from < rows; from += REFERENCE_BLOCK) {
    const n = Math.min(REFERENCE_BLOCK, rows - from);
    const block = reference.subarray(from * d, (from + n) * d);
    withTransposedProduct('float32', block, n, d, {}, (product) => {
      product.forEachBlock(unit, queries.rows, (c, first, count) => {
        for (let r = 0; r < count; r++) {
          const start = (first + r) * kept;
          const last = start + kept - 1;
          const ownFold = foldOf?.[firstQuery + first + r] ?? -1;
          let worst = similarities[last];
          for (let j = 0, at = r * product.stride; j < n; j++, at++) {
            const similarity = c[at];
            if (similarity <= worst || foldOf?.[from + j] === ownFold) continue;
            let slot = last;
            for (; slot > start && similarities[slot - 1] < similarity; slot--) {
              similarities[slot] = similarities[slot - 1];
              indices[slot] = indices[slot - 1];
            }
            similarities[slot] = similarity;
            indices[slot] = from + j;
            worst = similarities[last];
          }
        }
      });
    });
  }
  return { indices, similarities };
}
