import type { EmbeddingMatrix, MomentSums } from '@hazure/contracts';
import { blockSums, factorTall, ledoitWolf, selectRows, subtractSums } from '@hazure/numerics';
import { shrinkGram, withRidge } from './shrinkage.js';

/**
 * Judging some rows by a Gaussian fitted to others without fitting it: only their squared distances are wanted,
 * so neither an inverse nor a factor of the covariance's own size is made, and what the folds have in common (one
 * Gram matrix, one set of moment sums) comes from outside.
 */

/** Rows of one fold and all others; indices of the whole matrix. */
export interface Fold {
  /** Rows to judge. */
  readonly inside: Int32Array;
  /** Rows to fit to. */
  readonly outside: Int32Array;
}

/**
 * Least share of the spread about the common origin that must be left about the fold's own mean: below it,
 * taking away what is common costs more digits than fitting anew.
 */
const MIN_SPREAD_SHARE = 1e-4;

export interface GramFold extends Fold {
  /** n × n, row-major: products of all rows' differences from a common origin. */
  readonly gram: Float64Array;
  readonly rows: number;
  /** Columns of the rows themselves. */
  readonly cols: number;
  /** Rows are compared with the mean of their group: 0…groups − 1. */
  readonly groupOf: Int32Array;
  readonly groups: number;
  /** A group with fewer rows outside is left out. */
  readonly minGroupRows: number;
}

/** Indices into `rows` by group, without those of groups that are left out. */
function members(rows: Int32Array, groupOf: Int32Array, kept: (group: number) => boolean): number[] {
  return Array.from(rows.keys()).filter((i) => kept(groupOf[rows[i]]));
}

/**
 * Squared Mahalanobis distance of each inside row to the mean of its group, under the Ledoit–Wolf covariance of
 * the outside rows' differences from theirs; NaN for a group that is left out. For fewer rows than columns:
 * all of it comes from the Gram matrix, re-centred (Schölkopf, Smola & Müller, Nonlinear component analysis as a
 * kernel eigenvalue problem, 1998; here by groups).
 * Returns null where that would lose digits.
 */
export function gramFoldDistances(fold: GramFold): Float64Array | null {
  const { gram, rows, cols, groupOf, groups, minGroupRows } = fold;
  const sizes = new Int32Array(groups);
  for (const row of fold.outside) sizes[groupOf[row]]++;
  const kept = (group: number): boolean => sizes[group] >= Math.max(1, minGroupRows);
  const outside = Int32Array.from(members(fold.outside, groupOf, kept), (i) => fold.outside[i]);
  const judged = members(fold.inside, groupOf, kept);
  const distances = new Float64Array(fold.inside.length).fill(NaN);
  const n = outside.length;
  if (n === 0 || judged.length === 0) return distances;
  const chosen = Int32Array.from([...outside, ...judged.map((i) => fold.inside[i])]);

  // toGroup: mean product of each chosen row with the outside rows of each group; between: of each two groups.
  const toGroup = new Float64Array(chosen.length * groups);
  const between = new Float64Array(groups * groups);
  const groupAt = outside.map((row) => groupOf[row]);
  for (let i = 0; i < chosen.length; i++) {
    const from = chosen[i] * rows;
    const own = groupOf[chosen[i]];
    const means = toGroup.subarray(i * groups, (i + 1) * groups);
    for (let j = 0; j < n; j++) means[groupAt[j]] += gram[from + outside[j]];
    for (let g = 0; g < groups; g++) {
      if (sizes[g] > 0) means[g] /= sizes[g];
      if (i < n) between[own * groups + g] += means[g] / sizes[own];
    }
  }

  // The outside rows' products re-centred (lower half), on them the judged rows' products with them.
  const tall = new Float64Array(chosen.length * n);
  const ownTerms = new Float64Array(groups);
  let raw = 0;
  let trace = 0;
  let frobenius = 0;
  let fourth = 0;
  for (let i = 0; i < chosen.length; i++) {
    const own = groupOf[chosen[i]];
    const from = chosen[i] * rows;
    for (let g = 0; g < groups; g++) ownTerms[g] = between[own * groups + g] - toGroup[i * groups + g];
    const length = Math.min(n, i + 1);
    let squares = 0;
    for (let j = 0, at = i * n; j < length; j++, at++) {
      const value = gram[from + outside[j]] - toGroup[j * groups + own] + ownTerms[groupAt[j]];
      tall[at] = value;
      squares += value * value;
    }
    if (i >= n) continue;
    const diagonal = tall[i * n + i];
    raw += gram[from + outside[i]] / n;
    trace += diagonal / n;
    fourth += diagonal * diagonal;
    frobenius += (2 * squares - diagonal * diagonal) / (n * n);
  }
  if (!(trace > MIN_SPREAD_SHARE * raw)) return null;
  const { identity, kappa } = shrinkGram({ rows: n, cols, trace, frobenius, fourth });
  if (kappa < Infinity) {
    for (let i = 0; i < n; i++) tall[i * n + i] += kappa;
    if (!factorTall(tall, chosen.length, n)) return null;
  }
  judged.forEach((at, k) => {
    const row = chosen[n + k];
    const own = groupOf[row];
    let square = gram[row * (rows + 1)] - 2 * toGroup[(n + k) * groups + own] + between[own * groups + own];
    if (kappa < Infinity) {
      for (let j = (n + k) * n; j < (n + k + 1) * n; j++) square -= tall[j] * tall[j];
    }
    distances[at] = Math.max(0, square) / identity;
  });
  return distances;
}

export interface MomentFold extends Fold, EmbeddingMatrix {
  /** Of all rows, about `origin`. */
  readonly sums: MomentSums;
  readonly origin: Float64Array;
}

/**
 * Squared Mahalanobis distance of each inside row under mean and Ledoit–Wolf covariance of the outside rows, which
 * are all others. For as many rows as columns, or more: the outside rows' moments are those of all less those of
 * the inside ones. Returns null where that would lose digits.
 */
export function momentFoldDistances(fold: MomentFold): Float64Array | null {
  const { data, rows, cols: d, inside, sums, origin } = fold;
  const held = selectRows({ data, rows, cols: d }, inside);
  const { mean, covariance, trace, count } = ledoitWolf(subtractSums(sums, blockSums(held, origin)), origin);
  let raw = 0;
  for (let j = 0; j < d; j++) raw += sums.second[j * (d + 1)] / count;
  if (!(trace > MIN_SPREAD_SHARE * raw)) return null;
  const tall = withRidge(covariance, d, trace, (matrix) => {
    const stacked = new Float64Array((d + held.rows) * d);
    stacked.set(matrix);
    for (let at = 0; at < held.data.length; at++) stacked[d * d + at] = held.data[at] - mean[at % d];
    return factorTall(stacked, d + held.rows, d) ? stacked : null;
  });
  const distances = new Float64Array(held.rows);
  for (let i = 0; i < held.rows; i++) {
    for (let j = (d + i) * d; j < (d + i + 1) * d; j++) distances[i] += tall[j] * tall[j];
  }
  return distances;
}
