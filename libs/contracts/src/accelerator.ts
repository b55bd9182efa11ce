import type { EmbeddingMatrix } from './records.js';

/** Which reference rows lie nearest to each query, by weighted squared Euclidean distance. */
export interface NearestRequest {
  /** m × d, finite float32. */
  readonly queries: EmbeddingMatrix;
  /** n × d, finite float32. In shared memory it is not copied. */
  readonly reference: EmbeddingMatrix;
  /** Candidates per query, 1…16,384. */
  readonly kept: number;
  /** n values > 0 that multiply the squared distances to each reference row. Absent = 1. */
  readonly weights?: Float32Array;
  /**
   * When the queries are the reference rows themselves: a part (fold, group) of each, n whole numbers ≥ 0. Rows of
   * a query's own part do not count; one part per row leaves out just the row itself.
   */
  readonly partOf?: Int32Array;
}

/** A linear map of rows: (x − origin)·factorᵀ. */
export interface TransformRequest {
  /** m × d, finite float32. */
  readonly rows: EmbeddingMatrix;
  /** d values, taken from every row first. */
  readonly origin: Float64Array;
  /** rank × d, row-major, finite. In shared memory it is not copied. */
  readonly factor: Float64Array;
  readonly rank: number;
  /** Row j of the factor is zero beyond column j: half of the work is left out. */
  readonly triangular: boolean;
}

/** Sums over y = x − origin of some rows, for means, covariances and their shrinkage. */
export interface MomentSums {
  count: number;
  /** Σ y, d values */
  readonly first: Float64Array;
  /** Σ y yᵀ, d × d, row-major */
  readonly second: Float64Array;
  /** Σ ‖y‖² y, d values */
  readonly third: Float64Array;
  /** Σ ‖y‖⁴ */
  fourth: number;
}

/**
 * The matrix work that dominates learning and judging, behind a port: numerics does it in WebAssembly, the native
 * engine with the processor's widest vectors. Callers take what comes as candidates or within rounding:
 *
 * - `nearest`: products in float32. The same request gives the same answer whatever the number of threads; two
 *   accelerators may order neighbours differently whose distances differ by less than float32 rounding of the
 *   products (about 1e-6 of ‖q‖² + ‖r‖²), so keep a few spare candidates and settle the order in float64.
 * - `transform`, `moments`: float64 sums; two accelerators differ by rounding only (1e-12 of the sum of magnitudes).
 *
 * Arrays that were passed must not change until the promise settles.
 */
export interface MatrixAccelerator {
  readonly name: string;
  /** m × kept indices of reference rows, nearest first, ties to the lower index; −1 where there are too few rows. */
  nearest(request: NearestRequest): Promise<Int32Array>;
  /** m × rank, row-major. */
  transform(request: TransformRequest): Promise<Float64Array>;
  /** Sums over rows (finite float32), block by block (4096 rows), so that the number of threads does not matter. */
  moments(rows: EmbeddingMatrix, origin: Float64Array): Promise<MomentSums>;
}
