import { roundHalfEven } from '../ranges/quantiser.js';

export interface QuantisedWeights {
  readonly data: Int8Array;
  /** One a channel, or one for all. */
  readonly scales: Float32Array;
  /** The weights lay on a per-tensor grid already, which was kept. */
  readonly gridKept: boolean;
}

export interface WeightLayout {
  readonly dims: readonly number[];
  /** Axis of the output channels. */
  readonly axis: number;
}

/** Relative distance from a grid point that float32 rounding of scale × integer explains. */
const GRID_TOLERANCE = 1e-3;

/**
 * Weights as symmetric integers of 8 bits.
 *
 * @param weights row-major, of `layout.dims`
 * @param bits 8: −127…127; 7: −64…64, so that two products with unsigned activations fit 16 bits (255 × 64 × 2 = 32,640),
 *   which x86 processors without VNNI sum them in
 * @param leastScales per channel, what the scale must not fall below (so that a bias fits 32 bits); 0 = no bound
 */
export function quantiseWeights(
  weights: Float32Array,
  layout: WeightLayout,
  bits: 7 | 8,
  leastScales: (channel: number) => number = () => 0,
): QuantisedWeights {
  const most = bits === 8 ? 127 : 64;
  const channels = layout.dims[layout.axis]!;
  const grid = bits === 8 ? perTensorGrid(weights) : null;
  if (grid !== null) {
    const fits = Array.from({ length: channels }, (_, c) => leastScales(c)).every((least) => grid >= least);
    if (fits) {
      const data = Int8Array.from(weights, (w) => Math.round(w / grid));
      return { data, scales: Float32Array.of(grid), gridKept: true };
    }
  }
  const scales = new Float32Array(channels);
  forEachChannel(layout, (channel, i) => {
    scales[channel] = Math.max(scales[channel]!, Math.abs(weights[i]!));
  });
  for (let c = 0; c < channels; c++) {
    // A channel of zeros needs some scale.
    scales[c] = Math.max(scales[c]! / most, leastScales(c), 2 ** -60);
  }
  const data = new Int8Array(weights.length);
  forEachChannel(layout, (channel, i) => {
    const q = roundHalfEven(weights[i]! / scales[channel]!);
    data[i] = Math.max(-most, Math.min(most, q));
  });
  return { data, scales, gridKept: false };
}

/**
 * The scale of a per-tensor int8 grid on which every weight lies, or null. Weights that were dequantised from int8 do:
 * rounding them again to another grid would only add error.
 */
export function perTensorGrid(weights: Float32Array): number | null {
  let most = 0;
  for (const w of weights) most = Math.max(most, Math.abs(w));
  if (most === 0 || weights.length < 32) return null;
  // The largest weight is most often 127 steps from zero; 128 when the scale came from the other side.
  for (const steps of [127, 128, 126]) {
    const scale = Math.fround(most / steps);
    if (liesOn(weights, scale)) return steps === 128 && weights.some((w) => w > 127.5 * scale) ? null : scale;
  }
  return null;
}

function liesOn(weights: Float32Array, scale: number): boolean {
  const distinct = new Set<number>();
  for (const w of weights) {
    const q = w / scale;
    const nearest = Math.round(q);
    if (Math.abs(q - nearest) > GRID_TOLERANCE * Math.max(1, Math.abs(nearest))) return false;
    if (distinct.size < 9) distinct.add(nearest);
  }
  // Three values, or weights of zeros and ones, lie on every grid.
  return distinct.size > 8;
}

/** Walks the weights with the output channel of each. */
export function forEachChannel(
  { dims, axis }: WeightLayout,
  visit: (channel: number, i: number) => void,
): void {
  const channels = dims[axis]!;
  const inner = dims.slice(axis + 1).reduce((product, d) => product * d, 1);
  const total = dims.reduce((product, d) => product * d, 1);
  for (let i = 0; i < total; i++) visit(Math.floor(i / inner) % channels, i);
}

/** Bias as int32 on the grid of the products, `scale of x × scale of w`. */
export function quantiseBias(bias: ArrayLike<number>, inputScale: number, scales: Float32Array): Int32Array {
  return Int32Array.from(bias, (b, c) =>
    roundHalfEven(b / (inputScale * scales[scales.length === 1 ? 0 : c]!)),
  );
}

/** Least weight scale with which a bias stays within 30 bits, leaving room for the sum of products. */
export function leastScaleFor(bias: number, inputScale: number): number {
  return Math.abs(bias) / (inputScale * 2 ** 30);
}
