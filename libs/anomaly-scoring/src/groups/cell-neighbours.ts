import { withTransposedProduct } from '@hazure/numerics';

/** Rows of one cell, to be compared with each other. */
export interface CellRequest {
  /** Unit rows of the whole matrix, row-major, in shared memory. */
  readonly sketch: Float32Array;
  readonly width: number;
  /** Rows of the cell. */
  readonly rows: Int32Array;
  /** Candidates wanted per row. */
  readonly kept: number;
  /** The rank whose similarity tells how dense the row's surroundings are. */
  readonly referenceRank: number;
}

export interface CellNeighbours {
  /** rows × kept: rows of the whole matrix, most similar first; −1 where there are fewer. */
  readonly candidates: Int32Array;
  /** Similarity of the row `referenceRank` places away (the last one in smaller cells). */
  readonly reference: Float32Array;
}

/** The most similar rows of each row within one cell. */
export function cellNeighbours(request: CellRequest): CellNeighbours {
  const { sketch, width, rows, kept, referenceRank } = request;
  const n = rows.length;
  const candidates = new Int32Array(n * kept).fill(-1);
  const reference = new Float32Array(n).fill(-1);
  const own = new Float32Array(n * width);
  rows.forEach((row, i) => own.set(sketch.subarray(row * width, (row + 1) * width), i * width));
  const depth = Math.min(Math.max(kept, referenceRank), n - 1);
  if (depth < 1) return { candidates, reference };
  const similarities = new Float32Array(depth);
  const indices = new Int32Array(depth);
  withTransposedProduct('float32', own, n, width, {}, (product) => {
    product.forEachBlock(own, n, (c, first, count) => {
      for (let r = 0; r < count; r++) {
        const i = first + r;
        similarities.fill(-Infinity);
        let worst = -Infinity;
        for (let j = 0, at = r * product.stride; j < n; j++, at++) {
          const similarity = c[at];
          if (similarity <= worst || j === i) continue;
          let slot = depth - 1;
          for (; slot > 0 && similarities[slot - 1] < similarity; slot--) {
            similarities[slot] = similarities[slot - 1];
            indices[slot] = indices[slot - 1];
          }
          similarities[slot] = similarity;
          indices[slot] = j;
          worst = similarities[depth - 1];
        }
        for (let k = 0; k < Math.min(kept, depth); k++) candidates[i * kept + k] = rows[indices[k]];
        reference[i] = similarities[Math.min(referenceRank, depth) - 1];
      }
    });
  });
  return { candidates, reference };
}

/** Index of the most similar landmark of each row. */
export function nearestLandmarks(
  sketch: Float32Array,
  width: number,
  rows: number,
  landmarks: Float32Array,
): Int32Array {
  const nearest = new Int32Array(rows);
  const count = landmarks.length / width;
  withTransposedProduct('float32', landmarks, count, width, {}, (product) => {
    product.forEachBlock(sketch, rows, (c, first, blockRows) => {
      for (let r = 0; r < blockRows; r++) {
        let [best, most] = [0, -Infinity];
        for (let j = 0, at = r * product.stride; j < count; j++, at++) {
          if (c[at] > most) [best, most] = [j, c[at]];
        }
        nearest[first + r] = best;
      }
    });
  });
  return nearest;
}

/** Rows times directions (k × cols), less `offsets`, divided by their norm: rows × k. */
export function sketchRows(
  data: Float32Array,
  rows: number,
  cols: number,
  directions: Float32Array,
  offsets: Float64Array,
): Float32Array {
  const width = offsets.length;
  const sketch = new Float32Array(rows * width);
  withTransposedProduct('float32', directions, width, cols, {}, (product) => {
    product.forEachBlock(data, rows, (c, first, count) => {
      for (let r = 0; r < count; r++) {
        const source = (first + r) * cols;
        let square = 0;
        for (let j = source; j < source + cols; j++) square += data[j] * data[j];
        const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
        let norm = 0;
        const target = (first + r) * width;
        for (let k = 0, at = r * product.stride; k < width; k++, at++) {
          const value = c[at] * scale - offsets[k];
          sketch[target + k] = value;
          norm += value * value;
        }
        const unit = norm > 0 ? 1 / Math.sqrt(norm) : 0;
        for (let k = target; k < target + width; k++) sketch[k] *= unit;
      }
    });
  });
  return sketch;
}
