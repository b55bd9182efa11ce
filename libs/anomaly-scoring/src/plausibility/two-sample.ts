import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { Random, rowOf, sampleWithoutReplacement, sorted, unitRows } from '@hazure/numerics';
import { relabel } from '../groups/union-find.js';
import { membersOf } from '../effective-sample.js';

/** A two-sample test's outcome. */
export interface TestResult {
  readonly statistic: number;
  /** Probability of so large a statistic were both samples of one source. */
  readonly pValue: number;
  /** What each side was worth in independent observations. */
  readonly effective: readonly [baseline: number, judged: number];
}

/** Two samples by group: rows of one group are never parted by a permutation. */
export interface GroupedSample {
  readonly baselineGroups?: ArrayLike<number>;
  readonly judgedGroups?: ArrayLike<number>;
  readonly seed?: number;
  /** Default 199: the smallest p-value is 1/200. */
  readonly permutations?: number;
}

const PERMUTATIONS = 199;
/** Groups of each side that are compared, one row of each; work grows with the square. */
const MOST_GROUPS = 300;

/** One random row of each of at most `most` random groups. */
function representatives(
  groups: ArrayLike<number> | undefined,
  rows: number,
  random: Random,
  most: number,
): number[] {
  const members = groups === undefined ? undefined : membersOf(relabel(groups as ArrayLike<number>));
  const count = members?.length ?? rows;
  const chosen = Array.from(sampleWithoutReplacement(random, count, most)).sort((a, b) => a - b);
  return chosen.map((group) => {
    if (members === undefined) return group;
    return members[group][random.nextInt(members[group].length)];
  });
}

/**
 * Energy test of two samples of embeddings (Székely & Rizzo, Energy statistics, 2013): twice the mean distance
 * between the samples less the mean distances within, on unit rows, with a permutation p-value (1 + #{≥}) / (B + 1),
 * exact for exchangeable observations. One row of each group enters, so that near-duplicates don't count as evidence;
 * at most 300 groups a side, drawn by the seed.
 * @throws InputError for differing widths or a side without rows
 */
export function energyTest(
  baseline: EmbeddingMatrix,
  judged: EmbeddingMatrix,
  options: GroupedSample = {},
): TestResult {
  if (baseline.cols !== judged.cols || baseline.rows === 0 || judged.rows === 0) {
    throw new InputError(
      'INPUT_INVALID',
      `drift: expected rows of one width, got ${baseline.rows} × ${baseline.cols} and ${judged.rows} × ${judged.cols}`,
    );
  }
  const { seed = 42, permutations = PERMUTATIONS } = options;
  const random = new Random(seed);
  const first = representatives(options.baselineGroups, baseline.rows, random, MOST_GROUPS);
  const second = representatives(options.judgedGroups, judged.rows, random, MOST_GROUPS);
  const n = first.length + second.length;
  const data = new Float32Array(n * baseline.cols);
  first.forEach((row, i) => data.set(rowOf(baseline, row), i * baseline.cols));
  second.forEach((row, i) => data.set(rowOf(judged, row), (first.length + i) * baseline.cols));
  const unit = unitRows({ data, rows: n, cols: baseline.cols });
  const distance = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const a = rowOf(unit, i);
    for (let j = 0; j < i; j++) {
      const b = rowOf(unit, j);
      let square = 0;
      for (let k = 0; k < a.length; k++) square += (a[k] - b[k]) ** 2;
      distance[i * n + j] = distance[j * n + i] = Math.sqrt(square);
    }
  }
  const order = Int32Array.from({ length: n }, (_, i) => i);
  const statistic = energy(distance, n, order, first.length);
  let atLeast = 0;
  for (let round = 0; round < permutations; round++) {
    random.shuffle(order);
    // Sums in another order differ by rounding: equal partitions must count as equal.
    if (energy(distance, n, order, first.length) >= statistic - 1e-12) atLeast++;
  }
  return {
    statistic,
    pValue: (1 + atLeast) / (permutations + 1),
    effective: [first.length, second.length],
  };
}

