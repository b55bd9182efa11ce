import {
  assembleModule,
  f32,
  f64,
  FunctionBuilder,
  i32,
  valueTypes,
  withKernelMemory,
} from '@hazure/numerics';
import type { WasmModule } from '@hazure/numerics';
import { nodeDepths } from './tree.js';
import type { IsolationTree } from './tree.js';

/** A node in kernel memory: feature byte offset, threshold, address of the left child, unused. */
const NODE_BYTES = 16;
/** Rows walked side by side: their loads overlap, which hides the latency of each single walk. */
const LANES = 4;
/** Rows that all trees visit before the next rows: they stay in the second-level cache. */
const BLOCK_ROWS = 64;

/**
 * `walk(rows, groups, rowBytes, root, depth, values, out)`: adds the leaf values of `groups × LANES` rows to
 * out. Every walk takes exactly `depth` steps; a leaf points to itself, so no step depends on a branch.
 */
function walkFunction(): FunctionBuilder {
  const f = new FunctionBuilder();
  const [row, groups, rowBytes, root, depth, values, out] = Array.from({ length: 7 }, () =>
    f.param(valueTypes.i32),
  );
  const left = f.local(valueTypes.i32);
  const lanes = Array.from({ length: LANES }, () => ({
    node: f.local(valueTypes.i32),
    row: f.local(valueTypes.i32),
  }));
  f.body(
    f.doWhile(
      [
        ...lanes.flatMap((lane) => [
          f.set(lane.node, f.get(root)),
          f.set(lane.row, f.get(row)),
          f.set(row, i32.add(f.get(row), f.get(rowBytes))),
        ]),
        f.set(left, f.get(depth)),
        f.doWhile(
          [
            ...lanes.map((lane) => {
              const value = f32.load(i32.add(f.get(lane.row), i32.load(f.get(lane.node))));
              const goesRight = f32.gt(value, f32.load(f.get(lane.node), 4));
              return f.set(
                lane.node,
                i32.add(i32.load(f.get(lane.node), 8), i32.shl(goesRight, i32.const(4))),
              );
            }),
            f.set(left, i32.sub(f.get(left), i32.const(1))),
          ],
          f.get(left),
        ),
        ...lanes.map((lane, i) => {
          const leaf = f64.load(
            i32.add(f.get(values), i32.shrU(i32.sub(f.get(lane.node), f.get(root)), i32.const(1))),
          );
          return f64.store(f.get(out), f64.add(f64.load(f.get(out), i * 8), leaf), i * 8);
        }),
        f.set(out, i32.add(f.get(out), i32.const(LANES * 8))),
        f.set(groups, i32.sub(f.get(groups), i32.const(1))),
      ],
      f.get(groups),
    ),
  );
  return f;
}

type Walk = (
  rows: number,
  groups: number,
  rowBytes: number,
  root: number,
  depth: number,
  values: number,
  out: number,
) => void;

let compiled: WasmModule | undefined;

/** A forest in kernel form: plain arrays that can lie in shared memory. */
export interface PackedForest {
  /** NODE_BYTES per node as int32 words; child addresses count from the first node of the forest. */
  readonly nodes: Int32Array;
  /** Path length that ends at the node (leaves only): its depth + c(samples). */
  readonly leafValues: Float64Array;
  /** First node of each tree. */
  readonly roots: Uint32Array;
  readonly depths: Uint32Array;
}

export function packForest(
  trees: readonly IsolationTree[],
  leafCorrection: (samples: number) => number,
): PackedForest {
  const total = trees.reduce((sum, tree) => sum + tree.feature.length, 0);
  const nodes = new Int32Array(new SharedArrayBuffer(total * NODE_BYTES));
  const thresholds = new Float32Array(nodes.buffer);
  const leafValues = new Float64Array(new SharedArrayBuffer(total * 8));
  const roots = new Uint32Array(trees.length);
  const treeDepths = new Uint32Array(trees.length);
  let root = 0;
  trees.forEach((tree, t) => {
    const depths = nodeDepths(tree);
    roots[t] = root;
    for (let i = 0; i < depths.length; i++) {
      const word = (root + i) * (NODE_BYTES / 4);
      const leaf = tree.feature[i] < 0;
      nodes[word] = leaf ? 0 : tree.feature[i] * 4;
      thresholds[word + 1] = leaf ? Infinity : tree.threshold[i];
      nodes[word + 2] = (root + (leaf ? i : tree.left[i])) * NODE_BYTES;
      if (leaf) leafValues[root + i] = depths[i] + leafCorrection(tree.samples[i]);
      treeDepths[t] = Math.max(treeDepths[t], depths[i]);
    }
    root += depths.length;
  });
  return { nodes, leafValues, roots, depths: treeDepths };
}

/**
 * Sum over all trees of each row's path length. data: rows × cols, row-major; every value finite.
 * Memory: the forest (24 bytes a node) and one block of 64 rows.
 */
export function pathLengthSums(
  forest: PackedForest,
  data: Float32Array,
  rows: number,
  cols: number,
): Float64Array {
  compiled ??= assembleModule({ walk: walkFunction() });
  const module = compiled;
  return withKernelMemory((memory) => {
    const nodesAt = memory.reserve(forest.nodes.length * 4);
    const valuesAt = memory.reserve(forest.leafValues.length * 8);
    const rowsAt = memory.reserve(BLOCK_ROWS * cols * 4);
    const sumsAt = memory.reserve(BLOCK_ROWS * 8);
    const walk = memory.exportsOf(module)['walk'] as Walk;

    const nodes = memory.int32(nodesAt, forest.nodes.length);
    nodes.set(forest.nodes);
    for (let word = 2; word < nodes.length; word += NODE_BYTES / 4) nodes[word] += nodesAt;
    memory.float64(valuesAt, forest.leafValues.length).set(forest.leafValues);
    const block = memory.float32(rowsAt, BLOCK_ROWS * cols);
    const sums = memory.float64(sumsAt, BLOCK_ROWS);
    const result = new Float64Array(rows);
    for (let first = 0; first < rows; first += BLOCK_ROWS) {
      const count = Math.min(BLOCK_ROWS, rows - first);
      block.set(data.subarray(first * cols, (first + count) * cols));
      sums.fill(0);
      forest.roots.forEach((root, t) => {
        const depth = Math.max(1, forest.depths[t]);
        const groups = Math.ceil(count / LANES);
        walk(rowsAt, groups, cols * 4, nodesAt + root * NODE_BYTES, depth, valuesAt + root * 8, sumsAt);
      });
      result.set(sums.subarray(0, count), first);
    }
    return result;
  });
}
