import { gemmKernels, PANEL_COLUMNS, PANEL_ROWS } from './wasm/gemm-kernel.js';
import type { GemmType, PanelKernel } from './wasm/gemm-kernel.js';
import { withKernelMemory } from './wasm/kernel-memory.js';
import type { KernelMemory } from './wasm/kernel-memory.js';

type FloatArray = Float32Array | Float64Array;

/** Rows of A multiplied at a time: their panels stay in the second-level cache. */
const BLOCK_ROWS = 128;

/**
 * Packs `count` rows of `depth` values into panels of `width` rows, column by column; missing rows are zeros.
 * target: `⌈count / width⌉ × depth × width` values.
 */
export function packPanels(
  source: FloatArray,
  offset: number,
  count: number,
  depth: number,
  width: number,
  target: FloatArray,
): void {
  for (let first = 0; first < count; first += width) {
    const base = first * depth;
    const rows = Math.min(width, count - first);
    if (rows < width) target.fill(0, base, base + width * depth);
    for (let r = 0; r < rows; r++) {
      const from = offset + (first + r) * depth;
      for (let k = 0, at = base + r; k < depth; k++, at += width) target[at] = source[from + k];
    }
  }
}

export interface TransposedProductOptions {
  /** How many leading values of row j of B can differ from zero (triangular B). Default: all. */
  readonly depthOf?: (row: number) => number;
}

/**
 * Products of row blocks A (m × depth) with one fixed B (n × depth), transposed: C = A·Bᵀ, in SIMD
 * WebAssembly. B is packed once. float32 sums in float32, float64 in float64; the order of additions depends
 * only on `depth`, so a row's results are the same whatever block it comes in.
 */
export class TransposedProduct {
  private readonly kernel: PanelKernel;
  private readonly valueBytes: number;
  private readonly panelColumns: number;
  private readonly depthOf: (row: number) => number;
  private readonly a: number;
  private readonly b: number;
  private readonly c: number;
  /** Columns of C as stored: n rounded up to whole panels. */
  readonly stride: number;

  /** @internal Use `withTransposedProduct`. */
  constructor(
    private readonly memory: KernelMemory,
    readonly type: GemmType,
    b: FloatArray,
    readonly n: number,
    readonly depth: number,
    options: TransposedProductOptions = {},
  ) {
    this.depthOf = options.depthOf ?? (() => depth);
    this.kernel = gemmKernels(memory)[type];
    this.valueBytes = type === 'float32' ? 4 : 8;
    this.panelColumns = PANEL_COLUMNS[type];
    this.stride = Math.ceil(n / this.panelColumns) * this.panelColumns;
    this.a = this.memory.reserve(BLOCK_ROWS * depth * this.valueBytes);
    this.c = this.memory.reserve(BLOCK_ROWS * this.stride * this.valueBytes);
    this.b = this.memory.reserve(this.stride * depth * this.valueBytes);
    packPanels(b, 0, n, depth, this.panelColumns, this.view(this.b, this.stride * depth));
  }

  private view(address: number, length: number): FloatArray {
    return this.type === 'float32'
      ? this.memory.float32(address, length)
      : this.memory.float64(address, length);
  }

  /**
   * Calls `use(c, first, count)` for consecutive blocks of rows of A; row r of the block starts at
   * `c[r × stride]`. The block is overwritten by the next one.
   */
  forEachBlock(
    a: FloatArray,
    rows: number,
    use: (c: FloatArray, first: number, count: number) => void,
  ): void {
    const { valueBytes, depth, panelColumns } = this;
    const packedA = this.view(this.a, BLOCK_ROWS * depth);
    const c = this.view(this.c, BLOCK_ROWS * this.stride);
    for (let first = 0; first < rows; first += BLOCK_ROWS) {
      const count = Math.min(BLOCK_ROWS, rows - first);
      packPanels(a, first * depth, count, depth, PANEL_ROWS, packedA);
      c.fill(0);
      const panels = Math.ceil(count / PANEL_ROWS);
      for (let j = 0; j < this.stride; j += panelColumns) {
        this.kernel(
          this.a,
          this.b + j * depth * valueBytes,
          this.c + j * valueBytes,
          panels,
          this.depthOf(Math.min(this.n, j + panelColumns) - 1),
          PANEL_ROWS * depth * valueBytes,
          this.stride * valueBytes,
        );
      }
      use(c, first, count);
    }
  }
}

/**
 * Lends a product with B (n × depth, row-major) to `use`, synchronously; the product is dead afterwards.
 */
export function withTransposedProduct<T>(
  type: GemmType,
  b: FloatArray,
  n: number,
  depth: number,
  options: TransposedProductOptions,
  use: (product: TransposedProduct) => T,
): T {
  return withKernelMemory((memory) => use(new TransposedProduct(memory, type, b, n, depth, options)));
}
