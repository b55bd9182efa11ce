import { InputError } from '@hazure/contracts';

export interface BatchMeasurement {
  readonly batchSize: number;
  /** Memory in use at the peak of a run of this size. */
  readonly usedBytes: number;
}

/** `used = fixedBytes + bytesPerItem × batchSize`, never below any measurement it was made from. */
export interface ItemMemory {
  readonly fixedBytes: number;
  readonly bytesPerItem: number;
}

/**
 * Learns what an item costs from runs at several batch sizes. The slope is the least-squares one (not below 0), the
 * fixed part is raised until no measurement lies above the line: allocators round up, and predicting too little is
 * what ends in out-of-memory.
 *
 * @param measurements at least two different batch sizes
 */
export function learnItemMemory(measurements: readonly BatchMeasurement[]): ItemMemory {
  const sizes = new Set(measurements.map(({ batchSize }) => batchSize));
  if (sizes.size < 2) {
    throw new InputError(
      'INPUT_INVALID',
      `Learning bytes per item needs measurements at two batch sizes or more, got ${sizes.size}`,
    );
  }
  const n = measurements.length;
  const meanSize = measurements.reduce((sum, m) => sum + m.batchSize, 0) / n;
  const meanUsed = measurements.reduce((sum, m) => sum + m.usedBytes, 0) / n;
  let covariance = 0;
  let variance = 0;
  for (const { batchSize, usedBytes } of measurements) {
    covariance += (batchSize - meanSize) * (usedBytes - meanUsed);
    variance += (batchSize - meanSize) ** 2;
  }
  const bytesPerItem = Math.max(0, covariance / variance);
  const fixedBytes = Math.max(...measurements.map((m) => m.usedBytes - bytesPerItem * m.batchSize));
  return { fixedBytes, bytesPerItem };
}

/**
 * Runs a few batches of growing size and learns from the memory in use after each. Runtimes keep their arenas, so
 * the memory after a run is its peak.
 *
 * @param usedBytes memory in use now, e.g. total − free of a GPU, or this process's resident set on the host
 * @param run runs one batch of that many items
 * @param batchSizes ascending
 */
export async function measureItemMemory(
  usedBytes: () => Promise<number> | number,
  run: (batchSize: number) => Promise<unknown>,
  batchSizes: readonly number[] = [1, 2, 4],
): Promise<ItemMemory> {
  const measurements: BatchMeasurement[] = [];
  for (const batchSize of batchSizes) {
    await run(batchSize);
    measurements.push({ batchSize, usedBytes: await usedBytes() });
  }
  return learnItemMemory(measurements);
}

export interface BatchSizeLimits {
  readonly min?: number;
  readonly max: number;
  /** Part of the free memory that may be planned with; 0.9 leaves a tenth for fragmentation. */
  readonly share?: number;
}

/**
 * The largest batch whose items fit into what is free (the fixed part is in use already).
 *
 * @returns limits.min…limits.max
 */
export function largestBatch(freeBytes: number, memory: ItemMemory, limits: BatchSizeLimits): number {
  const min = limits.min ?? 1;
  const fitting =
    memory.bytesPerItem === 0
      ? limits.max
      : Math.floor((freeBytes * (limits.share ?? 0.9)) / memory.bytesPerItem);
  return Math.max(min, Math.min(limits.max, fitting));
}
