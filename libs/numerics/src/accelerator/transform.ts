import type { TransformRequest } from '@hazure/contracts';
import { withTransposedProduct } from '../gemm.js';

/** Rows whose differences from the origin are held in float64 at a time. */
const CENTRED_ROWS = 512;

/** (rows − origin)·factorᵀ in float64: rows × rank. Memory: the packed factor, 512 rows and the result. */
export function transformRows({ rows: x, origin, factor, rank, triangular }: TransformRequest): Float64Array {
  const d = x.cols;
  const result = new Float64Array(x.rows * rank);
  const centred = new Float64Array(Math.min(CENTRED_ROWS, x.rows) * d);
  const depthOf = triangular ? (row: number): number => row + 1 : (): number => d;
  withTransposedProduct('float64', factor, rank, d, { depthOf }, (product) => {
    for (let from = 0; from < x.rows; from += CENTRED_ROWS) {
      const count = Math.min(CENTRED_ROWS, x.rows - from);
      for (let i = 0; i < count; i++) {
        const at = (from + i) * d;
        for (let j = 0; j < d; j++) centred[i * d + j] = x.data[at + j] - origin[j];
      }
      product.forEachBlock(centred, count, (c, first, rows) => {
        for (let r = 0; r < rows; r++) {
          const start = r * product.stride;
          result.set(c.subarray(start, start + rank), (from + first + r) * rank);
        }
      });
    }
  });
  return result;
}
