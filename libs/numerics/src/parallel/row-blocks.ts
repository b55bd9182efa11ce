import type { EmbeddingMatrix } from '@hazure/contracts';
import { sliceRows } from '../matrix.js';
import { MIN_PARALLEL_OPERATIONS, sharedPool } from './worker-pool.js';
import type { TaskFunction } from './worker-pool.js';

/** What a row-block task gets beside its own arguments. */
export interface RowBlock {
  readonly data: Float32Array;
  readonly rows: number;
  readonly cols: number;
  /** Index of the block's first row in the whole matrix. */
  readonly first: number;
}

export interface RowBlockOptions {
  /** Worker threads; 1 runs in this thread. Default: all usable cores. */
  readonly threads?: number;
  readonly blockRows: number;
  /** Rough number of elementary operations per row: little work is not worth a thread. */
  readonly operationsPerRow: number;
}

/** A copy in shared memory, which workers see without another copy; what is shared already is returned as it is. */
export function toShared<T extends Float32Array | Float64Array | Int32Array>(values: T): T {
  if (values.buffer instanceof SharedArrayBuffer) return values;
  const constructor = values.constructor as new (buffer: SharedArrayBuffer) => T;
  const copy = new constructor(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
}

/**
 * Runs `task` over consecutive blocks of rows, in worker threads where that pays, and calls `use` with the
 * results in order. `inline` is the same function for this thread. At most two blocks per thread are in flight,
 * so memory does not grow with x; x in shared memory is not copied at all.
 */
export async function forEachRowBlock<Args extends object, Result>(
  x: EmbeddingMatrix,
  args: Args,
  task: TaskFunction,
  inline: (args: Args & RowBlock) => Result,
  options: RowBlockOptions,
  use: (result: Result, first: number, rows: number) => void,
): Promise<void> {
  const { blockRows, operationsPerRow } = options;
  const pool = sharedPool(options.threads);
  const { threads } = pool;
  const block = (first: number): EmbeddingMatrix => sliceRows(x, first, Math.min(x.rows, first + blockRows));
  if (threads <= 1 || x.rows * operationsPerRow < MIN_PARALLEL_OPERATIONS) {
    for (let first = 0; first < x.rows; first += blockRows) {
      const part = block(first);
      use(inline({ ...args, ...part, first }), first, part.rows);
    }
    return;
  }
  const inFlight: { result: Promise<Result>; first: number; rows: number }[] = [];
  const settleOldest = async (): Promise<void> => {
    const oldest = inFlight.shift();
    if (oldest !== undefined) use(await oldest.result, oldest.first, oldest.rows);
  };
  try {
    for (let first = 0; first < x.rows; first += blockRows) {
      if (inFlight.length >= threads * 2) await settleOldest();
      const { data, rows, cols } = block(first);
      const sent = data.buffer instanceof SharedArrayBuffer ? data : data.slice();
      const moved = sent.buffer instanceof ArrayBuffer ? [sent.buffer] : [];
      const result = pool.run<Result>(task, { ...args, data: sent, rows, cols, first }, moved);
      result.catch(() => undefined); // it is awaited in its turn; until then a failure is not unhandled
      inFlight.push({ result, first, rows });
    }
    while (inFlight.length > 0) await settleOldest();
  } finally {
    await Promise.allSettled(inFlight.map(({ result }) => result));
  }
}
