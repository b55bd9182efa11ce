import type { EmbeddingMatrix } from '@hazure/contracts';
import { factorTall, unitRows, withTransposedProduct } from '@hazure/numerics';
import type { Fold } from './gaussian-folds.js';
import { reachOf } from './lof-reach.js';
import { shrinkGram } from './shrinkage.js';

/**
 * Whitened distances with fewer rows than columns, without a whitened coordinate: the Ledoit–Wolf precision matrix
 * is (I − Cᵀ(kappa·I + CCᵀ)⁻¹C) / identity for centred rows C, so that all inner products with the rows of C follow
 * from plain products with them: aᵢᵀΣ⁻¹y = kappa / identity · [(kappa·I + CCᵀ)⁻¹ C y]ᵢ. All in float64.
 */
export interface GramWhitening {
  /** (kappa·I + CCᵀ)⁻¹, n × n; null when the covariance is all identity. */
  readonly inverse: Float64Array | null;
  readonly kappa: number;
  readonly identity: number;
  /** Squared whitened norm of each row of C. */
  readonly squares: Float64Array;
  /** Squared reach of each row. */
  readonly reach: Float64Array;
}

/** Least share of the spread about a common origin that must be left about a fold's own mean: see gaussian-folds. */
const MIN_SPREAD_SHARE = 1e-4;

/** gram: CCᵀ, n × n, both halves; cols: of C. */
export function whitenGram(gram: Float64Array, n: number, cols: number): GramWhitening {
  let trace = 0;
  let frobenius = 0;
  let fourth = 0;
  for (let i = 0; i < n; i++) {
    trace += gram[i * n + i] / n;
    fourth += gram[i * n + i] ** 2;
    for (let j = 0; j < n; j++) frobenius += (gram[i * n + j] / n) ** 2;
  }
  const { identity, kappa } =
    trace > 0 ? shrinkGram({ rows: n, cols, trace, frobenius, fourth }) : { identity: 1, kappa: Infinity };
  const inverse = kappa === Infinity ? null : inverseOf(gram, n, kappa);
  const squares = new Float64Array(n);
  const inner = inverse === null ? gram : inverse;
  // With an inverse P: aᵢᵀΣ⁻¹aⱼ = kappa / identity · (1(i = j) − kappa·Pᵢⱼ), of which the first part is the same for all i.
  const [base, factor] =
    inverse === null ? [0, 1 / identity] : [kappa / identity, -(kappa * kappa) / identity];
  for (let i = 0; i < n; i++) squares[i] = base + factor * inner[i * n + i];
  const distances = new Float64Array(Math.max(0, n - 1));
  const reach = reachOf(n, (i) => {
    for (let j = 0, at = 0; j < n; j++) {
      if (j === i) continue;
      const apart = inner[i * n + i] + inner[j * n + j] - 2 * inner[i * n + j];
      distances[at++] = Math.max(0, 2 * base + factor * apart);
    }
    return distances;
  });
  return { inverse, kappa, identity, squares, reach };
}

/** (kappa·I + gram)⁻¹ by a Cholesky factor. */
function inverseOf(gram: Float64Array, n: number, kappa: number): Float64Array {
  const tall = new Float64Array(2 * n * n);
  tall.set(gram);
  for (let i = 0; i < n; i++) {
    tall[i * n + i] += kappa;
    tall[(n + i) * n + i] = 1;
  }
  if (!factorTall(tall, 2 * n, n, { activeBelow: (column) => column })) {
    throw new RangeError('a Gram matrix with a positive ridge must be positive definite');
  }
  // Row i below is column i of the factor's inverse: their products are the inverse.
  const columns = tall.subarray(n * n);
  const inverse = new Float64Array(n * n);
  withTransposedProduct('float64', columns, n, n, {}, (product) =>
    product.forEachBlock(columns, n, (c, first, count) => {
      for (let r = 0; r < count; r++) {
        inverse.set(c.subarray(r * product.stride, r * product.stride + n), (first + r) * n);
      }
    }),
  );
  return inverse;
}

/**
 * Least squared whitened distance over squared reach of some rows y. products: their products with the rows of C,
 * count × n; squares: ‖y‖².
 */
