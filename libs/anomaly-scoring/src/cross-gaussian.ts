import type { EmbeddingMatrix } from '@hazure/contracts';
import { gramMatrix, mapTasks, streamOf, toShared, unitRows } from '@hazure/numerics';
import type { DealtRows } from './scorer-ports.js';
import { splitByFold } from './folds.js';
import type { GaussianOptions } from './gaussian-model.js';
import type { Fold } from './gaussian-folds.js';
import { gramFoldTask, judgeGramFold, judgeMomentFold, momentFoldTask } from './kernel-tasks.js';
import { columnMeans, momentsOf } from './shrunk-gaussian.js';

/** Groups whose means take the place of the common mean. */
export interface RowGroups {
  /** 0…count − 1 for each row. */
  readonly of: Int32Array;
  readonly count: number;
  /** Groups with fewer rows outside a fold are left out of it. */
  readonly minRows: number;
}

export interface FoldDistances {
  /** One per row; NaN where the row's group was left out of its fold. */
  readonly distances: Float64Array;
  /** Folds that must be fitted anew, since taking the common work apart would lose digits; their rows are NaN. */
  readonly unsettled: readonly number[];
}

interface IndexedFold extends Fold {
  readonly index: number;
}

/**
 * Squared Mahalanobis distances of each fold's rows under the Ledoit–Wolf Gaussian of all others. Folds with fewer
 * rows outside than columns share one Gram matrix (n × n float64), the others one set of moment sums.
 * Memory beside it: per thread as much again.
 */
export async function foldDistances(
  { x, foldOf, folds }: DealtRows,
  options: GaussianOptions,
  groups?: RowGroups,
): Promise<FoldDistances> {
  const rows = options.unit ? unitRows(x) : x;
  const split = Array.from({ length: folds }, (_, index): IndexedFold => {
    const { inside, outside } = splitByFold(foldOf, index);
    return { index, inside: Int32Array.from(inside), outside: Int32Array.from(outside) };
  }).filter(({ inside }) => inside.length > 0);
  const distances = new Float64Array(x.rows).fill(NaN);
  const unsettled: number[] = [];
  const settle = (list: readonly IndexedFold[], results: readonly (Float64Array | null)[]): void =>
    list.forEach(({ index, inside }, i) => {
      const values = results[i];
      if (values === null) unsettled.push(index);
      else inside.forEach((row, at) => (distances[row] = values[at]));
    });

  const few = split.filter(({ outside }) => outside.length < x.cols);
  const many = split.filter(({ outside }) => outside.length >= x.cols);
  if (few.length > 0) settle(few, await byGram(rows, few, options, groups));
  if (groups !== undefined) unsettled.push(...many.map(({ index }) => index));
  else if (many.length > 0) settle(many, await byMoments(rows, many, options));
  return { distances, unsettled };
}

function byGram(
  x: EmbeddingMatrix,
  folds: readonly Fold[],
  options: GaussianOptions,
  groups: RowGroups = { of: new Int32Array(x.rows), count: 1, minRows: 1 },
): Promise<(Float64Array | null)[]> {
  const shared = {
    gram: toShared(gramMatrix(x, columnMeans(x))),
    rows: x.rows,
    cols: x.cols,
    groupOf: groups.of,
    groups: groups.count,
    minGroupRows: groups.minRows,
  };
  return mapTasks(
    folds.map(({ inside, outside }) => ({ ...shared, inside, outside })),
    gramFoldTask,
    judgeGramFold,
    { ...options, operationsPerTask: x.rows ** 3 / 6 },
  );
}

async function byMoments(
  x: EmbeddingMatrix,
  folds: readonly Fold[],
  options: GaussianOptions,
): Promise<(Float64Array | null)[]> {
  const { sums, origin } = await momentsOf(streamOf(x, x.rows), { ...options, unit: false });
  const shared = { ...x, data: toShared(x.data), origin, sums: { ...sums, second: toShared(sums.second) } };
  return mapTasks(
    folds.map(({ inside, outside }) => ({ ...shared, inside, outside })),
    momentFoldTask,
    judgeMomentFold,
    { ...options, operationsPerTask: x.cols ** 3 / 6 + (x.rows / folds.length) * x.cols ** 2 },
  );
}
