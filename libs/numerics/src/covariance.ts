import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix, MomentSums } from '@hazure/contracts';
import { withSymmetricProduct } from './symmetric-product.js';

/** Rows summed at a time; the order of additions depends on this alone, never on the number of threads. */
export const MOMENT_BLOCK_ROWS = 4096;
/** Rows multiplied at a time within a block: all panels of them stay in the second-level cache. */
const PRODUCT_ROWS = 256;

export function emptySums(cols: number): MomentSums {
  return {
    count: 0,
    first: new Float64Array(cols),
    second: new Float64Array(cols * cols),
    third: new Float64Array(cols),
    fourth: 0,
  };
}

/** Sums of one block of rows (float64, SIMD). Values must be finite. */
export function blockSums(x: EmbeddingMatrix, origin: Float64Array): MomentSums {
  const { rows, cols } = x;
  return withSymmetricProduct(cols, PRODUCT_ROWS, (product) => {
    const { data } = x;
    const first = new Float64Array(cols);
    const third = new Float64Array(cols);
    let fourth = 0;
    const y = new Float64Array(product.stride);
    for (let from = 0; from < rows; from += PRODUCT_ROWS) {
      const count = Math.min(PRODUCT_ROWS, rows - from);
      for (let i = 0; i < count; i++) {
        const start = (from + i) * cols;
        let square = 0;
        for (let j = 0; j < cols; j++) {
          const value = data[start + j] - origin[j];
          y[j] = value;
          square += value * value;
          first[j] += value;
        }
        for (let j = 0; j < cols; j++) third[j] += square * y[j];
        fourth += square * square;
        product.setColumn(i, y);
      }
      product.add(count);
    }
    return { count: rows, first, second: product.result(), third, fourth };
  });
}

export function addSums(into: MomentSums, other: MomentSums): void {
  into.count += other.count;
  into.fourth += other.fourth;
  for (let i = 0; i < into.first.length; i++) {
    into.first[i] += other.first[i];
    into.third[i] += other.third[i];
  }
  for (let i = 0; i < into.second.length; i++) into.second[i] += other.second[i];
}

/** Takes the sums of some of the rows away from the sums of all, about the same origin. */
export function subtractSums(from: MomentSums, other: MomentSums): MomentSums {
  return {
    count: from.count - other.count,
    first: difference(from.first, other.first),
    second: difference(from.second, other.second),
    third: difference(from.third, other.third),
    fourth: from.fourth - other.fourth,
  };
}

function difference(a: Float64Array, b: Float64Array): Float64Array {
  const result = new Float64Array(a.length);
  for (let i = 0; i < a.length; i++) result[i] = a[i] - b[i];
  return result;
}

export interface ShrunkCovariance {
  readonly mean: Float64Array;
  /** cols × cols, row-major. */
  readonly covariance: Float64Array;
  readonly trace: number;
  /** Weight of the scaled identity, 0…1. */
  readonly shrinkage: number;
  readonly count: number;
}

/**
 * Ledoit–Wolf's weight of the identity. trace = tr S, frobenius = ‖S‖²_F of the empirical covariance S;
 * fourth = Σ‖x − mean‖⁴ over the rows.
 */
export function ledoitWolfShrinkage(of: {
  readonly rows: number;
  readonly cols: number;
  readonly trace: number;
  readonly frobenius: number;
  readonly fourth: number;
}): number {
  const { rows, cols, trace, frobenius, fourth } = of;
  const dispersion = (frobenius - (trace * trace) / cols) / cols;
  const error = Math.max(0, (fourth / rows - frobenius) / (cols * rows));
  return error === 0 || dispersion <= 0 ? 0 : Math.min(error, dispersion) / dispersion;
}

/**
 * Ledoit–Wolf covariance from the sums: (1 − s)·S + s·(tr S / d)·I with the shrinkage s that minimises the
 * expected squared error (Ledoit & Wolf, A well-conditioned estimator for large-dimensional covariance matrices,
 * 2004; same result as scikit-learn's LedoitWolf). Needs no second pass: with m = mean − origin,
 * Σ‖x − mean‖⁴ follows from the four sums.
 */
export function ledoitWolf(sums: MomentSums, origin: Float64Array): ShrunkCovariance {
  const d = origin.length;
  const n = sums.count;
  if (n < 1) throw new InputError('INPUT_EMPTY', 'covariance: expected at least one row, got none');
  const shift = sums.first.map((value) => value / n);
  const mean = shift.map((value, j) => value + origin[j]);
  const covariance = new Float64Array(d * d);
  let trace = 0;
  let frobenius = 0;
  let shiftSquare = 0;
  let shiftSecondShift = 0;
  let sumSquares = 0;
  let shiftThird = 0;
  for (let i = 0; i < d; i++) {
    shiftSquare += shift[i] * shift[i];
    sumSquares += sums.second[i * d + i];
    shiftThird += shift[i] * sums.third[i];
    for (let j = 0; j < d; j++) {
      const second = sums.second[i * d + j];
      shiftSecondShift += shift[i] * second * shift[j];
      const value = second / n - shift[i] * shift[j];
      covariance[i * d + j] = value;
      frobenius += value * value;
    }
    trace += covariance[i * d + i];
  }
  const fourth =
    sums.fourth -
    4 * shiftThird +
    4 * shiftSecondShift +
    2 * shiftSquare * sumSquares -
    3 * n * shiftSquare * shiftSquare;
  const mu = trace / d;
  const shrinkage = ledoitWolfShrinkage({ rows: n, cols: d, trace, frobenius, fourth });
  for (let i = 0; i < covariance.length; i++) covariance[i] *= 1 - shrinkage;
  for (let i = 0; i < d; i++) covariance[i * d + i] += shrinkage * mu;
  return { mean, covariance, trace, shrinkage, count: n };
}
