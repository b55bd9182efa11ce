import fc from 'fast-check';
import {
  bestRange,
  Histogram,
  perTensorGrid,
  quantiseWeights,
  rangeBy,
  RANGE_METHODS,
} from '../src/index.js';
import { asymmetric, roundHalfEven, roundTrip, symmetric } from '../src/ranges/quantiser.js';
import { identity, silu, type RangeRequest } from '../src/ranges/methods.js';
import { noise } from './helpers.js';

const INT16_MAX = 32767;
/** What two neighbouring products are summed to where only 16 bits are kept (vpmaddubsw), against the true sum. */
const saturates = (weights: Int8Array): boolean => {
  for (let i = 0; i + 1 < weights.length; i += 2) {
    const sums = [
      [255, 255],
      [255, 0],
      [0, 255],
    ].map(([a, b]) => a! * weights[i]! + b! * weights[i + 1]!);
    if (sums.some((sum) => sum > INT16_MAX || sum < -INT16_MAX - 1)) return true;
  }
  return false;
};

describe('weights', () => {
  const layout = { dims: [4, 16], axis: 0 };

  test('of 7 bits never saturate a sum of two products in 16 bits, whatever the activations', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, min: -100, max: 100 }), { minLength: 64, maxLength: 64 }),
        (values) => {
          expect(saturates(quantiseWeights(Float32Array.from(values), layout, 7).data)).toBe(false);
        },
      ),
    );
  });

  test('of 8 bits can saturate, so the other test can fail', () => {
    expect(saturates(quantiseWeights(new Float32Array(64).fill(1), layout, 8).data)).toBe(true);
  });

  test('lie within half a step of what they were, channel by channel', () => {
    const weights = noise(64, 3).map((w, i) => w * 10 ** (Math.floor(i / 16) - 2));
    const { data, scales } = quantiseWeights(weights, layout, 8);
    weights.forEach((w, i) => {
      const scale = scales[Math.floor(i / 16)]!;
      expect(Math.abs(w - data[i]! * scale)).toBeLessThanOrEqual(scale * 0.5001);
    });
  });

  test('on a per-tensor grid keep it exactly', () => {
    const scale = Math.fround(0.0123);
    const steps = Int8Array.from({ length: 64 }, (_, i) => ((i * 37) % 255) - 127);
    const weights = Float32Array.from(steps, (q) => q * scale);
    const quantised = quantiseWeights(weights, layout, 8);
    expect(quantised.gridKept).toBe(true);
    expect(quantised.data).toEqual(steps);
    expect(perTensorGrid(noise(64, 4))).toBeNull();
  });

  test('a scale grows until the bias fits', () => {
    const { scales } = quantiseWeights(noise(64, 5), layout, 8, () => 2);
    expect([...scales]).toEqual([2, 2, 2, 2]);
  });
});

test('halves are rounded to even, as ONNX does', () => {
  expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4].map(roundHalfEven)).toEqual(
    [0, 2, 2, 0, -2, 2].map((x) => (x === 0 ? expect.closeTo(0) : x)),
  );
});

test('a value inside its range comes back within half a step', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -50, max: 0, noNaN: true }),
      fc.double({ min: 0.01, max: 50, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (low, high, at) => {
        const value = low + at * (high - low);
        for (const quantisation of [asymmetric(low, high), symmetric(low, high)]) {
          expect(Math.abs(roundTrip(value, quantisation) - value)).toBeLessThanOrEqual(
            quantisation.scale * 1.001,
          );
          expect(roundTrip(0, quantisation)).toBe(0);
        }
      },
    ),
  );
});

describe('histogram', () => {
  test('counts a stream, whatever its order and range', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), { minLength: 1 }),
        (values) => {
          const histogram = new Histogram();
          for (const value of values) histogram.add(Float32Array.of(value));
          expect(histogram.total).toBe(values.length);
          expect(histogram.counts.reduce((a, b) => a + b)).toBe(values.length);
          expect(histogram.min).toBe(Math.min(...values));
          expect(histogram.max).toBe(Math.max(...values));
        },
      ),
    );
  });

  test('counts what is not finite apart', () => {
    const histogram = new Histogram();
    histogram.add(Float32Array.of(1, NaN, Infinity, -2));
    expect([histogram.total, histogram.notFinite, histogram.min, histogram.max]).toEqual([2, 2, -2, 1]);
  });
});

describe('ranges', () => {
  const requestFor = (values: Float32Array, reader = identity): RangeRequest => {
    const histogram = new Histogram();
    histogram.add(values);
    return { histogram, symmetric: false, reader };
  };

  test('the measured best is no worse than any method', () => {
    const outliers = noise(20_000, 7).map((x, i) => (i % 5000 === 0 ? 40 : x));
    const request = requestFor(outliers);
    const best = bestRange(request);
    for (const method of RANGE_METHODS)
      expect(best.error).toBeLessThanOrEqual(rangeBy(method, request).error * 1.002);
    expect(best.method).not.toBe('minmax');
    expect(best.error).toBeLessThan(rangeBy('minmax', request).error);
  });

  test('before SiLU what lies far below zero is cut off', () => {
    const values = noise(20_000, 8).map((x) => 20 * x - 5);
    const plain = rangeBy('mse', requestFor(values));
    const before = rangeBy('mse', requestFor(values, silu));
    expect(before.low).toBeGreaterThan(plain.low * 0.8);
  });
});
