import { blockSums, taskModule, unitRows } from '@hazure/numerics';
import type { MomentSums, RowBlock, TaskFunction } from '@hazure/numerics';
import { gaussianDistances } from './gaussian-distances.js';
import type { GaussianModel } from './gaussian-distances.js';
import { gramFoldDistances, momentFoldDistances } from './gaussian-folds.js';
import type { GramFold, MomentFold } from './gaussian-folds.js';
import { cellNeighbours, nearestLandmarks, sketchRows } from './groups/cell-neighbours.js';
import type { CellNeighbours, CellRequest } from './groups/cell-neighbours.js';
import { candidateNeighbours } from './neighbour-candidates.js';
import type { CandidateRequest, Candidates } from './neighbour-candidates.js';

/** The room's functions that run in worker threads, each with where a worker finds it. */
const module = taskModule(import.meta.url, 'kernel-tasks');

export const momentTask: TaskFunction = { module, name: 'sumMoments' };
export function sumMoments(
  args: RowBlock & { readonly origin: Float64Array; readonly unit: boolean },
): MomentSums {
  return blockSums(args.unit ? unitRows(args) : args, args.origin);
}

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

export const neighbourTask: TaskFunction = { module, name: 'findCandidates' };
export function findCandidates(args: RowBlock & CandidateRequest): Candidates {
  return candidateNeighbours(args, args, args.first);
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
