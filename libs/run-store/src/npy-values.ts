import { InputError, type EmbeddingMatrix } from '@hazure/contracts';
import { readNpy, type NpyArray } from './npy-read.js';

/** Numbers as a file holds them: exact in float32 or float64. */
export interface NumberMatrix {
  /** The file, for messages. */
  readonly path: string;
  /** rows × cols, row-major. */
  readonly data: Float32Array | Float64Array;
  readonly rows: number;
  readonly cols: number;
}

const shapeText = (shape: readonly number[]): string =>
  `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;

function refuse(path: string, what: string, hint: string): InputError {
  return new InputError('INPUT_INVALID', `${path}: ${what}`, { hint });
}

/**
 * Values as doubles, or as float32 where that is exact.
 *
 * @throws InputError naming the row of a 64-bit integer that a double can't hold
 */
function exactFloats({ data, dtype, shape }: NpyArray, path: string): Float32Array | Float64Array {
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    const out = new Float64Array(data.length);
    const perRow = shape.length > 1 && shape[0] > 0 ? data.length / shape[0] : 1;
    for (let i = 0; i < data.length; i++) {
      out[i] = Number(data[i]);
      if (Math.abs(out[i]) > Number.MAX_SAFE_INTEGER) {
        const place = `row ${Math.floor(i / perRow)}${perRow > 1 ? `, column ${i % perRow}` : ''}`;
        throw refuse(
          path,
          `${place} is ${data[i]} (${dtype}), beyond the integers that floats hold exactly (2⁵³)`,
          "Rows count from 0. Subtract an offset first: numpy.save(path, (x - x.min()).astype('float64')).",
        );
      }
    }
    return out;
  }
  const narrow = data.BYTES_PER_ELEMENT <= 2;
  return narrow ? Float32Array.from(data) : Float64Array.from(data);
}

/**
 * An n × d matrix of any numeric dtype, without loss (see {@link toFloat32} for what computes in float32).
 *
 * @throws InputError for another number of dimensions, an empty matrix, and what `readNpy` refuses
 */
export async function readNumberMatrix(path: string): Promise<NumberMatrix> {
  const array = await readNpy(path);
  const { shape, dtype } = array;
  if (shape.length !== 2) {
    const mend = shape.length < 2 ? 'x.reshape(-1, 1)' : 'x.reshape(len(x), -1)';
    throw refuse(
      path,
      `expected a matrix of n × d numbers, got ${dtype} of shape ${shapeText(shape)}`,
      `Save it with numpy.save(path, ${mend}).`,
    );
  }
  const [rows, cols] = shape;
  if (rows === 0 || cols === 0) {
    throw refuse(
      path,
      `the matrix of shape ${shapeText(shape)} is empty`,
      'Save at least one row of one number.',
    );
  }
  return { path, data: exactFloats(array, path), rows, cols };
}

/** Share of a column's spread that rounding to float32 may cost before the column is centred. */
const TOLERATED_LOSS = 1e-3;

/** Columns of which float32 loses more than is tolerated, after `offsets` are taken off. */
function lossyColumns({ data, rows, cols }: NumberMatrix, offsets: Float64Array): number[] {
  const means = columnMeans({ data, rows, cols });
  const spread = new Float64Array(cols);
  const lost = new Float64Array(cols);
  for (let i = 0; i < data.length; i++) {
    const col = i % cols;
    if (!Number.isFinite(data[i])) continue;
    const value = data[i] - offsets[col];
    spread[col] += (data[i] - means[col]) ** 2;
    lost[col] += (value - Math.fround(value)) ** 2;
  }
  return Array.from({ length: cols }, (_, col) => col).filter(
    (col) => lost[col] > TOLERATED_LOSS ** 2 * spread[col] && spread[col] > 0,
  );
}

function columnMeans({ data, rows, cols }: Pick<NumberMatrix, 'data' | 'rows' | 'cols'>): Float64Array {
  const means = new Float64Array(cols);
  // Shifted by the first row, so that a large offset doesn't eat the sum's last digits.
  for (let i = 0; i < data.length; i++) means[i % cols] += (data[i] - data[i % cols]) / rows;
  for (let col = 0; col < cols; col++) means[col] += data[col];
  return means;
}

/** @throws InputError naming the first finite value beyond float32's range */
function checkRange({ path, data, cols }: NumberMatrix): void {
  const beyond = data.findIndex((value) => Number.isFinite(value) && !Number.isFinite(Math.fround(value)));
  if (beyond < 0) return;
  throw refuse(
    path,
    `row ${Math.floor(beyond / cols)}, column ${beyond % cols} is ${data[beyond]}, beyond float32's ±3.4e38, in which is computed`,
    "Rows count from 0. Drop such rows, or scale them all: numpy.save(path, (x / numpy.abs(x).max()).astype('float32')).",
  );
}

