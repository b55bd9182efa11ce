import { gemmKernels, PANEL_ROWS } from './wasm/gemm-kernel.js';
import type { PanelKernel } from './wasm/gemm-kernel.js';
import { withKernelMemory } from './wasm/kernel-memory.js';
import type { KernelMemory } from './wasm/kernel-memory.js';

/** Columns factored at a time, a multiple of a panel's four; chosen by libs/anomaly-scoring/bench/calibrate.mjs. */
const BLOCK_COLUMNS = 32;

export interface FactorOptions {
  /** How many leading rows below can differ from zero in the columns before `column`. Default: all. */
  readonly activeBelow?: (column: number) => number;
  /** Columns factored at a time, a multiple of 4. */
  readonly blockColumns?: number;
}

const panelsOf = (rows: number): number => Math.ceil(rows / PANEL_ROWS);

/**
 * Factors a matrix that stands on further rows, in place. matrix: rows × n, row-major, rows ≥ n.
 * The first n rows are symmetric positive definite S = L·Lᵀ, of which only the lower triangle is read; they
 * become L, with zeros above the diagonal. Each row b below becomes b·L⁻ᵀ, that is L⁻¹b: so ‖·‖² of it is bᵀS⁻¹b.
 * Returns false when S is not positive definite in float64; the content is then of no use.
 * Right-looking blocks (Golub & Van Loan, Matrix Computations, 4.2.9), most of the work in the
 * SIMD product; the order of additions depends on n alone.
 */
export function factorTall(
  matrix: Float64Array,
  rows: number,
  n: number,
  options: FactorOptions = {},
): boolean {
  const { activeBelow = () => rows - n, blockColumns = BLOCK_COLUMNS } = options;
  return withKernelMemory((memory) => {
    const tall = new TallFactoring(memory, rows, n, blockColumns);
    tall.load(matrix);
    for (let k = 0; k < n; k += blockColumns) {
      const width = Math.min(blockColumns, n - k);
      if (!tall.step(k, width, n + activeBelow(k + width))) return false;
    }
    tall.store(matrix);
    return true;
  });
}

class TallFactoring {
  private readonly kernel: PanelKernel;
  /** Row length as stored: whole panels, since products write whole panels. */
  private readonly stride: number;
  private readonly storeAt: number;
  private readonly panelsAt: number;
  private readonly negatedAt: number;
  private readonly diagonalAt: number;
  private readonly values: Float64Array;
  private readonly panels: Float64Array;
  private readonly negated: Float64Array;
  private readonly diagonal: Float64Array;

  constructor(
    memory: KernelMemory,
    private readonly rows: number,
    private readonly n: number,
    block: number,
  ) {
    this.stride = panelsOf(n) * PANEL_ROWS;
    const stored = (rows + PANEL_ROWS) * this.stride;
    const packed = (rows + PANEL_ROWS) * block;
    this.storeAt = memory.reserve(stored * 8);
    this.panelsAt = memory.reserve(packed * 8);
    this.negatedAt = memory.reserve((n + PANEL_ROWS) * block * 8);
    this.diagonalAt = memory.reserve(block * block * 8);
    this.kernel = gemmKernels(memory).float64;
    this.values = memory.float64(this.storeAt, stored);
    this.panels = memory.float64(this.panelsAt, packed);
    this.negated = memory.float64(this.negatedAt, (n + PANEL_ROWS) * block);
    this.diagonal = memory.float64(this.diagonalAt, block * block);
  }

  load(matrix: Float64Array): void {
    const { rows, n, stride, values } = this;
    for (let i = 0; i < rows; i++) values.set(matrix.subarray(i * n, i * n + n), i * stride);
  }

  store(matrix: Float64Array): void {
    const { rows, n, stride, values } = this;
    for (let i = 0; i < rows; i++) {
      const length = Math.min(n, i + 1);
      matrix.set(values.subarray(i * stride, i * stride + length), i * n);
      matrix.fill(0, i * n + length, i * n + n);
    }
  }

