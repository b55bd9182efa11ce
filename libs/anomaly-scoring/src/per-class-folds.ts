import { selectRows } from '@hazure/numerics';
import { fitResiduals, groupRows, MIN_CLASS_ROWS, scoreResiduals, selectMembers } from './class-models.js';
import { CrossJudging } from './cross-judging.js';
import { splitByFold } from './folds.js';
import type { AbleScorer, DealtRows } from './scorer-ports.js';

/**
 * Scores of each class's rows by `inner` fitted to the rows of that class outside their fold. NaN for rows of
 * classes that are not in `own`, and where a fold leaves fewer than MIN_CLASS_ROWS outside.
 */
export async function scoreFoldsOfClasses(
  inner: AbleScorer,
  { x, foldOf, folds }: DealtRows,
  classes: readonly string[],
  own: readonly string[],
): Promise<Float64Array> {
  const scores = new Float64Array(x.rows).fill(NaN);
  const rowsOf = groupRows(classes);
  for (const name of own) {
    const rows = rowsOf.get(name) ?? [];
    const foldOfRow = rows.map((row) => foldOf[row]);
    const inside = new Int32Array(folds);
    for (const fold of foldOfRow) inside[fold]++;
    if (rows.length - Math.min(...inside) < MIN_CLASS_ROWS) continue;
    const dealt = { x: selectRows(x, rows), foldOf: foldOfRow, folds };
    const values = await new CrossJudging(dealt).scores(inner);
    rows.forEach((row, i) => {
      if (rows.length - inside[foldOfRow[i]] >= MIN_CLASS_ROWS) scores[row] = values[i];
    });
  }
  return scores;
}

/**
 * Scores of the differences of rows from their class mean, by `inner` fitted to those of the rows outside their
 * fold. NaN as in `scoreFoldsOfClasses`. unit: rows are divided by their norm first.
 */
export async function scoreResidualFolds(
  inner: AbleScorer,
  dealt: DealtRows,
  classes: readonly string[],
  own: readonly string[],
  unit: boolean,
): Promise<Float64Array> {
  const scores = new Float64Array(dealt.x.rows).fill(NaN);
  const rows = classes.flatMap((name, row) => (own.includes(name) ? [row] : []));
  if (rows.length === 0) return scores;
  const [x, memberClasses] = selectMembers(dealt.x, classes, rows);
  const members = { x, foldOf: rows.map((row) => dealt.foldOf[row]), folds: dealt.folds };
  let anew: readonly number[] = Array.from({ length: dealt.folds }, (_, fold) => fold);
  const together = await inner.scoreResidualFolds?.({
    dealt: members,
    classOf: Int32Array.from(memberClasses, (name) => own.indexOf(name)),
    count: own.length,
    minRows: MIN_CLASS_ROWS,
    unitRows: unit,
  });
  if (together !== undefined) {
    rows.forEach((row, i) => (scores[row] = together.scores[i]));
    anew = together.unsettled;
  }
  for (const fold of anew) {
    const { inside, outside } = splitByFold(members.foldOf, fold);
    const outsideOf = groupRows(outside.map((i) => memberClasses[i]));
    const known = (i: number): boolean => (outsideOf.get(memberClasses[i])?.length ?? 0) >= MIN_CLASS_ROWS;
    const [fitRows, judged] = [outside.filter(known), inside.filter(known)];
    if (judged.length === 0) continue;
    const model = await fitResiduals(inner, ...selectMembers(x, memberClasses, fitRows), unit);
    const values = await scoreResiduals(model, ...selectMembers(x, memberClasses, judged));
    judged.forEach((i, at) => (scores[rows[i]] = values[at]));
  }
  return scores;
}
