/** A constant of a TensorFlow.js graph, row-major. Integers and booleans share Int32Array. */
export interface TfjsTensor {
  readonly dims: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/** Number of elements; 1 for a scalar's empty shape. */
export const sizeOf = (dims: readonly number[]): number => dims.reduce((product, d) => product * d, 1);

/** Elements reordered so that axis i of the result is axis `perm[i]` of the source (NumPy's transpose). */
export function permute(
  data: Float32Array,
  dims: readonly number[],
  perm: readonly number[],
): { dims: number[]; data: Float32Array } {
  const strides = dims.map((_, axis) => sizeOf(dims.slice(axis + 1)));
  const outDims = perm.map((axis) => dims[axis]!);
  const outStrides = perm.map((axis) => strides[axis]!);
  const out = new Float32Array(data.length);
  const index = outDims.map(() => 0);
  let source = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = data[source]!;
    for (let axis = outDims.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      source += outStrides[axis]!;
      if (index[axis]! < outDims[axis]!) break;
      source -= outStrides[axis]! * outDims[axis]!;
      index[axis] = 0;
    }
  }
  return { dims: outDims, data: out };
}

/** IEEE 754 binary16 bits to a number. */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
