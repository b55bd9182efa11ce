import { taskModule } from '@hazure/numerics';
import type { RowBlock, TaskFunction } from '@hazure/numerics';
import { pathLengthSums } from './traversal-kernel.js';
import type { PackedForest } from './traversal-kernel.js';

/** The function that scores a block of rows in a worker thread, and where a worker finds it. */
export const pathLengthTask: TaskFunction = {
  module: taskModule(import.meta.url, 'kernel-tasks'),
  name: 'sumPathLengths',
};

export function sumPathLengths(args: RowBlock & { readonly forest: PackedForest }): Float64Array {
  return pathLengthSums(args.forest, args.data, args.rows, args.cols);
}