/** Energy statistic of the first `m` of `order` against the others. */
function energy(distance: Float64Array, n: number, order: Int32Array, m: number): number {
  const side = new Uint8Array(n);
  for (let i = m; i < n; i++) side[order[i]] = 1;
  const sums = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) sums[side[i] + side[j]] += distance[i * n + j];
  }
  const k = n - m;
  const within = (sum: number, count: number): number => (2 * sum) / (count * count);
  return ((2 * sums[1]) / (m * k) - within(sums[0], m) - within(sums[2], k)) * ((m * k) / n);
}

/**
 * Kolmogorov–Smirnov test of two samples of scores: the largest difference of their distribution functions, ties
 * included. p by the asymptotic distribution (Smirnov 1948, with Stephens' 1970 correction) of the effective numbers.
 * @param effective independent observations that each side is worth (default: all)
 */
export function kolmogorovSmirnov(
  baseline: ArrayLike<number>,
  judged: ArrayLike<number>,
  effective: readonly [number, number] = [baseline.length, judged.length],
): TestResult {
  if (baseline.length === 0 || judged.length === 0) {
    throw new InputError('INPUT_INVALID', 'drift: expected scores on both sides, got none on one');
  }
  const [a, b] = [sorted(baseline), sorted(judged)];
  let [i, j, statistic] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    const value = Math.min(a[i], b[j]);
    while (i < a.length && a[i] === value) i++;
    while (j < b.length && b[j] === value) j++;
    statistic = Math.max(statistic, Math.abs(i / a.length - j / b.length));
  }
  const root = Math.sqrt((effective[0] * effective[1]) / (effective[0] + effective[1]));
  return {
    statistic,
    pValue: kolmogorovTail((root + 0.12 + 0.11 / root) * statistic),
    effective,
  };
}

/** P(Kolmogorov's statistic > x). */
function kolmogorovTail(x: number): number {
  if (x < 0.2) return 1;
  let sum = 0;
  for (let k = 1, sign = 1; k <= 100; k++, sign = -sign) {
    const term = Math.exp(-2 * k * k * x * x);
    sum += sign * term;
    if (term < 1e-16) break;
  }
  return Math.min(1, Math.max(0, 2 * sum));
}

/**
 * Whether two samples have the same mix of classes: χ² of the table classes × samples, with a permutation p-value,
 * exact for small counts. One row of each group enters, drawn by the seed.
 */
export function classMixTest(
  baseline: readonly string[],
  judged: readonly string[],
  options: GroupedSample = {},
): TestResult {
  if (baseline.length === 0 || judged.length === 0) {
    throw new InputError('INPUT_INVALID', 'drift: expected classes on both sides, got none on one');
  }
  const { seed = 42, permutations = PERMUTATIONS } = options;
  const random = new Random(seed);
  const first = representatives(options.baselineGroups, baseline.length, random, baseline.length);
  const second = representatives(options.judgedGroups, judged.length, random, judged.length);
  const classes = relabel([...first.map((row) => baseline[row]), ...second.map((row) => judged[row])]);
  const totals = new Float64Array(classes.reduce((most, c) => Math.max(most, c + 1), 0));
  classes.forEach((c) => totals[c]++);
  const share = first.length / classes.length;
  const statisticOf = (): number => {
    const seen = new Float64Array(totals.length);
    for (let i = 0; i < first.length; i++) seen[classes[i]]++;
    return totals.reduce(
      (sum, total, c) => sum + (seen[c] - total * share) ** 2 / (total * share * (1 - share)),
      0,
    );
  };
  const statistic = statisticOf();
  let atLeast = 0;
  for (let round = 0; round < permutations; round++) {
    random.shuffle(classes);
    if (statisticOf() >= statistic - 1e-9) atLeast++;
  }
  return {
    statistic,
    pValue: (1 + atLeast) / (permutations + 1),
    effective: [first.length, second.length],
  };
}
