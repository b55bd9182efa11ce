import type { Histogram } from './histogram.js';
import { asymmetric, symmetric, type Quantisation } from './quantiser.js';

/** How the range of an activation is found. */
export const RANGE_METHODS = ['minmax', 'percentile', 'entropy', 'mse'] as const;
export type RangeMethod = (typeof RANGE_METHODS)[number];

export interface Range {
  readonly low: number;
  readonly high: number;
}

export interface RangeChoice extends Range {
  readonly method: RangeMethod;
  /** Mean squared error behind the function that reads the tensor, over the power of what it gives: 0 is none. */
  readonly error: number;
}

/** What reads a tensor and forgives errors: `silu` flattens far below zero. */
export type Reader = (value: number) => number;
export const identity: Reader = (value) => value;
export const silu: Reader = (value) => value / (1 + Math.exp(-value));
export const sigmoid: Reader = (value) => 1 / (1 + Math.exp(-value));

export interface RangeRequest {
  readonly histogram: Histogram;
  readonly symmetric: boolean;
  readonly reader: Reader;
  /** Bounds that the tensor can't leave, e.g. of the clip that made it. */
  readonly bounds?: Range;
}

/** Share of values inside; the rest is cut off half at each end. */
const PERCENTILE = 0.9999;
const ENTROPY_BINS = 2048;
/** Bins between two thresholds that are tried. */
const ENTROPY_STEP = 48;
/** Steps in which the mean-square-error search shrinks one end of a range. */
const MSE_STEPS = 32;
const MSE_ROUNDS = 2;

/** The range that one method gives, with the error that it causes in what was counted. */
export function rangeBy(method: RangeMethod, request: RangeRequest): RangeChoice {
  const found = bounded(findRange(method, request), request.bounds);
  return { ...found, method, error: rangeError(found, request) };
}

/** The method of least measured error; of equals the one named first. */
export function bestRange(
  request: RangeRequest,
  methods: readonly RangeMethod[] = RANGE_METHODS,
): RangeChoice {
  return methods
    .map((method) => rangeBy(method, request))
    .reduce((best, next) => (next.error < best.error * 0.999 ? next : best));
}

export function quantisationOf({ low, high }: Range, isSymmetric: boolean): Quantisation {
  return isSymmetric ? symmetric(low, high) : asymmetric(low, high);
}

/** Mean squared error that a range causes behind the reader, over the reader's own mean square. */
export function rangeError(range: Range, request: RangeRequest): number {
  const { values, counts, exact, power } = distributionOf(request);
  if (power === 0) return 0;
  const { scale, zeroPoint } = quantisationOf(range, request.symmetric);
  const least = request.symmetric ? -128 : 0;
  const levels = new Float64Array(256);
  for (let i = 0; i < 256; i++) levels[i] = request.reader((i + least - zeroPoint) * scale);
  const offset = zeroPoint - least + 0.5;
  let error = 0;
  for (let i = 0; i < values.length; i++) {
    const q = Math.floor(values[i]! / scale + offset);
    const difference = levels[q < 0 ? 0 : q > 255 ? 255 : q]! - exact[i]!;
    error += counts[i]! * difference * difference;
  }
  return error / power;
}

interface Distribution {
  readonly values: Float64Array;
  readonly counts: Float64Array;
  /** What the reader makes of the values. */
  readonly exact: Float64Array;
  readonly power: number;
}

/** Enough points for 256 levels; more would only take longer. */
const MAX_POINTS = 2048;
const distributions = new WeakMap<RangeRequest, Distribution>();

function distributionOf(request: RangeRequest): Distribution {
  const known = distributions.get(request);
  if (known) return known;
  const { values, counts } = request.histogram.filled(MAX_POINTS);
  const exact = values.map(request.reader);
  const power = exact.reduce((sum, value, i) => sum + counts[i]! * value * value, 0);
  const made = { values, counts, exact, power };
  distributions.set(request, made);
  return made;
}

function bounded({ low, high }: Range, bounds: Range | undefined): Range {
  return bounds ? { low: Math.max(low, bounds.low), high: Math.min(high, bounds.high) } : { low, high };
}

