import { ConfigError, InputError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { assertMatrix, gatherRows, quantile, Random } from '@hazure/numerics';
import type { RowStream } from '@hazure/numerics';
import { IsolationForest } from './forest.js';
import type { ThreadOptions } from './forest.js';
import { drawTreeInputs, growTree } from './tree.js';
import type { TreeInputs } from './tree.js';

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

function resolveCount(name: string, value: number, all: number): number {
  if (!(value > 0) || !Number.isFinite(value) || (value > 1 && !Number.isInteger(value))) {
    throw new ConfigError(`${name}: expected a whole number ≥ 1 or a share in (0, 1), got ${value}`);
  }
  return Math.min(all, Math.max(1, value >= 1 ? value : Math.trunc(value * all)));
}

function assertContamination(contamination: number | 'auto'): void {
  if (contamination === 'auto' || (contamination > 0 && contamination <= 0.5)) return;
  throw new ConfigError(`contamination: expected 'auto' or a number in (0, 0.5], got ${contamination}`);
}

/** Options with every default and every bound applied to data of a shape. */
interface ForestPlan {
  readonly samplesPerTree: number;
  readonly maxDepth: number;
  readonly contamination: number | 'auto';
  readonly seed: number;
  /** Rows and columns of each tree, and the generator that goes on to grow it. */
  readonly inputs: readonly TreeInputs[];
}

function planForest(rows: number, cols: number, options: IsolationForestOptions): ForestPlan {
  const { trees = 100, maxSamples = 'auto', maxFeatures = 1, contamination = 0.1, seed = 42 } = options;
  if (!Number.isInteger(trees) || trees < 1 || trees > 100_000) {
    throw new ConfigError(`trees: expected a whole number in 1…100000, got ${trees}`);
  }
  assertContamination(contamination);
  if (!Number.isSafeInteger(seed)) throw new ConfigError(`seed: expected a whole number, got ${seed}`);
  if (rows < 1)
    throw new InputError('INPUT_EMPTY', 'isolation forest: expected at least one training row, got none');
  const samplesPerTree =
    maxSamples === 'auto' ? Math.min(256, rows) : resolveCount('maxSamples', maxSamples, rows);
  const columns = maxFeatures === 1 ? cols : resolveCount('maxFeatures', maxFeatures, cols);
  const root = new Random(seed);
  return {
    samplesPerTree,
    maxDepth: Math.ceil(Math.log2(Math.max(samplesPerTree, 2))),
    contamination,
    seed,
    inputs: Array.from({ length: trees }, (_, t) =>
      drawTreeInputs(root.fork(t), rows, samplesPerTree, cols, columns),
    ),
  };
}

/** Grows the planned trees; `sampleOf` gives a tree's rows as indices into x. */
function growForest(
  plan: ForestPlan,
  x: EmbeddingMatrix,
  sampleOf: (inputs: TreeInputs) => Int32Array,
): IsolationForest {
  const { samplesPerTree, maxDepth, contamination, seed, inputs } = plan;
  const trees = inputs.map((tree) => growTree(x, sampleOf(tree), tree.columns, maxDepth, tree.random));
  return new IsolationForest({
    trees,
    dimensions: x.cols,
    samplesPerTree,
    contamination,
    offset: -0.5,
    seed,
  });
}

/** scikit-learn's offset_: the contamination quantile of the training scores. */
function withOffset(forest: IsolationForest, contamination: number, scores: Float64Array): IsolationForest {
  return new IsolationForest({ ...forest, offset: quantile(scores, contamination) });
}

/**
 * Fits a forest to x (rows × cols) in this thread.
 * @throws InputError for no rows or values that are not finite; ConfigError for options out of range.
 */
export function fitIsolationForest(
  x: EmbeddingMatrix,
  options: IsolationForestOptions = {},
): IsolationForest {
  assertMatrix(x, { what: 'isolation forest training rows', minRows: 1 });
  const plan = planForest(x.rows, x.cols, options);
  const forest = growForest(plan, x, (inputs) => inputs.sample);
  const { contamination } = plan;
  return contamination === 'auto' ? forest : withOffset(forest, contamination, forest.scoreSamples(x));
}

/** `fitIsolationForest`, with the scores behind the offset computed in worker threads: the same forest. */
export async function fitIsolationForestParallel(
  x: EmbeddingMatrix,
  options: IsolationForestOptions & ThreadOptions = {},
): Promise<IsolationForest> {
  const { contamination = 0.1 } = options;
  assertContamination(contamination);
  const forest = fitIsolationForest(x, { ...options, contamination: 'auto' });
  if (contamination === 'auto') return forest;
  const fitted = new IsolationForest({ ...forest, contamination });
  return withOffset(fitted, contamination, await fitted.scoreSamplesParallel(x, options));
}

/**
 * Fits to rows that need not fit into memory: one pass gathers the rows that the trees drew (at most
 * trees × maxSamples of them), a second one scores all rows for the offset unless contamination is `auto`.
 * Gives the same forest as `fitIsolationForest` on the same rows.
 * Memory: the drawn rows, one block, and 8 bytes a row for the offset.
 */
export async function fitIsolationForestStream(
  stream: RowStream,
  options: IsolationForestOptions & ThreadOptions = {},
): Promise<IsolationForest> {
  const plan = planForest(stream.rows, stream.cols, options);
  const drawn = new Set<number>();
  for (const { sample } of plan.inputs) for (const row of sample) drawn.add(row);
  const ascending = Int32Array.from(drawn).sort();
  const positions = new Map(Array.from(ascending, (row, position) => [row, position]));
  const x = await gatherRows(stream, ascending, 'isolation forest training rows');
  const forest = growForest(plan, x, ({ sample }) => sample.map((row) => positions.get(row) as number));
  const { contamination } = plan;
  if (contamination === 'auto') return forest;
  const scores = new Float64Array(stream.rows);
  let first = 0;
  for await (const block of stream.blocks()) {
    scores.set(await forest.scoreSamplesParallel(block, options), first);
    first += block.rows;
  }
  return withOffset(forest, contamination, scores);
}
