import { OutOfDeviceMemoryError, type Clock } from '@hazure/contracts';

/** A loaded model under test. */
export interface Subject {
  /** Calls that infer at the same time; one more is kept waiting, as in a run. */
  readonly streams: number;
  /** One call with that many items. */
  readonly call: (items: number) => Promise<unknown>;
  /** Memory that the model and its calls hold now. */
  readonly usedBytes: () => number;
}

export interface SweepPoint {
  readonly batchSize: number;
  /** Items a second; null where the batch did not fit into memory. */
  readonly imagesPerSecond: number | null;
  /** How long a call takes from when it is made, with the others before it. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly memoryBytes: number;
}

export interface SweepOptions {
  readonly batchSizes: readonly number[];
  /** How long a batch size is measured in one round. */
  readonly secondsEach: number;
  readonly rounds: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onPoint?: (done: number, total: number) => void;
}

/** A round of a batch size ends only after this many calls. */
const FEWEST_CALLS = 3;

/**
 * Measures a model at every batch size. The sizes take turns, round after round, so that a machine whose speed drifts
 * treats them alike; a size's rate is the median of its rounds.
 */
export async function sweepBatchSizes(subject: Subject, options: SweepOptions): Promise<SweepPoint[]> {
  const { clock, rounds } = options;
  const sizes = [...new Set(options.batchSizes)].sort((a, b) => a - b);
  const points = sizes.map((batchSize) => ({
    batchSize,
    rates: [] as number[],
    latencies: [] as number[],
    memoryBytes: 0,
    failed: false,
  }));
  const attempt = async (point: (typeof points)[number], work: () => Promise<void>): Promise<void> => {
    try {
      if (!point.failed) await work();
    } catch (error) {
      if (!(error instanceof OutOfDeviceMemoryError)) throw error;
      // What does not fit once will not fit more at a larger size.
      for (const each of points) if (each.batchSize >= point.batchSize) each.failed = true;
    }
  };
  for (const point of points) {
    options.signal.throwIfAborted();
    await attempt(point, async () => {
      await keepBusy(subject, point.batchSize, 0, clock);
      point.memoryBytes = Math.max(0, subject.usedBytes());
    });
  }
  let done = 0;
  for (let round = 0; round < rounds; round++) {
    for (const point of points) {
      options.signal.throwIfAborted();
      await attempt(point, async () => {
        const { rate, latencies } = await keepBusy(subject, point.batchSize, options.secondsEach, clock);
        point.rates.push(rate);
        point.latencies.push(...latencies);
      });
      options.onPoint?.(++done, rounds * points.length);
    }
  }
  return points.map(({ batchSize, rates, latencies, memoryBytes, failed }) => ({
    batchSize,
    imagesPerSecond: failed ? null : quantile(rates, 0.5),
    p50Ms: failed ? null : quantile(latencies, 0.5),
    p95Ms: failed ? null : quantile(latencies, 0.95),
    memoryBytes,
  }));
}

/** Calls with `streams + 1` always in flight, until the time is over. */
async function keepBusy(
  subject: Subject,
  batchSize: number,
  seconds: number,
  clock: Clock,
): Promise<{ rate: number; latencies: number[] }> {
  const startedMs = clock.monotonicMs();
  const latencies: number[] = [];
  const least = seconds === 0 ? 1 : FEWEST_CALLS * subject.streams;
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (begun < least || clock.monotonicMs() - startedMs < seconds * 1000) {
      begun++;
      const calledMs = clock.monotonicMs();
      await subject.call(batchSize);
      latencies.push(clock.monotonicMs() - calledMs);
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: subject.streams + 1 }, lane));
  for (const each of lanes) if (each.status === 'rejected') throw each.reason;
  const elapsed = (clock.monotonicMs() - startedMs) / 1000;
  return { rate: (latencies.length * batchSize) / elapsed, latencies };
}

/** Nearest-rank quantile. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))];
}
