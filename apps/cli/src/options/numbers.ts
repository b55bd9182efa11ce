import { ConfigError, InputError, type EmbeddingMatrix } from '@hazure/contracts';
import { readNpy } from '@hazure/run-store';

/** Text of a numeric flag → number. @throws ConfigError naming the flag */
export function numberFlag(
  flag: string,
  text: string,
  limits: { readonly min?: number; readonly max?: number; readonly integer?: boolean } = {},
): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const { min = -Infinity, max = Infinity, integer = false } = limits;
  if (!Number.isFinite(value) || value < min || value > max || (integer && !Number.isInteger(value))) {
    const range = `${min > -Infinity ? ` from ${min}` : ''}${max < Infinity ? ` to ${max}` : ''}`;
    throw new ConfigError(`${flag} takes ${integer ? 'a whole number' : 'a number'}${range}, got "${text}"`);
  }
  return value;
}

/** A `.npy` matrix of floats. @throws InputError */
export async function readMatrix(path: string): Promise<EmbeddingMatrix> {
  const { shape, data } = await readNpy(path);
  if (shape.length !== 2 || !(data instanceof Float32Array || data instanceof Float64Array)) {
    throw new InputError(
      'INPUT_INVALID',
      `${path} must be a float32 or float64 matrix, got ${data.constructor.name.replace('Array', '')} of shape (${shape.join(', ')})`,
      {
        hint: 'Save it with numpy.save as an n × d array of float32.',
      },
    );
  }
  return {
    data: data instanceof Float32Array ? data : Float32Array.from(data),
    rows: shape[0],
    cols: shape[1],
  };
}

/** A `.npy` vector of integers. @throws InputError */
export async function readLabels(path: string): Promise<Int32Array> {
  const { shape, data } = await readNpy(path);
  const values = Array.from(data as ArrayLike<number | bigint>, Number);
  if (shape.filter((size) => size !== 1).length > 1 || !values.every(Number.isInteger)) {
    throw new InputError(
      'INPUT_INVALID',
      `${path} must be one integer a row, got shape (${shape.join(', ')})`,
      {
        hint: "Save it with numpy.save(path, labels.astype('int64')).",
      },
    );
  }
  return Int32Array.from(values);
}
