import { OutOfDeviceMemoryError, type Clock } from '@hazure/contracts';
import { quantile, sweepBatchSizes, type Subject, type SweepOptions } from './sweep.js';

/** A model that takes `overheadMs + items × itemMs` a call, on a clock of its own; calls run one by one. */
function model(
  overheadMs: number,
  itemMs: number,
  fits = Infinity,
): { subject: Subject; clock: Clock; calls: number[] } {
  let nowMs = 0;
  const calls: number[] = [];
  let largest = 0;
  let turn: Promise<unknown> = Promise.resolve();
  const subject: Subject = {
    streams: 1,
    usedBytes: () => largest * 1000,
    call: (items) => {
      turn = turn.then(() => {
        calls.push(items);
        if (items > fits) throw new OutOfDeviceMemoryError(`${items} do not fit`);
        largest = Math.max(largest, items);
        nowMs += overheadMs + items * itemMs;
      });
      const result = turn;
      turn = turn.catch(() => undefined);
      return result;
    },
  };
  return { subject, calls, clock: { now: () => new Date(0), monotonicMs: () => nowMs } };
}

const sweep = (m: ReturnType<typeof model>, options: Partial<SweepOptions> = {}) =>
  sweepBatchSizes(m.subject, {
    batchSizes: [1, 2, 4, 8],
    secondsEach: 1,
    rounds: 3,
    clock: m.clock,
    signal: new AbortController().signal,
    ...options,
  });

test('rates and latencies are those of the model, with one call more in flight than it has streams', async () => {
  const points = await sweep(model(10, 5));
  for (const { batchSize, imagesPerSecond, p50Ms } of points) {
    const callMs = 10 + 5 * batchSize;
    expect(imagesPerSecond).toBeCloseTo((1000 * batchSize) / callMs, 5);
    expect(p50Ms).toBeCloseTo(2 * callMs, 5); // it waits for the one before it
  }
  expect(points.map(({ memoryBytes }) => memoryBytes)).toEqual([1000, 2000, 4000, 8000]);
});

test('sizes come once each, ascending', async () => {
  const points = await sweep(model(1, 1), { batchSizes: [8, 1, 8, 2] });
  expect(points.map(({ batchSize }) => batchSize)).toEqual([1, 2, 8]);
});

test('what does not fit is reported as such, is not tried again, and spares the smaller ones', async () => {
  const m = model(1, 1, 2);
  const points = await sweep(m);
  expect(points.map(({ imagesPerSecond }) => imagesPerSecond !== null)).toEqual([true, true, false, false]);
  expect(points[3]).toMatchObject({ p50Ms: null, p95Ms: null });
  expect(m.calls.filter((items) => items > 2).every((items) => items === 4)).toBe(true);
});

test('another error ends the sweep after the calls in flight; an abort ends it between points', async () => {
  const m = model(1, 1);
  const broken: Subject = { ...m.subject, call: () => Promise.reject(new Error('broken')) };
  await expect(sweep({ ...m, subject: broken })).rejects.toThrow('broken');
  const stop = new AbortController();
  stop.abort();
  await expect(sweep(model(1, 1), { signal: stop.signal })).rejects.toThrow();
});

test('quantiles by nearest rank', () => {
  expect(quantile([3, 1, 2], 0.5)).toBe(2);
  expect(quantile([1, 2, 3, 4], 0.95)).toBe(4);
  expect(quantile([7], 0.5)).toBe(7);
});
