import { ConfigError, InputError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { assertMatrix, quantile, Random } from '@hazure/numerics';
import { forestFromJSON, forestToJSON } from './forest-json.js';
import type { ForestJSON } from './forest-json.js';
import { averagePathLength } from './path-length.js';
import { packForest, pathLengthSums } from './traversal-kernel.js';
import type { PackedForest } from './traversal-kernel.js';
import { drawTreeInputs, growTree } from './tree.js';
import type { IsolationTree } from './tree.js';

export interface IsolationForestOptions {
  /** Number of trees (scikit-learn's n_estimators). Default 100. */
  readonly trees?: number;
  /** Rows per tree: a number, a share of the rows in (0, 1), or `auto` = min(256, rows). 1 means one row. */
  readonly maxSamples?: number | 'auto';
  /** Columns per tree: 1 or less is a share of the columns, more is a number of columns. Default 1 = all. */
  readonly maxFeatures?: number;
  /** Share of outliers expected among the training rows, 0 < c ≤ 0.5; `auto` sets the offset to −0.5. Default 0.1. */
  readonly contamination?: number | 'auto';
  /** Same seed, same data: same forest. Default 42. */
  readonly seed?: number;
}

/** What a forest is made of; see `IsolationForest.fromJSON` for the safe way from a file. */
export interface ForestParts {
  readonly trees: readonly IsolationTree[];
  readonly dimensions: number;
  /** Rows drawn for each tree. */
  readonly samplesPerTree: number;
  readonly contamination: number | 'auto';
  /** Threshold on score_samples below which a row is an outlier. */
  readonly offset: number;
  readonly seed: number;
}

/**
 * A fitted isolation forest (Liu, Ting & Zhou 2008) with scikit-learn's definitions: scores are −2^(−E[h]/c),
 * between −1 (isolated at once) and 0; lower is more anomalous.
 */
export class IsolationForest implements ForestParts {
  readonly trees: readonly IsolationTree[];
  readonly dimensions: number;
  readonly samplesPerTree: number;
  readonly contamination: number | 'auto';
  readonly offset: number;
  readonly seed: number;
  private packed: PackedForest | undefined;

  constructor(parts: ForestParts) {
    this.trees = parts.trees;
    this.dimensions = parts.dimensions;
    this.samplesPerTree = parts.samplesPerTree;
    this.contamination = parts.contamination;
    this.offset = parts.offset;
    this.seed = parts.seed;
  }

  /** The forest as flat arrays over shared memory, for worker threads. */
  pack(): PackedForest {
    return (this.packed ??= packForest(this.trees, averagePathLength));
  }

  /**
   * scikit-learn's score_samples, one value per row, in [−1, 0].
   * @throws InputError when the width differs or a value is NaN or infinite.
   */
  scoreSamples(x: EmbeddingMatrix): Float64Array {
    assertMatrix(x, { what: 'rows to score', cols: this.dimensions });
    return this.scoresFromPathLengths(pathLengthSums(this.pack(), x.data, x.rows, x.cols));
  }

  /** Scores from summed path lengths (in place). */
  scoresFromPathLengths(sums: Float64Array): Float64Array {
    const normaliser = this.trees.length * averagePathLength(this.samplesPerTree);
    // One row per tree: c = 0; scikit-learn counts the path as being of normal length there.
    for (let i = 0; i < sums.length; i++) sums[i] = -(2 ** -(normaliser === 0 ? 1 : sums[i] / normaliser));
    return sums;
  }

  /** score_samples − offset; negative means outlier. */
  decisionFunction(x: EmbeddingMatrix): Float64Array {
    return this.scoreSamples(x).map((score) => score - this.offset);
  }

  /** −1 for outliers, 1 for inliers. */
  predict(x: EmbeddingMatrix): Int8Array {
    return Int8Array.from(this.decisionFunction(x), (value) => (value < 0 ? -1 : 1));
  }

  toJSON(): ForestJSON {
    return forestToJSON(this);
  }

  /**
   * Reads what `toJSON` wrote. Nothing is executed and nothing is trusted: shape, sizes, indices and numbers
   * are checked before anything is built.
   * @throws ModelError (MODEL_INVALID, MODEL_UNSUPPORTED).
   */
  static fromJSON(value: unknown): IsolationForest {
    return new IsolationForest(forestFromJSON(value));
  }
}

function resolveCount(name: string, value: number, all: number): number {
  const count = Number.isInteger(value) && value >= 1 ? value : Math.trunc(value * all);
  if (!(value > 0) || !Number.isFinite(value) || (value > 1 && !Number.isInteger(value))) {
    throw new ConfigError(`${name}: expected a whole number ≥ 1 or a share in (0, 1), got ${value}`);
  }
  return Math.min(all, Math.max(1, count));
}

function assertTrees(trees: number): void {
  if (Number.isInteger(trees) && trees >= 1 && trees <= 100_000) return;
  throw new ConfigError(`trees: expected a whole number in 1…100000, got ${trees}`);
}

export function assertContamination(contamination: number | 'auto'): void {
  if (contamination === 'auto' || (contamination > 0 && contamination <= 0.5)) return;
  throw new ConfigError(`contamination: expected 'auto' or a number in (0, 0.5], got ${contamination}`);
}

/** scikit-learn's offset_: −0.5, or the contamination quantile of the training scores. */
export function offsetOf(contamination: number | 'auto', trainingScores: () => Float64Array): number {
  return contamination === 'auto' ? -0.5 : quantile(trainingScores(), contamination);
}

/** Grows the trees only; the offset is left at −0.5. */
export function growForest(x: EmbeddingMatrix, options: IsolationForestOptions = {}): IsolationForest {
  const {
    trees: count = 100,
    maxSamples = 'auto',
    maxFeatures = 1,
    contamination = 0.1,
    seed = 42,
  } = options;
  assertTrees(count);
  assertContamination(contamination);
  if (!Number.isSafeInteger(seed)) throw new ConfigError(`seed: expected a whole number, got ${seed}`);
  if (x.rows < 1)
    throw new InputError('INPUT_EMPTY', 'isolation forest: expected at least one training row, got none');
  const samplesPerTree =
    maxSamples === 'auto' ? Math.min(256, x.rows) : resolveCount('maxSamples', maxSamples, x.rows);
  const columns = maxFeatures === 1 ? x.cols : resolveCount('maxFeatures', maxFeatures, x.cols);
  const maxDepth = Math.ceil(Math.log2(Math.max(samplesPerTree, 2)));
  const root = new Random(seed);
  const trees = Array.from({ length: count }, (_, t) => {
    const random = root.fork(t);
    const inputs = drawTreeInputs(random, x.rows, samplesPerTree, x.cols, columns);
    return growTree(x, inputs.sample, inputs.columns, maxDepth, random);
  });
  return new IsolationForest({
    trees,
    dimensions: x.cols,
    samplesPerTree,
    contamination,
    offset: -0.5,
    seed,
  });
}

/**
 * Fits a forest to x (rows × cols).
 * @throws InputError for no rows or values that are not finite; ConfigError for options out of range.
 */
export function fitIsolationForest(
  x: EmbeddingMatrix,
  options: IsolationForestOptions = {},
): IsolationForest {
  assertMatrix(x, { what: 'isolation forest training rows', minRows: 1 });
  const forest = growForest(x, options);
  return new IsolationForest({
    ...forest,
    offset: offsetOf(forest.contamination, () => forest.scoreSamples(x)),
  });
}
