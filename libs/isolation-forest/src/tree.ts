import type { EmbeddingMatrix } from '@hazure/contracts';
import { sampleWithoutReplacement } from '@hazure/numerics';
import type { Random } from '@hazure/numerics';

/**
 * One isolation tree, breadth first: the children of an inner node stand side by side after their parent.
 * A row goes left when its value of `feature` is ≤ `threshold`.
 */
export interface IsolationTree {
  /** Column that a node splits on; −1 for a leaf. */
  readonly feature: Int32Array;
  /** Split value; 0 for a leaf. */
  readonly threshold: Float32Array;
  /** Index of the left child, the right one follows; 0 for a leaf. */
  readonly left: Uint32Array;
  /** Training rows that reached the node. */
  readonly samples: Uint32Array;
}

/** A feature counts as constant when its values lie this close together (scikit-learn's FEATURE_THRESHOLD). */
const CONSTANT_RANGE = 1e-7;

/** Largest float32 ≤ value: `x <= value` and `x <= floorToFloat32(value)` agree for every float32 x. */
function floorToFloat32(value: number): number {
  const rounded = Math.fround(value);
  if (rounded <= value) return rounded;
  const bits = new DataView(new ArrayBuffer(4));
  bits.setFloat32(0, rounded);
  const next = bits.getInt32(0);
  bits.setInt32(0, rounded > 0 ? next - 1 : rounded === 0 ? -0x7fffffff : next + 1);
  return bits.getFloat32(0);
}

/**
 * Grows one tree on the given rows as scikit-learn does: at each node features are drawn without replacement
 * until one is not constant, the threshold is uniform between its extremes, and growth ends at `maxDepth`, at
 * a single row, or where all features are constant. `columns`: the features this tree may use.
 */
export function growTree(
  x: EmbeddingMatrix,
  sample: Int32Array,
  columns: Int32Array,
  maxDepth: number,
  random: Random,
): IsolationTree {
  const { data, cols } = x;
  const rows = sample.slice();
  const capacity = 2 * rows.length - 1;
  const feature = new Int32Array(capacity).fill(-1);
  const threshold = new Float32Array(capacity);
  const left = new Uint32Array(capacity);
  const samples = new Uint32Array(capacity);
  const starts = new Uint32Array(capacity);
  const depths = new Uint16Array(capacity);
  samples[0] = rows.length;
  let nodes = 1;
  const candidates = columns.slice();

  for (let node = 0; node < nodes; node++) {
    const start = starts[node];
    const end = start + samples[node];
    if (depths[node] >= maxDepth || end - start < 2) continue;
    for (let drawn = 0; drawn < candidates.length; drawn++) {
      const pick = drawn + random.nextInt(candidates.length - drawn);
      const column = candidates[pick];
      candidates[pick] = candidates[drawn];
      candidates[drawn] = column;
      let min = Infinity;
      let max = -Infinity;
      for (let i = start; i < end; i++) {
        const value = data[rows[i] * cols + column];
        if (value < min) min = value;
        if (value > max) max = value;
      }
      if (max <= min + CONSTANT_RANGE) continue;
      let split = floorToFloat32(min + random.next() * (max - min));
      if (split >= max) split = min;
      let middle = start;
      for (let i = start; i < end; i++) {
        const row = rows[i];
        if (data[row * cols + column] <= split) {
          rows[i] = rows[middle];
          rows[middle++] = row;
        }
      }
      feature[node] = column;
      threshold[node] = split;
      left[node] = nodes;
      starts[nodes] = start;
      samples[nodes] = middle - start;
      starts[nodes + 1] = middle;
      samples[nodes + 1] = end - middle;
      depths[nodes] = depths[nodes + 1] = depths[node] + 1;
      nodes += 2;
      break;
    }
  }
  return {
    feature: feature.slice(0, nodes),
    threshold: threshold.slice(0, nodes),
    left: left.slice(0, nodes),
    samples: samples.slice(0, nodes),
  };
}

/**
 * `count` distinct integers of [0, n). Small shares are drawn by Floyd's method, which needs no table of n
 * entries (Bentley & Floyd, A sample of brilliance, 1987).
 */
function drawDistinct(random: Random, n: number, count: number): Int32Array {
  if (count * 4 > n) return sampleWithoutReplacement(random, n, count);
  const chosen = new Set<number>();
  for (let j = n - count; j < n; j++) {
    const candidate = random.nextInt(j + 1);
    chosen.add(chosen.has(candidate) ? j : candidate);
  }
  return Int32Array.from(chosen);
}

/** What one tree is grown from. */
export interface TreeInputs {
  /** Row indices. */
  readonly sample: Int32Array;
  readonly columns: Int32Array;
  /** Goes on where the draws ended. */
  readonly random: Random;
}

/** Rows and columns of one tree, drawn without replacement. */
export function drawTreeInputs(
  random: Random,
  rows: number,
  maxSamples: number,
  cols: number,
  maxFeatures: number,
): TreeInputs {
  const sample = drawDistinct(random, rows, maxSamples);
  return { sample, columns: drawDistinct(random, cols, maxFeatures), random };
}

/** Depth of each node below the root. */
export function nodeDepths(tree: IsolationTree): Uint32Array {
  const depths = new Uint32Array(tree.feature.length);
  for (let node = 0; node < depths.length; node++) {
    if (tree.feature[node] < 0) continue;
    depths[tree.left[node]] = depths[tree.left[node] + 1] = depths[node] + 1;
  }
  return depths;
}
