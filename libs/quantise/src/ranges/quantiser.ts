/** How real numbers become integers of 8 bits: `q = round(x / scale) + zeroPoint`, clipped to the type. */
export interface Quantisation {
  readonly type: 'uint8' | 'int8';
  readonly scale: number;
  readonly zeroPoint: number;
}

/** Least scale: below it float32 has no normal numbers left for scale × scale. */
const MIN_SCALE = 2 ** -60;

/** uint8 over [low, high], which is widened to hold zero: padding must be exact. */
export function asymmetric(low: number, high: number): Quantisation {
  const from = Math.min(low, 0);
  const to = Math.max(high, 0);
  const scale = Math.fround(Math.max((to - from) / 255, MIN_SCALE));
  const zeroPoint = Math.min(255, Math.max(0, Math.round(-from / scale)));
  return { type: 'uint8', scale, zeroPoint };
}

/** int8 over ±max(|low|, |high|) with zero at 0, as TensorRT wants it. */
export function symmetric(low: number, high: number): Quantisation {
  const scale = Math.fround(Math.max(Math.max(-low, high, 0) / 127, MIN_SCALE));
  return { type: 'int8', scale, zeroPoint: 0 };
}

/** What is left of a value after it went through the integers. */
export function roundTrip(value: number, { type, scale, zeroPoint }: Quantisation): number {
  const [least, most] = type === 'uint8' ? [0, 255] : [-128, 127];
  const q = Math.min(most, Math.max(least, roundHalfEven(value / scale) + zeroPoint));
  return (q - zeroPoint) * scale;
}

/** ONNX's QuantizeLinear rounds halves to even. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
