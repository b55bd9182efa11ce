import { MIN_PARALLEL_OPERATIONS, sharedPool } from './worker-pool.js';
import type { TaskFunction } from './worker-pool.js';

/**
 * Runs `task` once for each of `list`, in worker threads where that pays; results in the order of the list.
 * `inline` is the same function for this thread. Large arrays among the arguments should lie in shared memory:
 * others are copied for every task.
 */
export async function mapTasks<Args extends object, Result>(
  list: readonly Args[],
  task: TaskFunction,
  inline: (args: Args) => Result,
  options: {
    /** Worker threads; 1 runs in this thread. Default: all usable cores. */
    readonly threads?: number;
    /** Rough number of elementary operations of one task: little work is not worth a thread. */
    readonly operationsPerTask: number;
  },
): Promise<Result[]> {
  const pool = sharedPool(options.threads);
  if (pool.threads <= 1 || list.length * options.operationsPerTask < MIN_PARALLEL_OPERATIONS) {
    return list.map(inline);
  }
  const running = list.map((args) => pool.run<Result>(task, args));
  await Promise.allSettled(running); // none is left behind when one fails
  return Promise.all(running);
}
