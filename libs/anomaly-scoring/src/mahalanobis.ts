import type { EmbeddingMatrix, FittedScorer, Scorer } from '@hazure/contracts';
import { assertMatrix, TransposedProduct, unitRows } from '@hazure/numerics';
import { z } from 'zod';
import { decodeFloat64, encodeFloats, floatArraySchema } from './float-array-json.js';
import { parseModel } from './model-json.js';
import { shrunkGaussian } from './shrunk-gaussian.js';
import type { ShrunkGaussian } from './shrunk-gaussian.js';

const FORMAT = 'hazure.mahalanobis';

const schema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(1),
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

export interface MahalanobisOptions {
  /** Compare directions instead of vectors: rows are divided by their norm first. Default false. */
  readonly unitRows?: boolean;
}

/**
 * Squared Mahalanobis distance to the mean of the training rows under their Ledoit–Wolf covariance: what
 * scikit-learn's LedoitWolf.mahalanobis returns. Works with fewer rows than columns, and with one row.
 */
export class MahalanobisScorer implements Scorer {
  constructor(
    private readonly options: MahalanobisOptions = {},
    readonly name = 'mahalanobis',
  ) {}

  async fit(x: EmbeddingMatrix): Promise<FittedMahalanobis> {
    assertMatrix(x, { what: `${this.name} training rows`, minRows: 1 });
    const unit = this.options.unitRows ?? false;
    return new FittedMahalanobis(this.name, unit, shrunkGaussian(unit ? unitRows(x) : x));
  }
}

export class FittedMahalanobis implements FittedScorer {
  private product: TransposedProduct | undefined;

  constructor(
    readonly name: string,
    private readonly unit: boolean,
    readonly gaussian: ShrunkGaussian,
  ) {}

  get dimensions(): number {
    return this.gaussian.mean.length;
  }

  async score(x: EmbeddingMatrix): Promise<Float64Array> {
    assertMatrix(x, { what: `${this.name}: rows to score`, cols: this.dimensions });
    return this.squaredDistances(this.unit ? unitRows(x) : x);
  }

  private squaredDistances(x: EmbeddingMatrix): Float64Array {
    const { mean, factor, rank, isotropic, form } = this.gaussian;
    const d = this.dimensions;
    const triangular = form === 'full';
    const product = (this.product ??= new TransposedProduct('float64', factor, rank, d, (row) =>
      triangular ? row + 1 : d,
    ));
    const centred = new Float64Array(x.rows * d);
    for (let i = 0; i < x.rows; i++) {
      for (let j = 0; j < d; j++) centred[i * d + j] = x.data[i * d + j] - mean[j];
    }
    const scores = new Float64Array(x.rows);
    product.forEachBlock(centred, x.rows, (c, first, count) => {
      for (let r = 0; r < count; r++) {
        let explained = 0;
        for (let j = r * product.stride; j < r * product.stride + rank; j++) explained += c[j] * c[j];
        if (triangular) {
          scores[first + r] = explained;
          continue;
        }
        let square = 0;
        for (let j = (first + r) * d; j < (first + r + 1) * d; j++) square += centred[j] * centred[j];
        scores[first + r] = Math.max(0, square * isotropic - explained);
      }
    });
    return scores;
  }

  toJSON(): MahalanobisJSON {
    const { mean, factor, form, rank, isotropic, shrinkage, count } = this.gaussian;
    return {
      format: FORMAT,
      version: 1,
      name: this.name,
      dimensions: mean.length,
      trainingRows: count,
      unitRows: this.unit,
      shrinkage,
      form,
      rank,
      isotropic,
      mean: encodeFloats(mean),
      factor: encodeFloats(form === 'full' ? packLower(factor, rank) : factor),
    };
  }

  /** @throws ModelError for anything that `toJSON` could not have written. */
  static fromJSON(value: unknown): FittedMahalanobis {
    const json = parseModel(schema, value, 'mahalanobis model');
    const { dimensions: d, rank, form } = json;
    if (form === 'full' && rank !== d)
      parseModel(z.never(), rank, 'mahalanobis model: rank differs from dimensions');
    const packedLength = form === 'full' ? (d * (d + 1)) / 2 : rank * d;
    const packed = decodeFloat64(json.factor, packedLength, 'mahalanobis model: factor');
    return new FittedMahalanobis(json.name, json.unitRows, {
      mean: decodeFloat64(json.mean, d, 'mahalanobis model: mean'),
      factor: form === 'full' ? unpackLower(packed, d) : packed,
      form,
      rank,
      isotropic: json.isotropic,
      shrinkage: json.shrinkage,
      count: json.trainingRows,
    });
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