function findRange(method: RangeMethod, request: RangeRequest): Range {
  const { histogram } = request;
  const whole = { low: Math.min(histogram.min, 0), high: Math.max(histogram.max, 0) };
  if (histogram.total === 0) return { low: 0, high: 0 };
  switch (method) {
    case 'minmax':
      return whole;
    case 'percentile': {
      const rest = (1 - PERCENTILE) / 2;
      return {
        low: Math.min(0, histogram.quantile(rest)),
        high: Math.max(0, histogram.quantile(1 - rest)),
      };
    }
    case 'entropy':
      return entropyRange(request, whole);
    case 'mse':
      return leastSquares(request, whole);
  }
}

/**
 * The threshold whose 256 levels keep most of the distribution: least Kullback-Leibler divergence of the clipped counts
 * to the same counts spread over the levels (Migacz, 8-bit inference with TensorRT, GTC 2017). One threshold for both
 * signs, each end no wider than what was seen.
 */
function entropyRange(request: RangeRequest, whole: Range): Range {
  const reach = Math.max(-whole.low, whole.high);
  if (reach === 0) return whole;
  const bins = new Float64Array(ENTROPY_BINS);
  const { values, counts } = distributionOf(request);
  values.forEach((value, i) => {
    bins[Math.min(ENTROPY_BINS - 1, Math.floor((Math.abs(value) / reach) * ENTROPY_BINS))]! += counts[i]!;
  });
  let best = ENTROPY_BINS;
  let least = Infinity;
  const levels = whole.low < 0 ? 128 : 256;
  for (let kept = levels; kept <= ENTROPY_BINS; kept += ENTROPY_STEP) {
    const divergence = divergenceAt(bins, kept, levels);
    if (divergence < least) [least, best] = [divergence, kept];
  }
  const threshold = (best / ENTROPY_BINS) * reach;
  return { low: Math.max(whole.low, -threshold), high: Math.min(whole.high, threshold) };
}

function divergenceAt(bins: Float64Array, kept: number, levels: number): number {
  let beyond = 0;
  for (let i = kept; i < bins.length; i++) beyond += bins[i]!;
  let total = beyond;
  for (let i = 0; i < kept; i++) total += bins[i]!;
  const spreadTotal = total - beyond;
  if (spreadTotal === 0) return Infinity;
  let divergence = 0;
  for (let level = 0; level < levels; level++) {
    const from = Math.floor((level * kept) / levels);
    const to = Math.max(from + 1, Math.floor(((level + 1) * kept) / levels));
    let sum = 0;
    let filled = 0;
    for (let i = from; i < to; i++) {
      sum += bins[i]!;
      if (bins[i]! > 0) filled++;
    }
    for (let i = from; i < to; i++) {
      const p = (bins[i]! + (i === kept - 1 ? beyond : 0)) / total;
      if (p === 0) continue;
      // What was clipped into an empty last bin has no counterpart: as improbable as can be.
      const q = bins[i]! > 0 ? sum / filled / spreadTotal : 1e-12;
      divergence += p * Math.log(p / q);
    }
  }
  return divergence;
}

/** Shrinks each end in turn to where the squared error behind the reader is least. */
function leastSquares(request: RangeRequest, whole: Range): Range {
  let best = whole;
  let least = rangeError(whole, request);
  const consider = (range: Range): void => {
    const error = rangeError(range, request);
    if (error < least) [least, best] = [error, range];
  };
  if (request.symmetric) {
    const reach = Math.max(-whole.low, whole.high);
    for (let step = 1; step < 2 * MSE_STEPS; step++) {
      const threshold = reach * shrink(step / 2);
      consider({ low: Math.max(whole.low, -threshold), high: Math.min(whole.high, threshold) });
    }
    return best;
  }
  for (let round = 0; round < MSE_ROUNDS; round++) {
    const { low, high } = best;
    if (low < 0)
      for (let step = 1; step < MSE_STEPS; step++) consider({ low: low * shrink(step), high: best.high });
    const reached = best.low;
    if (high > 0)
      for (let step = 1; step < MSE_STEPS; step++) consider({ low: reached, high: high * shrink(step) });
  }
  return best;
}

const shrink = (step: number): number => 0.92 ** step;
