import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { assertMatrix } from '@hazure/numerics';
import type { FittedBaseline } from './baseline.js';
import { fitBaseline } from './fit-baseline.js';
import type { BaselineInput } from './fit-baseline.js';
import { relabel } from './groups/union-find.js';

/** Rows with what is known of each. */
export interface DescribedRows {
  readonly features: EmbeddingMatrix;
  /** Group of each row; equal labels of old and new rows are different groups, unless `sameGroups` says so. */
  readonly groups?: ArrayLike<number>;
  readonly imageOf?: ArrayLike<number>;
  /** Images, those without objects included. */
  readonly images?: number;
  readonly classes?: readonly string[];
}

export interface ExtendInput extends Pick<
  BaselineInput,
  'percentile' | 'seed' | 'perClass' | 'scorers' | 'calibration' | 'scorerOptions'
> {
  /** What the baseline was learned from, in its order. */
  readonly old: DescribedRows;
  /** Normal rows to add: of more images, or accepted false alarms. */
  readonly added: DescribedRows;
  /** Groups found over old and added rows together (`findGroups` of the joined rows); old rows come first. */
  readonly groups?: ArrayLike<number>;
}

/** The rows of both, old ones first, as if they had been learned at once. */
export function joinRows(old: DescribedRows, added: DescribedRows): DescribedRows {
  const { cols } = old.features;
  assertMatrix(added.features, { what: 'rows to add', cols });
  const rows = old.features.rows + added.features.rows;
  const data = new Float32Array(rows * cols);
  data.set(old.features.data);
  data.set(added.features.data, old.features.data.length);
  if ((old.classes === undefined) !== (added.classes === undefined)) {
    throw new InputError(
      'INPUT_INVALID',
      'extend: expected classes of both old and added rows, or of neither',
    );
  }
  const joined = (pick: (part: DescribedRows) => ArrayLike<number> | undefined): Int32Array => {
    const labels = (part: DescribedRows): Int32Array =>
      relabel(pick(part) ?? Int32Array.from({ length: part.features.rows }, (_, row) => row));
    const [first, second] = [labels(old), labels(added)];
    const next = first.reduce((most, label) => Math.max(most, label + 1), 0);
    return Int32Array.from([...first, ...second.map((label) => next + label)]);
  };
  const imagesOf = (part: DescribedRows): number =>
    part.images ?? new Set(Array.from(part.imageOf ?? part.groups ?? { length: part.features.rows })).size;
  const described = old.imageOf !== undefined || added.imageOf !== undefined;
  return {
    features: { data, rows, cols },
    groups: joined(({ groups, imageOf }) => groups ?? imageOf),
    ...(described ? { imageOf: joined(({ imageOf, groups }) => imageOf ?? groups) } : {}),
    ...(old.images === undefined && added.images === undefined
      ? {}
      : { images: imagesOf(old) + imagesOf(added) }),
    ...(old.classes && added.classes ? { classes: [...old.classes, ...added.classes] } : {}),
  };
}

/**
 * A baseline of old and added normal rows, from embeddings alone: equal to learning all of them from scratch in this
 * order. Accepted false alarms become normals like any other: they shape the scorers, and held out from their own
 * fold they take part in the calibration, which therefore knows such scores as normal.
 * @throws InputError as `fitBaseline`, and where old and added rows are described differently
 */
export function extendBaseline(input: ExtendInput): Promise<FittedBaseline> {
  const { old, added, groups, ...options } = input;
  const joined = joinRows(old, added);
  return fitBaseline({ ...options, ...joined, ...(groups === undefined ? {} : { groups }) });
}
