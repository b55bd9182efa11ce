import type { EmbeddingMatrix } from '@hazure/contracts';
import { assertMatrix, selectRows } from '@hazure/numerics';
import { z } from 'zod';
import type { ComputeOptions } from './compute.js';
import { decodeFloat32, decodeFloat64, encodeFloats, floatArraySchema } from './float-array-json.js';
import { FullSpace, GramSpace } from './lof-space.js';
import type { LofSpace } from './lof-space.js';
import { FittedMahalanobis } from './mahalanobis.js';
import { parseModel, refuseModel } from './model-json.js';
import type { FittedClassAwareScorer } from './scorer-ports.js';

export const LOF_FORMAT = 'hazure-lof/1';

const schema = z.strictObject({
  format: z.literal(LOF_FORMAT),
  dimensions: z.int().min(1).max(65_536),
  /** Rows behind the covariance. */
  trainingRows: z.int().min(1),
  /** Rows that distances are measured to. */
  rows: z.int().min(1),
  /** `features`: the rows of the features file that lies beside; otherwise the rows themselves. */
  reference: z.union([z.literal('features'), floatArraySchema]),
  /** Only these of the referred rows; null = all. */
  subset: z.array(z.int().min(0)).min(1).nullable(),
  /** Null with fewer training rows than columns: everything follows from the rows then. */
  spaces: z
    .array(z.strictObject({ gaussian: z.unknown(), reach: floatArraySchema }))
    .length(2)
    .nullable(),
});
export type LofJSON = z.infer<typeof schema>;

/** What a fitted local outlier factor consists of. */
export interface LofParts {
  /** Rows that distances are measured to. */
  readonly reference: EmbeddingMatrix;
  /** Which rows of the matrix that it was fitted to those are; null = all. */
  readonly subset: readonly number[] | null;
  readonly trainingRows: number;
  /** Of the rows as they are and of their directions; null = from the rows when they are needed. */
  readonly spaces: readonly FullSpace[] | null;
}

export class FittedLof implements FittedClassAwareScorer {
  readonly name = 'lof';
  private spaces: readonly LofSpace[] | undefined;

  constructor(
    private readonly parts: LofParts,
    private readonly compute: ComputeOptions,
  ) {}

  get dimensions(): number {
    return this.parts.reference.cols;
  }

  get notes(): readonly string[] {
    const { reference, trainingRows } = this.parts;
    if (reference.rows === trainingRows) return [];
    return [
      `lof: distances are measured to ${reference.rows} of ${trainingRows} baseline rows, a seeded sample within the memory limit; the covariance comes from all of them`,
    ];
  }

  async score(x: EmbeddingMatrix): Promise<Float64Array> {
    assertMatrix(x, { what: 'lof: rows to score', cols: this.dimensions });
    const { reference, spaces } = this.parts;
    this.spaces ??= spaces ?? [false, true].map((unit) => new GramSpace(reference, unit, this.compute));
    const scores = new Float64Array(x.rows).fill(1);
    for (const space of this.spaces) {
      const ratios = await space.ratios(x);
      for (let i = 0; i < scores.length; i++) scores[i] *= Math.sqrt(ratios[i]);
    }
    return scores;
  }

  toJSON(): LofJSON {
    return { ...this.toReferringJSON(), reference: encodeFloats(this.parts.reference.data), subset: null };
  }

  /** Without the rows, for a folder that holds them as a features file anyway. */
  toReferringJSON(): LofJSON {
    const { reference, subset, trainingRows, spaces } = this.parts;
    return {
      format: LOF_FORMAT,
      dimensions: reference.cols,
      trainingRows,
      rows: reference.rows,
      reference: 'features',
      subset: subset?.slice() ?? null,
      spaces:
        spaces?.map(({ gaussian, unit, reach }) => ({
          gaussian: new FittedMahalanobis(nameOf(unit), gaussian, { unit }).toJSON(),
          reach: encodeFloats(reach),
        })) ?? null,
    };
  }

  /** `features`: the rows that a document without its own rows refers to. @throws ModelError */
  static fromJSON(value: unknown, features?: EmbeddingMatrix, compute: ComputeOptions = {}): FittedLof {
    const json = parseModel(schema, value, 'lof model', LOF_FORMAT);
    const { dimensions, trainingRows, subset, rows } = json;
    if (rows > trainingRows) refuseModel(`lof model: ${rows} rows of ${trainingRows} training rows`);
    if ((json.spaces === null) !== trainingRows < dimensions) {
      refuseModel(
        `lof model: ${trainingRows} × ${dimensions} rows need ${json.spaces ? 'no' : 'two'} spaces`,
      );
    }
    const reference = referenceOf(json, features);
    const spaces = json.spaces?.map(({ gaussian: document, reach }, index) => {
      const { gaussian, name } = FittedMahalanobis.fromJSON(document);
      const unit = index === 1;
      if (gaussian.mean.length !== dimensions || name !== nameOf(unit)) {
        refuseModel(`lof model: space ${index} holds '${name}' of ${gaussian.mean.length} dimensions`);
      }
      const values = decodeFloat64(reach, rows, 'lof model: reach');
      if (values.some((one) => one <= 0)) refuseModel('lof model: expected a reach above 0 for every row');
      return new FullSpace(gaussian, unit, reference, values, compute);
    });
    return new FittedLof({ reference, subset, trainingRows, spaces: spaces ?? null }, compute);
  }
}

const nameOf = (unit: boolean): string => (unit ? 'unit-mahalanobis' : 'mahalanobis');

function referenceOf(json: LofJSON, features: EmbeddingMatrix | undefined): EmbeddingMatrix {
  const { rows, dimensions: cols, subset } = json;
  if (json.reference !== 'features') {
    return { data: decodeFloat32(json.reference, rows * cols, 'lof model: reference'), rows, cols };
  }
  if (features === undefined) refuseModel('lof model: it refers to a features file, and none was given');
  if (features.cols !== cols || rows !== (subset?.length ?? features.rows)) {
    refuseModel(`lof model: expected features of ${rows} × ${cols}, got ${features.rows} × ${features.cols}`);
  }
  if (subset === null) return features;
  if (subset.some((row) => row >= features.rows)) {
    refuseModel('lof model: subset names rows beyond the features');
  }
  return selectRows(features, subset);
}