  /** Factors columns k…k + width; all before are done. Rows from `end` on are zero so far. */
  step(k: number, width: number, end: number): boolean {
    const { stride, storeAt, kernel } = this;
    if (!this.factorDiagonal(k, width)) return false;
    const first = k + width;
    if (end === first) return true;
    const rowPanels = panelsOf(end - first);
    const panelBytes = width * PANEL_ROWS * 8;
    // Rows below the block, times the transposed inverse of its diagonal.
    this.pack(first, end, k, width);
    this.packInverse(k, width);
    for (let i = first; i < end; i++) this.values.fill(0, i * stride + k, i * stride + k + width);
    for (let j = 0; j < width; j += PANEL_ROWS) {
      const target = storeAt + (first * stride + k + j) * 8;
      const depth = Math.min(width, j + PANEL_ROWS);
      kernel(
        this.panelsAt,
        this.diagonalAt + j * width * 8,
        target,
        rowPanels,
        depth,
        panelBytes,
        stride * 8,
      );
    }
    if (first === this.n) return true;
    // What this block explains of the columns that follow.
    this.pack(first, end, k, width);
    const columnPanels = panelsOf(this.n - first);
    for (let at = 0; at < columnPanels * width * PANEL_ROWS; at++) this.negated[at] = -this.panels[at];
    for (let panel = 0; panel < columnPanels; panel++) {
      const corner = first + panel * PANEL_ROWS;
      kernel(
        this.panelsAt + panel * panelBytes,
        this.negatedAt + panel * panelBytes,
        storeAt + (corner * stride + corner) * 8,
        rowPanels - panel,
        width,
        panelBytes,
        stride * 8,
      );
    }
    return true;
  }

  /** The block on the diagonal by dot products, in place. */
  private factorDiagonal(k: number, width: number): boolean {
    const { values, stride } = this;
    for (let i = k; i < k + width; i++) {
      for (let j = k; j <= i; j++) {
        let rest = values[i * stride + j];
        for (let m = k; m < j; m++) rest -= values[i * stride + m] * values[j * stride + m];
        if (i > j) values[i * stride + j] = rest / values[j * stride + j];
        else if (rest > 0) values[i * stride + i] = Math.sqrt(rest);
        else return false;
      }
    }
    return true;
  }

  /** Panels of four rows, column by column, of columns k…k + width of some rows; missing rows are zeros. */
  private pack(from: number, to: number, k: number, width: number): void {
    const { panels, values, stride } = this;
    for (let first = from; first < to; first += PANEL_ROWS) {
      const base = (first - from) * width;
      const count = Math.min(PANEL_ROWS, to - first);
      if (count < PANEL_ROWS) panels.fill(0, base, base + width * PANEL_ROWS);
      for (let r = 0; r < count; r++) {
        const row = (first + r) * stride + k;
        for (let m = 0, at = base + r; m < width; m++, at += PANEL_ROWS) panels[at] = values[row + m];
      }
    }
  }

  /** The inverse of the factored diagonal block, packed like rows; column m of it by forward substitution. */
  private packInverse(k: number, width: number): void {
    const { diagonal, values, stride } = this;
    diagonal.fill(0);
    const place = (i: number, m: number): number =>
      (i - (i % PANEL_ROWS)) * width + m * PANEL_ROWS + (i % PANEL_ROWS);
    for (let m = 0; m < width; m++) {
      for (let i = m; i < width; i++) {
        const row = (k + i) * stride + k;
        let sum = i === m ? 1 : 0;
        for (let l = m; l < i; l++) sum -= values[row + l] * diagonal[place(l, m)];
        diagonal[place(i, m)] = sum / values[row + i];
      }
    }
  }
}

/**
 * Lower Cholesky factor of a symmetric positive definite matrix (n × n, row-major; only the lower triangle is
 * read). Returns null when the matrix is not positive definite in float64.
 */
export function cholesky(matrix: Float64Array, n: number): Float64Array | null {
  const factor = matrix.slice();
  return factorTall(factor, n, n) ? factor : null;
}

/**
 * Inverse of the lower Cholesky factor: the lower triangular F with FᵀF = S⁻¹. matrix: S, as for `cholesky`.
 * Returns null when the matrix is not positive definite in float64. Memory: 4 n² float64.
 */
export function inverseCholesky(matrix: Float64Array, n: number): Float64Array | null {
  const tall = new Float64Array(2 * n * n);
  tall.set(matrix);
  for (let i = 0; i < n; i++) tall[(n + i) * n + i] = 1;
  // Row i of the identity below stays zero before column i.
  if (!factorTall(tall, 2 * n, n, { activeBelow: (column) => column })) return null;
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) inverse[i * n + j] = tall[(n + j) * n + i];
  return inverse;
}
