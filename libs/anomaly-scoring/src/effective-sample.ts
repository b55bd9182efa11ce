import { InputError } from '@hazure/contracts';
import { averageRanks } from '@hazure/numerics';

/** How many independent observations dependent scores are worth. */
export interface EffectiveSample {
  readonly rows: number;
  readonly groups: number;
  readonly largestGroup: number;
  /** Correlation of the ranks of two scores of one group, 0…1; 0 where no group has two rows. */
  readonly intraGroupCorrelation: number;
  /** Between `groups` (members say all the same) and `rows` (members say nothing of each other). */
  readonly effectiveRows: number;
  /** One per row, in (0, 1]; they sum to `effectiveRows`. */
  readonly weights: Float64Array;
}

/** Rows of each group, in the order in which groups first appear. */
export function membersOf(groups: ArrayLike<number>): number[][] {
  const rowsOf = new Map<number, number[]>();
  for (let i = 0; i < groups.length; i++) {
    const rows = rowsOf.get(groups[i]);
    if (rows) rows.push(i);
    else rowsOf.set(groups[i], [i]);
  }
  return [...rowsOf.values()];
}

/**
 * Correlation of the ranks of scores within groups: mean product of two members' centred ranks over the mean square
 * (pairwise estimator, each row with the same weight). Ranks, because scores may have any scale and tail.
 */
function intraGroupCorrelation(scores: ArrayLike<number>, groups: ArrayLike<number>): number {
  const n = scores.length;
  const ranks = new Float64Array(n);
  averageRanks(scores).forEach((rank, row) => (ranks[row] = (rank - 0.5) / n - 0.5));
  let [products, paired, squares] = [0, 0, 0];
  for (const rows of membersOf(groups)) {
    let [sum, own] = [0, 0];
    for (const row of rows) {
      sum += ranks[row];
      own += ranks[row] * ranks[row];
    }
    squares += own;
    if (rows.length < 2) continue;
    products += (sum * sum - own) / (rows.length - 1);
    paired += rows.length;
  }
  if (paired === 0 || squares === 0) return 0;
  return Math.min(1, Math.max(0, products / paired / (squares / n)));
}

/**
 * Effective sample size of scores that depend on each other within groups. A group of m rows with correlation ρ
 * counts m / (1 + (m − 1) ρ) rows (Kish's design effect, Survey Sampling, 1965), and each of its rows an equal share.
 * @param scores one per row
 * @param groups group label of each row; equal labels depend on each other, different ones don't
 * @throws InputError when the lengths differ
 */
export function effectiveSample(scores: ArrayLike<number>, groups: ArrayLike<number>): EffectiveSample {
  if (scores.length !== groups.length) {
    throw new InputError(
      'INPUT_INVALID',
      `groups: expected one per score (${scores.length}), got ${groups.length}`,
    );
  }
  const members = membersOf(groups);
  const correlation = intraGroupCorrelation(scores, groups);
  const weights = new Float64Array(scores.length);
  let effectiveRows = 0;
  let largestGroup = 0;
  for (const rows of members) {
    const weight = 1 / (1 + (rows.length - 1) * correlation);
    for (const row of rows) weights[row] = weight;
    effectiveRows += rows.length * weight;
    largestGroup = Math.max(largestGroup, rows.length);
  }
  return {
    rows: scores.length,
    groups: members.length,
    largestGroup,
    intraGroupCorrelation: correlation,
    effectiveRows,
    weights,
  };
}
