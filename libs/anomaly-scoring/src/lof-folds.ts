import { gramMatrix, mapTasks, toShared, unitRows } from '@hazure/numerics';
import type { ComputeOptions } from './compute.js';
import { splitByFold } from './folds.js';
import { judgeLofFold, lofFoldTask } from './kernel-tasks.js';
import type { DealtRows, ResidualScores } from './scorer-ports.js';
import { columnMeans } from './shrunk-gaussian.js';

/**
 * Scores of each fold's rows by what all others teach, for the folds with fewer rows outside than columns. The
 * others, and folds where sharing would lose digits, are left unsettled.
 * Memory: two n × n float64, per thread four times as much again.
 */
export async function lofFolds(
  { x, foldOf, folds }: DealtRows,
  { threads }: ComputeOptions,
): Promise<ResidualScores> {
  const all = Array.from({ length: folds }, (_, index) => ({ index, ...splitByFold(foldOf, index) })).filter(
    ({ inside }) => inside.length > 0,
  );
  const few = all.filter(({ outside }) => outside.length < x.cols);
  const scores = new Float64Array(x.rows).fill(NaN);
  const unsettled = new Set(all.filter((fold) => !few.includes(fold)).map(({ index }) => index));
  for (const unit of few.length > 0 ? [false, true] : []) {
    const rows = unit ? unitRows(x) : x;
    const shared = { gram: toShared(gramMatrix(rows, columnMeans(rows))), rows: x.rows, cols: x.cols };
    const ratios = await mapTasks(
      few.map(({ inside, outside }) => ({
        ...shared,
        inside: Int32Array.from(inside),
        outside: Int32Array.from(outside),
      })),
      lofFoldTask,
      judgeLofFold,
      { operationsPerTask: x.rows ** 3, ...(threads === undefined ? {} : { threads }) },
    );
    few.forEach(({ index, inside }, i) => {
      const values = ratios[i];
      if (values === null) unsettled.add(index);
      else inside.forEach((row, at) => (scores[row] = (unit ? scores[row] : 1) * Math.sqrt(values[at])));
    });
  }
  for (const { index, inside } of few) {
    if (unsettled.has(index)) for (const row of inside) scores[row] = NaN;
  }
  return { scores, unsettled: [...unsettled] };
}
