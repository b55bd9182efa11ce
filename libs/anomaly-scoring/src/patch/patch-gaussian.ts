import { InputError } from '@hazure/contracts';
import type { MatrixAccelerator } from '@hazure/contracts';
import { inverseCholesky, ledoitWolf } from '@hazure/numerics';
import { withRidge } from '../shrinkage.js';
import { cellsOf } from './patch-maps.js';
import type { MapShape, PatchMaps } from './patch-maps.js';
import type { PatchMoments } from './patch-moments.js';

/**
 * A Gaussian over the cells of feature maps: d²(x) = ‖F (x − mean)‖².
 *
 * - `position`: mean and covariance of each position by itself (PaDiM, Defard et al., arXiv 2011.08785): for aligned
 *   images, where what is normal depends on where.
 * - `shared`: a mean of each position, one covariance of what is left. For aligned images that are too few for a
 *   covariance a position.
 * - `free`: one mean and covariance of all cells wherever they lie: for images that are not aligned.
 */
export type GaussianForm = 'position' | 'shared' | 'free';

export interface PatchGaussian {
  readonly form: GaussianForm;
  readonly shape: MapShape;
  /** Images it was fitted to. */
  readonly count: number;
  /** d values, for `position` and `shared` those of every position. */
  readonly means: Float64Array;
  /** d × d lower triangular inverse Cholesky factor, row-major; for `position` one of every position. */
  readonly factors: Float64Array;
}

/**
 * Weight of the common covariance beside a position's own, in images: a position's covariance is
 * (own·n + common·PRIOR_IMAGES·d) / (n + PRIOR_IMAGES·d), as with an inverse Wishart prior. A covariance of d columns
 * from n ≪ d images says little by itself.
 */
const PRIOR_SHARE = 1;

/**
 * Fits a Gaussian from the sums of n ≥ 2 maps; nothing else is looked at.
 *
 * @throws InputError for fewer than 2 maps
 */
export function fitPatchGaussian(moments: PatchMoments, form: GaussianForm): PatchGaussian {
  const { shape, origin, count } = moments;
  if (count < 2) {
    throw new InputError(
      'BASELINE_TOO_SMALL',
      `patch models: expected at least 2 maps to fit to, got ${count}`,
    );
  }
  if (form === 'free') {
    const { mean, covariance, trace } = ledoitWolf(moments.overall(), origin);
    return { form, shape, count, means: mean, factors: factorOf(covariance, origin.length, trace) };
  }
  const { means, within } = withinPositions(moments);
  return form === 'shared'
    ? { form, shape, count, means, factors: sharedFactor(within, moments) }
    : { form, shape, count, means, factors: positionFactors(within, moments) };
}

/** Means of the positions, and the mean covariance about them (n − 1 degrees of freedom a position). */
function withinPositions(moments: PatchMoments): { means: Float64Array; within: Float64Array } {
  const { positions, origin, count } = moments;
  const d = origin.length;
  const means = new Float64Array(positions * d);
  const within = new Float64Array(d * d);
  const share = 1 / (positions * (count - 1));
  for (let p = 0; p < positions; p++) {
    const { first, second } = moments.at(p);
    for (let i = 0; i < d; i++) {
      means[p * d + i] = origin[i] + first[i] / count;
      for (let j = 0; j < d; j++) {
        within[i * d + j] += (second[i * d + j] - (first[i] * first[j]) / count) * share;
      }
    }
  }
  return { means, within };
}

/** Least share of the mean variance on the diagonal of the common covariance: columns may be constant. */
const RIDGE_SHARE = 1e-3;

function ridged(within: Float64Array, d: number): { matrix: Float64Array; trace: number } {
  const matrix = within.slice();
  let trace = 0;
  for (let i = 0; i < d; i++) trace += matrix[i * (d + 1)];
  for (let i = 0; i < d; i++) matrix[i * (d + 1)] += (RIDGE_SHARE * trace) / d;
  return { matrix, trace };
}

function sharedFactor(within: Float64Array, { origin }: PatchMoments): Float64Array {
  const { matrix, trace } = ridged(within, origin.length);
  return factorOf(matrix, origin.length, trace);
}

function positionFactors(within: Float64Array, moments: PatchMoments): Float64Array {
  const { positions, origin, count } = moments;
  const d = origin.length;
  const { matrix: common, trace: commonTrace } = ridged(within, d);
  const factors = new Float64Array(positions * d * d);
  const prior = PRIOR_SHARE * d;
  const own = 1 / (count - 1 + prior);
  for (let p = 0; p < positions; p++) {
    const { first, second } = moments.at(p);
    const covariance = new Float64Array(d * d);
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) {
        const scatter = second[i * d + j] - (first[i] * first[j]) / count;
        covariance[i * d + j] = (scatter + prior * common[i * d + j]) * own;
      }
    }
    factors.set(factorOf(covariance, d, commonTrace), p * d * d);
  }
  return factors;
}

/** Inverse Cholesky factor; of maps that never vary, that of the identity: any difference is then far. */
function factorOf(covariance: Float64Array, d: number, trace: number): Float64Array {
  if (trace > 0) return withRidge(covariance, d, trace, (matrix) => inverseCholesky(matrix, d));
  const identity = new Float64Array(d * d);
  for (let i = 0; i < d; i++) identity[i * (d + 1)] = 1;
  return identity;
}

/** Squared Mahalanobis distance of every cell: count·height·width values, map by map, row by row. */
export async function gaussianDistances(
  model: PatchGaussian,
  maps: PatchMaps,
  accelerator: MatrixAccelerator,
): Promise<Float64Array> {
  if (model.form !== 'free') return positionDistances(model, maps);
  const { rows, cols } = cellsOf(maps);
  const whitened = await accelerator.transform({
    rows: cellsOf(maps),
    origin: model.means,
    factor: model.factors,
    rank: cols,
    triangular: true,
  });
  const distances = new Float64Array(rows);
  for (let row = 0, at = 0; row < rows; row++) {
    let sum = 0;
    for (const end = at + cols; at < end; at++) sum += whitened[at] * whitened[at];
    distances[row] = sum;
  }
  return distances;
}

function positionDistances({ form, means, factors, shape }: PatchGaussian, maps: PatchMaps): Float64Array {
  const d = shape.channels;
  const positions = shape.height * shape.width;
  const distances = new Float64Array(maps.count * positions);
  const y = new Float64Array(d);
  // Position by position: its factor stays in the cache for all maps.
  for (let p = 0; p < positions; p++) {
    const base = form === 'position' ? p * d * d : 0;
    for (let map = 0; map < maps.count; map++) {
      const from = (map * positions + p) * d;
      for (let i = 0; i < d; i++) y[i] = maps.data[from + i] - means[p * d + i];
      let square = 0;
      for (let i = 0; i < d; i++) {
        let value = 0;
        const row = base + i * d;
        for (let j = 0; j <= i; j++) value += factors[row + j] * y[j];
        square += value * value;
      }
      distances[map * positions + p] = square;
    }
  }
  return distances;
}
