import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { gemmKernels, PANEL_ROWS } from './wasm/gemm-kernel.js';
import { withKernelMemory } from './wasm/kernel-memory.js';

/** Rows summed at a time; the order of additions depends on this alone, never on the number of threads. */
export const MOMENT_BLOCK_ROWS = 4096;
/** Rows multiplied at a time within a block: all panels of them stay in the second-level cache. */
const PRODUCT_ROWS = 256;

/** Sums over y = x − origin of some rows. */
export interface MomentSums {
  count: number;
  /** Σ y */
  readonly first: Float64Array;
  /** Σ y yᵀ, cols × cols */
  readonly second: Float64Array;
  /** Σ ‖y‖² y */
  readonly third: Float64Array;
  /** Σ ‖y‖⁴ */
  fourth: number;
}

export function emptySums(cols: number): MomentSums {
  return {
    count: 0,
    first: new Float64Array(cols),
    second: new Float64Array(cols * cols),
    third: new Float64Array(cols),
    fourth: 0,
  };
}

/**
 * Sums of one block of rows (float64, SIMD). Values must be finite.
 * Rows are packed as they come: four neighbouring columns of a row are one step of a panel, and the same panels
 * serve as both sides of the product Yᵀ·Y, of which only the lower half is computed.
 */
export function blockSums(x: EmbeddingMatrix, origin: Float64Array): MomentSums {
  const { rows, cols } = x;
  const sums = emptySums(cols);
  sums.count = rows;
  const panels = Math.ceil(cols / PANEL_ROWS);
  const stride = panels * PANEL_ROWS;
  const panelBytes = PRODUCT_ROWS * PANEL_ROWS * 8;
  const y = new Float64Array(stride);
  withKernelMemory((memory) => {
    const productAt = memory.reserve(stride * stride * 8);
    const packedAt = memory.reserve(panels * panelBytes);
    const kernel = gemmKernels(memory).float64;
    const product = memory.float64(productAt, stride * stride).fill(0);
    const packed = memory.float64(packedAt, panels * PRODUCT_ROWS * PANEL_ROWS);
    for (let from = 0; from < rows; from += PRODUCT_ROWS) {
      const count = Math.min(PRODUCT_ROWS, rows - from);
      for (let i = 0; i < count; i++) {
        const start = (from + i) * cols;
        let square = 0;
        for (let j = 0; j < cols; j++) {
          const value = x.data[start + j] - origin[j];
          y[j] = value;
          square += value * value;
          sums.first[j] += value;
        }
        for (let j = 0; j < cols; j++) sums.third[j] += square * y[j];
        sums.fourth += square * square;
        for (let panel = 0, j = 0; panel < panels; panel++, j += PANEL_ROWS) {
          const at = (panel * PRODUCT_ROWS + i) * PANEL_ROWS;
          packed[at] = y[j];
          packed[at + 1] = y[j + 1];
          packed[at + 2] = y[j + 2];
          packed[at + 3] = y[j + 3];
        }
      }
      for (let panel = 0; panel < panels; panel++) {
        const side = packedAt + panel * panelBytes;
        const corner = productAt + (panel * PANEL_ROWS * stride + panel * PANEL_ROWS) * 8;
        kernel(side, side, corner, panels - panel, count, panelBytes, stride * 8);
      }
    }
    for (let i = 0; i < cols; i++) {
      for (let j = 0; j <= i; j++) {
        sums.second[i * cols + j] = sums.second[j * cols + i] = product[i * stride + j];
      }
    }
  });
  return sums;
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

export interface ShrunkCovariance {
  readonly mean: Float64Array;
  /** cols × cols, row-major. */
  readonly covariance: Float64Array;
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
  return { mean, covariance, shrinkage, count: n };
}
