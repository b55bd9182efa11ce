import { taskModule } from '@hazure/numerics';
import type { RowBlock, TaskFunction } from '@hazure/numerics';
import { gaussianDistances } from './gaussian-distances.js';
import type { GaussianModel } from './gaussian-distances.js';
import { gramFoldDistances, momentFoldDistances } from './gaussian-folds.js';
import type { GramFold, MomentFold } from './gaussian-folds.js';
import { cellNeighbours, nearestLandmarks, sketchRows } from './groups/cell-neighbours.js';
import type { CellNeighbours, CellRequest } from './groups/cell-neighbours.js';
import { gramFoldRatios, gramRatios } from './lof-gram.js';
import type { GramFoldRows, GramModel } from './lof-gram.js';

/** The room's functions that run in worker threads, each with where a worker finds it. */
const module = taskModule(import.meta.url, 'kernel-tasks');

export const distanceTask: TaskFunction = { module, name: 'scoreGaussian' };
export function scoreGaussian(args: RowBlock & { readonly model: GaussianModel }): Float64Array {
  return gaussianDistances(args.model, args);
}

export const gramFoldTask: TaskFunction = { module, name: 'judgeGramFold' };
export function judgeGramFold(args: GramFold): Float64Array | null {
  return gramFoldDistances(args);
}

export const momentFoldTask: TaskFunction = { module, name: 'judgeMomentFold' };
export function judgeMomentFold(args: MomentFold): Float64Array | null {
  return momentFoldDistances(args);
}

export const lofTask: TaskFunction = { module, name: 'scoreLof' };
export function scoreLof(args: RowBlock & { readonly model: GramModel }): Float64Array {
  return gramRatios(args.model, args);
}

export const lofFoldTask: TaskFunction = { module, name: 'judgeLofFold' };
export function judgeLofFold(args: GramFoldRows): Float64Array | null {
  return gramFoldRatios(args);
}

export const sketchBlockTask: TaskFunction = { module, name: 'sketchBlock' };
export function sketchBlock(
  args: RowBlock & { readonly directions: Float32Array; readonly offsets: Float64Array },
): Float32Array {
  return sketchRows(args.data, args.rows, args.cols, args.directions, args.offsets);
}

export const assignCellsTask: TaskFunction = { module, name: 'assignCells' };
export function assignCells(args: RowBlock & { readonly landmarks: Float32Array }): Int32Array {
  return nearestLandmarks(args.data, args.cols, args.rows, args.landmarks);
}

export const compareCellTask: TaskFunction = { module, name: 'compareCell' };
export function compareCell(args: CellRequest): CellNeighbours {
  return cellNeighbours(args);
}
