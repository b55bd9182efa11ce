import type { EmbeddingMatrix, MatrixAccelerator } from '@hazure/contracts';
import { sliceRows, unitRows, withTransposedProduct } from '@hazure/numerics';
import type { ShrunkGaussian } from './gaussian-model.js';

/** What scoring needs of a fitted Gaussian; its arrays lie in shared memory. */
export type GaussianModel = Pick<ShrunkGaussian, 'mean' | 'form' | 'rank' | 'factor' | 'isotropic'> & {
  /** Rows are divided by their norm first. */
  readonly unit: boolean;
};

/** Rows whose differences from the mean are held in float64 at a time. */
const CENTRED_ROWS = 512;

/**
 * Squared Mahalanobis distance of each row (float64). x: rows × d, finite.
 * Memory: the model's factor and 512 rows.
 */
export function gaussianDistances(model: GaussianModel, x: EmbeddingMatrix): Float64Array {
  const { mean, factor, rank, isotropic } = model;
  const d = mean.length;
  const triangular = model.form === 'full';
  const scores = new Float64Array(x.rows);
  const source = model.unit ? unitRows(x).data : x.data;
  const centred = new Float64Array(Math.min(CENTRED_ROWS, x.rows) * d);
  const depthOf = triangular ? (row: number): number => row + 1 : (): number => d;
  withTransposedProduct('float64', factor, rank, d, { depthOf }, (product) => {
    for (let from = 0; from < x.rows; from += CENTRED_ROWS) {
      const rows = Math.min(CENTRED_ROWS, x.rows - from);
      for (let i = 0; i < rows; i++) {
        const at = (from + i) * d;
        let square = 0;
        for (let j = 0; j < d; j++) {
          const value = source[at + j] - mean[j];
          centred[i * d + j] = value;
          square += value * value;
        }
        if (!triangular) scores[from + i] = isotropic * square;
      }
      product.forEachBlock(centred, rows, (c, first, count) => {
        for (let r = 0; r < count; r++) {
          let explained = 0;
          for (let j = r * product.stride; j < r * product.stride + rank; j++) explained += c[j] * c[j];
          const at = from + first + r;
          scores[at] = triangular ? explained : Math.max(0, scores[at] - explained);
        }
      });
    }
  });
  return scores;
}

/** Rows whose transforms are held at a time. */
const TRANSFORM_ROWS = 4096;

/** The same by an accelerator, within rounding. x: rows divided by their norm already where the model wants that. */
export async function transformedDistances(
  { mean, factor, rank, isotropic, form }: Omit<GaussianModel, 'unit'>,
  x: EmbeddingMatrix,
  accelerator: MatrixAccelerator,
): Promise<Float64Array> {
  const d = mean.length;
  const triangular = form === 'full';
  const scores = new Float64Array(x.rows);
  for (let from = 0; from < x.rows; from += TRANSFORM_ROWS) {
    const rows = sliceRows(x, from, Math.min(x.rows, from + TRANSFORM_ROWS));
    const transformed = await accelerator.transform({ rows, origin: mean, factor, rank, triangular });
    for (let i = 0; i < rows.rows; i++) {
      let explained = 0;
      for (let j = i * rank; j < (i + 1) * rank; j++) explained += transformed[j] * transformed[j];
      let square = 0;
      if (!triangular) {
        for (let j = 0, at = i * d; j < d; j++, at++) square += (rows.data[at] - mean[j]) ** 2;
      }
      scores[from + i] = triangular ? explained : Math.max(0, isotropic * square - explained);
    }
  }
  return scores;
}
