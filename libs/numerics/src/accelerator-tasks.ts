import type { MomentSums, TransformRequest } from '@hazure/contracts';
import { nearestOfBlock } from './accelerator/nearest.js';
import type { NearestReference } from './accelerator/nearest.js';
import { transformRows } from './accelerator/transform.js';
import { blockSums } from './covariance.js';
import type { RowBlock } from './parallel/row-blocks.js';
import { taskModule } from './parallel/worker-pool.js';
import type { TaskFunction } from './parallel/worker-pool.js';

/** What the plain accelerator runs in worker threads. */
const module = taskModule(import.meta.url, 'accelerator-tasks');

export const nearestTask: TaskFunction = { module, name: 'findNearest' };
export function findNearest(args: RowBlock & NearestReference): Int32Array {
  return nearestOfBlock(args, args, args.first);
}

export const transformTask: TaskFunction = { module, name: 'transformBlock' };
export function transformBlock(args: RowBlock & Omit<TransformRequest, 'rows'>): Float64Array {
  const { data, rows, cols } = args;
  return transformRows({ ...args, rows: { data, rows, cols } });
}

export const momentTask: TaskFunction = { module, name: 'sumMoments' };
export function sumMoments(args: RowBlock & { readonly origin: Float64Array }): MomentSums {
  return blockSums(args, args.origin);
}
