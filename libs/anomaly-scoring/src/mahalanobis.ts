import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix, FittedScorer } from '@hazure/contracts';
import { assertMatrix, forEachRowBlock, isRowStream, streamOf, toShared, unitRows } from '@hazure/numerics';
import type { RowStream } from '@hazure/numerics';
import { z } from 'zod';
import type { ComputeOptions } from './compute.js';
import { scoreByFits } from './cross-judging.js';
import { foldDistances } from './cross-gaussian.js';
import type { GaussianOptions, ShrunkGaussian } from './gaussian-model.js';
import { decodeFloat64, encodeFloats, floatArraySchema } from './float-array-json.js';
import { transformedDistances } from './gaussian-distances.js';
import { distanceTask, scoreGaussian } from './kernel-tasks.js';
import { parseModel, refuseModel } from './model-json.js';
import type { ScorerKind } from './scorer-kind.js';
import type { AbleScorer, DealtRows, ResidualFolds, ResidualScores } from './scorer-ports.js';
import { fitShrunkGaussian } from './shrunk-gaussian.js';

const FORMAT = 'hazure-mahalanobis/1';

const schema = z.strictObject({
  format: z.literal(FORMAT),
  name: z.string(),
  dimensions: z.int().min(1).max(65_536),
  trainingRows: z.int().min(1),
  unitRows: z.boolean(),
  shrinkage: z.number().min(0).max(1),
  form: z.enum(['full', 'low-rank']),
  rank: z.int().min(0).max(65_536),
  isotropic: z.number().min(0),
  mean: floatArraySchema,
  factor: floatArraySchema,
});
export type MahalanobisJSON = z.infer<typeof schema>;

export interface MahalanobisOptions extends ComputeOptions {
  /** Compare directions instead of vectors: rows are divided by their norm first. Default false. */
  readonly unitRows?: boolean;
}

/**
 * Squared Mahalanobis distance to the mean of the training rows under their Ledoit–Wolf covariance: what
 * scikit-learn's LedoitWolf.mahalanobis returns. Works with fewer rows than columns, and with one row.
 */
export class MahalanobisScorer implements AbleScorer {
  constructor(
    private readonly options: MahalanobisOptions = {},
    readonly name = 'mahalanobis',
  ) {}

  /** Accepts rows in memory or as a stream, which is read once. */
  async fit(x: EmbeddingMatrix | RowStream): Promise<FittedMahalanobis> {
    const what = `${this.name} training rows`;
    if (!isRowStream(x)) assertMatrix(x, { what, minRows: 1 });
    else if (x.rows < 1) throw new InputError('INPUT_EMPTY', `${what}: expected at least one row, got none`);
    return new FittedMahalanobis(
      this.name,
      await fitShrunkGaussian(isRowStream(x) ? x : streamOf(x, x.rows), this.gaussianOptions),
      this.gaussianOptions,
    );
  }

  /** Folds share one Gram matrix or one set of moment sums, and none makes a model. */
  async scoreFolds(dealt: DealtRows): Promise<Float64Array> {
    assertMatrix(dealt.x, { what: `${this.name} training rows`, minRows: 1 });
    const { distances, unsettled } = await foldDistances(dealt, this.gaussianOptions);
    if (unsettled.length === 0) return distances;
    const anew = await scoreByFits(this, dealt, unsettled);
    return distances.map((distance, row) => (Number.isNaN(distance) ? anew[row] : distance));
  }

  /** Folds share one Gram matrix of the rows' differences from their class means, where that loses no digits. */
  async scoreResidualFolds(request: ResidualFolds): Promise<ResidualScores> {
    const { dealt, classOf, count, minRows, unitRows } = request;
    const { folds } = dealt;
    if (this.gaussianOptions.unit) {
      const scores = new Float64Array(dealt.x.rows).fill(NaN);
      return { scores, unsettled: Array.from({ length: folds }, (_, fold) => fold) };
    }
    const { distances, unsettled } = await foldDistances(
      dealt,
      { ...this.gaussianOptions, unit: unitRows },
      { of: classOf, count, minRows },
    );
    return { scores: distances, unsettled };
  }

