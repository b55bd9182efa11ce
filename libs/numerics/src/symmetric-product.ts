import type { EmbeddingMatrix } from '@hazure/contracts';
import { gemmKernels, PANEL_ROWS } from './wasm/gemm-kernel.js';
import type { PanelKernel } from './wasm/gemm-kernel.js';
import { withKernelMemory } from './wasm/kernel-memory.js';
import type { KernelMemory } from './wasm/kernel-memory.js';

/**
 * Sums of V·Vᵀ for V (n × depth, float64) that comes a few columns at a time. The same packed panels of four rows
 * serve as both sides of the product, of which only the lower half is computed.
 */
export class SymmetricProduct {
  private readonly kernel: PanelKernel;
  private readonly packedAt: number;
  private readonly productAt: number;
  private readonly packed: Float64Array;
  private readonly product: Float64Array;
  /** Values between neighbouring rows of the product. */
  readonly stride: number;
  /** Values between neighbouring panels: a cache line more than they hold, lest all of a column meet in one cache set. */
  private readonly panelStride: number;

  /** @internal Use `withSymmetricProduct`. depth: most columns that come at a time. */
  constructor(
    memory: KernelMemory,
    readonly n: number,
    readonly depth: number,
  ) {
    this.stride = Math.ceil(n / PANEL_ROWS) * PANEL_ROWS;
    this.productAt = memory.reserve(this.stride * this.stride * 8);
    this.panelStride = depth * PANEL_ROWS + 8;
    const packedLength = (this.stride / PANEL_ROWS) * this.panelStride;
    this.packedAt = memory.reserve(packedLength * 8);
    this.kernel = gemmKernels(memory).float64;
    this.product = memory.float64(this.productAt, this.stride * this.stride).fill(0);
    this.packed = memory.float64(this.packedAt, packedLength).fill(0);
  }

  /** Sets column k of V. values: `stride` of them, of which those beyond n are zeros. */
  setColumn(k: number, values: Float64Array): void {
    const { packed, panelStride, stride } = this;
    for (let j = 0, at = k * PANEL_ROWS; j < stride; j += PANEL_ROWS, at += panelStride) {
      packed[at] = values[j];
      packed[at + 1] = values[j + 1];
      packed[at + 2] = values[j + 2];
      packed[at + 3] = values[j + 3];
    }
  }

  /**
   * Sets the first `count` values of row i of V to row i of `values` from `column` on, less `origin` there.
   * values: n × length of origin.
   */
  setRow(i: number, values: Float32Array, origin: Float64Array, column: number, count: number): void {
    const { packed, panelStride } = this;
    const from = i * origin.length + column;
    let at = Math.floor(i / PANEL_ROWS) * panelStride + (i % PANEL_ROWS);
    for (let k = 0; k < count; k++, at += PANEL_ROWS) packed[at] = values[from + k] - origin[column + k];
  }

  /** Adds the product of the first `columns` (≥ 1) columns set. */
  add(columns: number): void {
    const { kernel, panelStride, stride } = this;
    const panels = stride / PANEL_ROWS;
    const panelBytes = panelStride * 8;
    for (let panel = 0; panel < panels; panel++) {
      const side = this.packedAt + panel * panelBytes;
      const corner = this.productAt + (panel * PANEL_ROWS * stride + panel * PANEL_ROWS) * 8;
      kernel(side, side, corner, panels - panel, columns, panelBytes, stride * 8);
    }
  }

  /** The sum so far, n × n, row-major, both halves. */
  result(): Float64Array {
    const { n, stride, product } = this;
    const whole = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) whole[i * n + j] = whole[j * n + i] = product[i * stride + j];
    }
    return whole;
  }
}

/** Lends a product of n rows, `depth` columns at a time, to `use`, synchronously; it is dead afterwards. */
export function withSymmetricProduct<T>(n: number, depth: number, use: (product: SymmetricProduct) => T): T {
  return withKernelMemory((memory) => use(new SymmetricProduct(memory, n, depth)));
}

/** Columns of the rows multiplied at a time: with a thousand rows their panels stay in the second-level cache. */
const GRAM_COLUMNS = 128;

/**
 * Gram matrix of the rows' differences from an origin: element (i, j) is (xᵢ − origin)·(xⱼ − origin), in float64.
 * x: n × d, finite; origin: d values. Returns n × n, row-major, symmetric to the last bit.
 */
export function gramMatrix(x: EmbeddingMatrix, origin: Float64Array): Float64Array {
  const { data, rows, cols } = x;
  return withSymmetricProduct(rows, Math.min(GRAM_COLUMNS, cols), (product) => {
    for (let column = 0; column < cols; column += GRAM_COLUMNS) {
      const count = Math.min(GRAM_COLUMNS, cols - column);
      for (let i = 0; i < rows; i++) product.setRow(i, data, origin, column, count);
      product.add(count);
    }
    return product.result();
  });
}
