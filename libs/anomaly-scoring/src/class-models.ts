import type { EmbeddingMatrix, FittedScorer, Scorer } from '@hazure/contracts';
import { selectRows } from '@hazure/numerics';
import { ClassCentring } from './class-centring.js';

/** Fewer rows than this tell too little of a class: it is left to the fallback. */
export const MIN_CLASS_ROWS = 10;

/** Rows of each class, ascending, in the order in which the classes first appear. */
export function groupRows(classes: readonly string[]): Map<string, number[]> {
  const rowsOf = new Map<string, number[]>();
  classes.forEach((name, row) => {
    const rows = rowsOf.get(name);
    if (rows) rows.push(row);
    else rowsOf.set(name, [row]);
  });
  return rowsOf;
}

/** One scorer of all rows' differences from their class mean. */
export interface ResidualModel {
  readonly centring: ClassCentring;
  readonly residuals: FittedScorer;
}

/**
 * Fits `inner` to the differences of rows from the mean of their class. classes: one per row of x, every one with
 * enough rows; unit: rows are divided by their norm first.
 */
export async function fitResiduals(
  inner: Scorer,
  x: EmbeddingMatrix,
  classes: readonly string[],
  unit: boolean,
): Promise<ResidualModel> {
  const centring = ClassCentring.fit(x, classes, unit);
  return { centring, residuals: await inner.fit(centring.apply(x, classes)) };
}

/** Scores of rows whose classes the model knows. */
export function scoreResiduals(
  { centring, residuals }: ResidualModel,
  x: EmbeddingMatrix,
  classes: readonly string[],
): Promise<Float64Array> {
  return residuals.score(centring.apply(x, classes));
}

/** Some of the rows, with their classes. */
export function selectMembers(
  x: EmbeddingMatrix,
  classes: readonly string[],
  rows: readonly number[],
): readonly [EmbeddingMatrix, string[]] {
  return [selectRows(x, rows), rows.map((row) => classes[row])];
}
