import { ModelError } from '@hazure/contracts';
import { firstNonFinite } from '@hazure/numerics';
import { z } from 'zod';

/** Numbers as little-endian base64: exact, a third of the size of decimal text, and never executed. */
export const floatArraySchema = z.strictObject({
  type: z.enum(['float32', 'float64']),
  length: z
    .int()
    .min(0)
    .max(2 ** 31),
  base64: z.string(),
});
export type FloatArrayJSON = z.infer<typeof floatArraySchema>;

export function encodeFloats(values: Float32Array | Float64Array): FloatArrayJSON {
  return {
    type: values instanceof Float32Array ? 'float32' : 'float64',
    length: values.length,
    base64: Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64'),
  };
}

function decodeBytes(
  json: FloatArrayJSON,
  type: FloatArrayJSON['type'],
  length: number,
  what: string,
): ArrayBuffer {
  const valueBytes = type === 'float32' ? 4 : 8;
  const bytes = Buffer.from(json.base64, 'base64');
  if (json.type !== type || json.length !== length || bytes.length !== length * valueBytes) {
    throw new ModelError(
      'MODEL_INVALID',
      `${what}: expected ${length} ${type} values, got ${json.length} ${json.type} in ${bytes.length} bytes`,
    );
  }
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
}

function assertFinite<T extends Float32Array | Float64Array>(values: T, what: string): T {
  const at = firstNonFinite(values);
  if (at >= 0)
    throw new ModelError('MODEL_INVALID', `${what}: value ${at} is ${values[at]}, expected finite numbers`);
  return values;
}

/** @throws ModelError unless the document holds exactly `length` finite float64 values. */
export function decodeFloat64(json: FloatArrayJSON, length: number, what: string): Float64Array {
  return assertFinite(new Float64Array(decodeBytes(json, 'float64', length, what)), what);
}

/** @throws ModelError unless the document holds exactly `length` finite float32 values. */
export function decodeFloat32(json: FloatArrayJSON, length: number, what: string): Float32Array {
  return assertFinite(new Float32Array(decodeBytes(json, 'float32', length, what)), what);
}