/**
 * Matrices of one space in float32, in which everything computes. Where rounding would lose what tells rows apart (an
 * offset of 1e9 leaves steps of 64), the means of those columns in the first matrix are taken off all of them before,
 * in float64. That moves the origin: distances and trees don't change, directions (cosine) do, so it is only done where
 * needed, and told.
 *
 * @param matrices equally wide; the first gives the means
 * @param onNotice told in a sentence what was taken off
 * @throws InputError for a value beyond float32's range, or columns whose differences float32 can't hold
 */
export function toFloat32(
  matrices: readonly NumberMatrix[],
  onNotice: (message: string) => void,
): EmbeddingMatrix[] {
  const wide = matrices.filter(({ data }) => data instanceof Float64Array);
  const [first] = matrices;
  const offsets = new Float64Array(first.cols);
  if (wide.length > 0 && matrices.every(({ cols }) => cols === first.cols)) {
    wide.forEach(checkRange);
    const lossy = new Set(wide.flatMap((matrix) => lossyColumns(matrix, offsets)));
    const means = lossy.size > 0 ? columnMeans(first) : offsets;
    for (const col of lossy) offsets[col] = Number.isFinite(means[col]) ? means[col] : 0;
    if (lossy.size > 0) {
      for (const matrix of wide) checkResolved(matrix, offsets);
      onNotice(
        `${[...new Set(wide.map(({ path }) => path))].join(', ')}: ${lossy.size} of ${first.cols} columns lie too far from ` +
          `zero for float32, so ${first.path}’s column means were taken off them first`,
      );
    }
  }
  return matrices.map(({ data, rows, cols }) => {
    if (offsets.every((offset) => offset === 0)) {
      return { data: data instanceof Float32Array ? data : Float32Array.from(data), rows, cols };
    }
    return { data: Float32Array.from(data, (value, i) => value - offsets[i % cols]), rows, cols };
  });
}

function checkResolved(matrix: NumberMatrix, offsets: Float64Array): void {
  const [col] = lossyColumns(matrix, offsets);
  if (col === undefined) return;
  throw refuse(
    matrix.path,
    `the differences within column ${col} are smaller than float32, in which is computed, can hold`,
    'Columns count from 0. Scale them: numpy.save(path, (x - x.mean(axis=0)) / x.std(axis=0)).',
  );
}

/**
 * One whole number a row, of any dtype and as (n,), (n, 1) or (1, n): judged by value, so 1.0 and True are labels, and
 * 0.5 is none.
 *
 * @param binary only 0 (normal) and 1 (anomaly)
 * @throws InputError naming the first row whose value is no label
 */
export async function readLabelValues(
  path: string,
  { binary }: { readonly binary: boolean },
): Promise<Float64Array> {
  const array = await readNpy(path);
  const { shape, dtype } = array;
  if (shape.length === 0 || shape.filter((size) => size !== 1).length > 1) {
    throw refuse(
      path,
      `expected one label a row, got ${dtype} of shape ${shapeText(shape)}`,
      'Save it with numpy.save(path, labels.reshape(-1)), one value per row of the matrix.',
    );
  }
  const values = Float64Array.from(exactFloats(array, path));
  const wrong = values.findIndex((value) =>
    binary ? value !== 0 && value !== 1 : !Number.isSafeInteger(value),
  );
  if (wrong < 0) return values;
  throw refuse(
    path,
    `row ${wrong} is ${values[wrong]}; a label is ${binary ? '0 (normal) or 1 (anomaly)' : 'a whole number'}`,
    binary
      ? "Rows count from 0. Save it with numpy.save(path, (labels > 0).astype('int64')), or as your labels mean it."
      : "Rows count from 0. Save it with numpy.save(path, labels.astype('int64')) after mending that row.",
  );
}