  /** How its Gaussians are fitted. */
  private get gaussianOptions(): GaussianOptions {
    const { unitRows = false, ...compute } = this.options;
    return { ...compute, unit: unitRows };
  }
}

/** Rows that go to a worker at a time. */
const BLOCK_ROWS = 2048;

export class FittedMahalanobis implements FittedScorer {
  constructor(
    readonly name: string,
    readonly gaussian: ShrunkGaussian,
    private readonly options: GaussianOptions,
  ) {}

  get dimensions(): number {
    return this.gaussian.mean.length;
  }

  async score(x: EmbeddingMatrix): Promise<Float64Array> {
    assertMatrix(x, { what: `${this.name}: rows to score`, cols: this.dimensions });
    const { mean, factor, rank, isotropic, form } = this.gaussian;
    const { threads, unit, accelerator } = this.options;
    if (accelerator !== undefined) {
      return transformedDistances(this.gaussian, unit ? unitRows(x) : x, accelerator);
    }
    const scores = new Float64Array(x.rows);
    await forEachRowBlock(
      x,
      { model: { mean, factor, rank, isotropic, form, unit } },
      distanceTask,
      scoreGaussian,
      {
        blockRows: BLOCK_ROWS,
        operationsPerRow: (rank * this.dimensions) / 2,
        ...(threads === undefined ? {} : { threads }),
      },
      (part, first) => scores.set(part, first),
    );
    return scores;
  }

  toJSON(): MahalanobisJSON {
    const { mean, factor, form, rank, isotropic, shrinkage, count } = this.gaussian;
    return {
      format: FORMAT,
      name: this.name,
      dimensions: mean.length,
      trainingRows: count,
      unitRows: this.options.unit,
      shrinkage,
      form,
      rank,
      isotropic,
      mean: encodeFloats(mean),
      factor: encodeFloats(form === 'full' ? packLower(factor, rank) : factor),
    };
  }

  /** @throws ModelError for anything that `toJSON` could not have written. */
  static fromJSON(value: unknown, options: ComputeOptions = {}): FittedMahalanobis {
    const json = parseModel(schema, value, 'mahalanobis model', FORMAT);
    const { dimensions: d, rank, form } = json;
    if (form === 'full' && rank !== d) refuseModel(`mahalanobis model: rank ${rank} of ${d} dimensions`);
    const packedLength = form === 'full' ? (d * (d + 1)) / 2 : rank * d;
    const packed = decodeFloat64(json.factor, packedLength, 'mahalanobis model: factor');
    const gaussian: ShrunkGaussian = {
      mean: decodeFloat64(json.mean, d, 'mahalanobis model: mean'),
      factor: toShared(form === 'full' ? unpackLower(packed, d) : packed),
      form,
      rank,
      isotropic: json.isotropic,
      shrinkage: json.shrinkage,
      count: json.trainingRows,
    };
    return new FittedMahalanobis(json.name, gaussian, { ...options, unit: json.unitRows });
  }
}

/** Lower triangle row by row: n(n + 1) / 2 values. */
function packLower(matrix: Float64Array, n: number): Float64Array {
  const packed = new Float64Array((n * (n + 1)) / 2);
  for (let i = 0, at = 0; i < n; at += ++i) packed.set(matrix.subarray(i * n, i * n + i + 1), at);
  return packed;
}

function unpackLower(packed: Float64Array, n: number): Float64Array {
  const matrix = new Float64Array(n * n);
  for (let i = 0, at = 0; i < n; at += ++i) matrix.set(packed.subarray(at, at + i + 1), i * n);
  return matrix;
}

export const mahalanobisKind: ScorerKind = {
  format: FORMAT,
  create: ({ gaussian }) => gaussian(false),
  read: (document, { compute }) => FittedMahalanobis.fromJSON(document, compute),
};
