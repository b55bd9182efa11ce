import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';

/** Row `index` as a view, not a copy. */
export function rowOf(x: EmbeddingMatrix, index: number): Float32Array {
  return x.data.subarray(index * x.cols, (index + 1) * x.cols);
}

/** Rows `from…to` (exclusive) as a view. */
export function sliceRows(x: EmbeddingMatrix, from: number, to: number): EmbeddingMatrix {
  return { data: x.data.subarray(from * x.cols, to * x.cols), rows: to - from, cols: x.cols };
}

/** The chosen rows, copied, in the order given. */
export function selectRows(x: EmbeddingMatrix, indices: ArrayLike<number>): EmbeddingMatrix {
  const data = new Float32Array(indices.length * x.cols);
  for (let i = 0; i < indices.length; i++) data.set(rowOf(x, indices[i]), i * x.cols);
  return { data, rows: indices.length, cols: x.cols };
}

/** A matrix from nested arrays, for tests and small inputs. */
export function matrixFrom(rows: readonly (readonly number[])[]): EmbeddingMatrix {
  const cols = rows[0]?.length ?? 0;
  return { data: Float32Array.from(rows.flat()), rows: rows.length, cols };
}

export interface MatrixExpectation {
  /** What the matrix is to the caller, for messages, e.g. `training features`. */
  readonly what: string;
  readonly minRows?: number;
  readonly cols?: number;
}

/** Throws InputError unless the shape fits the data and the expectation; values are not looked at. */
export function assertShape(x: EmbeddingMatrix, { what, minRows = 0, cols }: MatrixExpectation): void {
  if (!Number.isInteger(x.rows) || !Number.isInteger(x.cols) || x.rows < 0 || x.cols < 1) {
    throw new InputError(
      'INPUT_INVALID',
      `${what}: expected whole numbers of rows ≥ 0 and columns ≥ 1, got ${x.rows} × ${x.cols}`,
    );
  }
  if (x.data.length !== x.rows * x.cols) {
    throw new InputError(
      'INPUT_INVALID',
      `${what}: ${x.rows} × ${x.cols} needs ${x.rows * x.cols} values, got ${x.data.length}`,
    );
  }
  if (x.rows < minRows) {
    throw new InputError(
      x.rows === 0 ? 'INPUT_EMPTY' : 'INPUT_INVALID',
      `${what}: expected at least ${minRows} rows, got ${x.rows}`,
    );
  }
  if (cols !== undefined && x.cols !== cols) {
    throw new InputError('INPUT_INVALID', `${what}: expected ${cols} columns, got ${x.cols}`, {
      hint: 'Use embeddings of the same model for training and scoring.',
    });
  }
}

/** Index of the first NaN or infinity, or −1. */
export function firstNonFinite(values: Float32Array | Float64Array): number {
  // The sum of v × 0 stays 0 exactly while everything is finite: one pass without branches in the usual case.
  let probe = 0;
  for (let i = 0; i < values.length; i++) probe += values[i] * 0;
  if (probe === 0) return -1;
  return values.findIndex((value) => !Number.isFinite(value));
}

/** `assertShape`, then throws InputError that names the first value which is NaN or infinite. */
export function assertMatrix(x: EmbeddingMatrix, expectation: MatrixExpectation): void {
  assertShape(x, expectation);
  const at = firstNonFinite(x.data);
  if (at < 0) return;
  throw new InputError(
    'INPUT_INVALID',
    `${expectation.what}: row ${Math.floor(at / x.cols)}, column ${at % x.cols} is ${x.data[at]}; expected finite numbers`,
    { hint: 'Remove or repair rows with NaN or infinite values.' },
  );
}

/** Rows divided by their Euclidean norm; a zero row stays zero. */
export function unitRows(x: EmbeddingMatrix): EmbeddingMatrix {
  const data = new Float32Array(x.data.length);
  for (let i = 0; i < x.rows; i++) {
    const start = i * x.cols;
    let sum = 0;
    for (let j = start; j < start + x.cols; j++) sum += x.data[j] * x.data[j];
    const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
    for (let j = start; j < start + x.cols; j++) data[j] = x.data[j] * scale;
  }
  return { data, rows: x.rows, cols: x.cols };
}
