import { OutOfDeviceMemoryError } from '@hazure/contracts';
import type { MemoryBudget } from './budget.js';
import { largestBatch, learnItemMemory, type BatchMeasurement, type ItemMemory } from './item-memory.js';

export interface BatchPlanOptions {
  readonly budget: MemoryBudget;
  /** Memory in use on the budget's device now. */
  readonly usedBytes: () => Promise<number> | number;
  /** Runs one batch of that many items; may end in OutOfDeviceMemoryError. */
  readonly tryItems: (count: number) => Promise<unknown>;
  /** Who wants the memory, for messages. */
  readonly purpose: string;
  /** Largest batch worth having. */
  readonly max: number;
  /** Part of the free memory that this user may take, above 0 and at most 0.9; others need the rest. */
  readonly share: number;
}

export interface BatchSizePlan {
  readonly batchSize: number;
  /** What was learned; null where only one size could be measured. */
  readonly memory: ItemMemory | null;
}

/** Enough to tell the fixed part from what each item costs. */
const MEASURED_SIZES = [1, 2, 4];

/**
 * The batch size that a model gets on a shared device: a few small batches teach what an item costs, the largest batch
 * within the share of what is free is set aside and run once. What that run allocates stays in the runtime's arena,
 * so whoever plans next sees what is really left. When the forecast was too good the size is halved until it runs.
 *
 * @throws OutOfDeviceMemoryError when not even one item fits; any other error of `tryItems`
 */
export async function planBatchSize(options: BatchPlanOptions): Promise<BatchSizePlan> {
  const { budget, usedBytes, tryItems, purpose, max, share } = options;
  const measurements: BatchMeasurement[] = [];
  for (const batchSize of MEASURED_SIZES) {
    if (batchSize > max) break;
    try {
      await tryItems(batchSize);
    } catch (error) {
      if (error instanceof OutOfDeviceMemoryError && batchSize > 1) break;
      throw error;
    }
    measurements.push({ batchSize, usedBytes: await usedBytes() });
  }
  const proven = measurements[measurements.length - 1].batchSize;
  if (measurements.length < MEASURED_SIZES.length) {
    return { batchSize: proven, memory: measurements.length > 1 ? learnItemMemory(measurements) : null };
  }
  const memory = learnItemMemory(measurements);
  // What the measured batches took already serves a larger one too.
  const further = largestBatch(await budget.freeBytes(), memory, { min: 0, max, share });
  let batchSize = Math.min(max, proven + further);
  while (batchSize > proven) {
    const wanted = memory.bytesPerItem * (batchSize - proven);
    try {
      using _reservation = await budget.reserve(wanted, purpose);
      await tryItems(batchSize);
      break;
    } catch (error) {
      if (!(error instanceof OutOfDeviceMemoryError)) throw error;
      batchSize = Math.max(proven, batchSize >> 1);
    }
  }
  return { batchSize, memory };
}