function leastRatios(
  { inverse, kappa, identity, squares: own, reach }: GramWhitening,
  products: Float64Array,
  squares: Float64Array,
): Float64Array {
  const n = own.length;
  const ratios = new Float64Array(squares.length).fill(Infinity);
  const settle = (row: number, solved: Float32Array | Float64Array, at: number, scale: number): void => {
    let explained = 0;
    if (inverse !== null) for (let j = 0; j < n; j++) explained += products[row * n + j] * solved[at + j];
    const square = Math.max(0, squares[row] - explained) / identity;
    let least = Infinity;
    for (let j = 0; j < n; j++) {
      const distance = square + own[j] - 2 * scale * solved[at + j];
      const ratio = distance / reach[j];
      if (ratio < least) least = ratio;
    }
    ratios[row] = Math.max(0, least);
  };
  if (inverse === null) {
    for (let row = 0; row < squares.length; row++) settle(row, products, row * n, 1 / identity);
    return ratios;
  }
  withTransposedProduct('float64', inverse, n, n, {}, (product) =>
    product.forEachBlock(products, squares.length, (c, first, count) => {
      for (let r = 0; r < count; r++) settle(first + r, c, r * product.stride, kappa / identity);
    }),
  );
  return ratios;
}

/** What scoring needs of one space; arrays in shared memory. */
export interface GramModel extends GramWhitening {
  readonly unit: boolean;
  readonly mean: Float64Array;
  /** C, n × d. */
  readonly centred: Float64Array;
}

/** Rows whose differences from the mean are held in float64 at a time. */
const CENTRED_ROWS = 512;

/** Least squared whitened distance over squared reach of each row of x, or of its direction. x: rows × d, finite. */
export function gramRatios(model: GramModel, x: EmbeddingMatrix): Float64Array {
  const { mean, centred, squares: own } = model;
  const [n, d] = [own.length, mean.length];
  const source = model.unit ? unitRows(x).data : x.data;
  const ratios = new Float64Array(x.rows);
  for (let from = 0; from < x.rows; from += CENTRED_ROWS) {
    const count = Math.min(CENTRED_ROWS, x.rows - from);
    const rows = new Float64Array(count * d);
    const squares = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const at = (from + i) * d;
      for (let j = 0; j < d; j++) {
        const value = source[at + j] - mean[j];
        rows[i * d + j] = value;
        squares[i] += value * value;
      }
    }
    const products = new Float64Array(count * n);
    withTransposedProduct('float64', centred, n, d, {}, (product) =>
      product.forEachBlock(rows, count, (c, first, block) => {
        for (let r = 0; r < block; r++) {
          products.set(c.subarray(r * product.stride, r * product.stride + n), (first + r) * n);
        }
      }),
    );
    ratios.set(leastRatios(model, products, squares), from);
  }
  return ratios;
}

/** The same from products that an accelerator made. squares: ‖y‖² of each row. */
export function ratiosOfProducts(
  model: GramModel,
  products: Float64Array,
  squares: Float64Array,
): Float64Array {
  return leastRatios(model, products, squares);
}

export interface GramFoldRows extends Fold {
  /** n × n, row-major: products of all rows' differences from a common origin. */
  readonly gram: Float64Array;
  readonly rows: number;
  /** Columns of the rows themselves. */
  readonly cols: number;
}

/**
 * Least squared whitened distance over squared reach of each inside row, all of it learned from the outside rows,
 * which are fewer than columns. Null where that would lose digits.
 */
export function gramFoldRatios({ gram, rows, cols, inside, outside }: GramFoldRows): Float64Array | null {
  const n = outside.length;
  // Mean product of each row with the outside ones, and of those with each other.
  const toOutside = (row: number): number =>
    outside.reduce((sum, other) => sum + gram[row * rows + other], 0) / n;
  const means = Float64Array.from(outside, toOutside);
  const grand = means.reduce((sum, value) => sum + value, 0) / n;
  const centred = new Float64Array(n * n);
  let [raw, trace] = [0, 0];
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      centred[i * n + j] = gram[outside[i] * rows + outside[j]] - means[i] - means[j] + grand;
    }
    raw += gram[outside[i] * (rows + 1)];
    trace += centred[i * (n + 1)];
  }
  if (!(trace > MIN_SPREAD_SHARE * raw)) return null;
  const products = new Float64Array(inside.length * n);
  const squares = new Float64Array(inside.length);
  inside.forEach((row, i) => {
    const mean = toOutside(row);
    squares[i] = Math.max(0, gram[row * (rows + 1)] - 2 * mean + grand);
    for (let j = 0; j < n; j++) {
      products[i * n + j] = gram[row * rows + outside[j]] - mean - means[j] + grand;
    }
  });
  return leastRatios(whitenGram(centred, n, cols), products, squares);
}
