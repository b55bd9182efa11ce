import type { EmbeddingMatrix } from '@hazure/contracts';
import { assertMatrix, forEachRowBlock } from '@hazure/numerics';
import type { ForestParts } from './forest-parts.js';
import { forestFromJSON, forestToJSON } from './forest-json.js';
import type { ForestJSON } from './forest-json.js';
import { pathLengthTask, sumPathLengths } from './kernel-tasks.js';
import { averagePathLength } from './path-length.js';
import { packForest, pathLengthSums } from './traversal-kernel.js';
import type { PackedForest } from './traversal-kernel.js';
import type { IsolationTree } from './tree.js';

export interface ThreadOptions {
  /** Worker threads; 1 computes in this thread. Default: all usable cores. */
  readonly threads?: number;
}

/** Rows that go to a worker at a time. */
const PARALLEL_BLOCK_ROWS = 4096;

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

  /**
   * The same values as `scoreSamples`, computed in worker threads: blocks of rows go out, scores come back; x is
   * copied block by block unless it lies in shared memory.
   */
  async scoreSamplesParallel(x: EmbeddingMatrix, { threads }: ThreadOptions = {}): Promise<Float64Array> {
    assertMatrix(x, { what: 'rows to score', cols: this.dimensions });
    const forest = this.pack();
    const sums = new Float64Array(x.rows);
    const operationsPerRow = forest.depths.reduce((sum, depth) => sum + depth, 0);
    await forEachRowBlock(
      x,
      { forest },
      pathLengthTask,
      sumPathLengths,
      { blockRows: PARALLEL_BLOCK_ROWS, operationsPerRow, ...(threads === undefined ? {} : { threads }) },
      (part, first) => sums.set(part, first),
    );
    return this.scoresFromPathLengths(sums);
  }

  /** In place. */
  private scoresFromPathLengths(sums: Float64Array): Float64Array {
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
