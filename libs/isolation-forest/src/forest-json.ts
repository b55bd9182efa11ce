import { ModelError } from '@hazure/contracts';
import { z } from 'zod';
import type { ForestParts } from './forest-parts.js';
import type { IsolationTree } from './tree.js';

export const FOREST_FORMAT = 'hazure-isolation-forest/1';
const FOREST_NAME = 'hazure-isolation-forest/';

/** Bounds on what a file may ask this process to hold. */
const MAX_TREES = 100_000;
const MAX_DIMENSIONS = 1_000_000;
const MAX_NODES = 100_000_000;

const count = z.int().min(0).max(0xffffffff);
const treeSchema = z.strictObject({
  feature: z.array(z.int().min(-1).max(MAX_DIMENSIONS)).min(1),
  threshold: z.array(z.number()),
  left: z.array(count),
  samples: z.array(count),
});

/** `iso_model.json`. */
export const forestSchema = z.strictObject({
  format: z.literal(FOREST_FORMAT),
  dimensions: z.int().min(1).max(MAX_DIMENSIONS),
  samplesPerTree: z.int().min(1).max(0xffffffff),
  contamination: z.union([z.literal('auto'), z.number().gt(0).max(0.5)]),
  offset: z.number().min(-1).max(0),
  seed: z.int(),
  trees: z.array(treeSchema).min(1).max(MAX_TREES),
});
/** One forest as `iso_model.json` holds it; each tree's arrays have one entry per node, parents before children. */
export type ForestJSON = z.infer<typeof forestSchema>;

/** Shortest decimal that reads back as the same float32. */
function shortFloat32(value: number): number {
  for (let digits = 6; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

export function forestToJSON(forest: ForestParts): ForestJSON {
  return {
    format: FOREST_FORMAT,
    dimensions: forest.dimensions,
    samplesPerTree: forest.samplesPerTree,
    contamination: forest.contamination,
    offset: forest.offset,
    seed: forest.seed,
    trees: forest.trees.map((tree) => ({
      feature: Array.from(tree.feature),
      threshold: Array.from(tree.threshold, shortFloat32),
      left: Array.from(tree.left),
      samples: Array.from(tree.samples),
    })),
  };
}

function refuse(what: string): never {
  throw new ModelError('MODEL_INVALID', `isolation forest file: ${what}`, {
    hint: 'The file is damaged or was not written by hazure; learn the baseline again.',
  });
}

/**
 * One tree from its arrays. Children must come after their parent, side by side, in breadth-first order: node
 * k's children are the next two unclaimed nodes. That rules out cycles, shared children and unreachable nodes.
 */
function readTree(tree: ForestJSON['trees'][number], index: number, forest: ForestJSON): IsolationTree {
  const nodes = tree.feature.length;
  const where = `tree ${index}`;
  for (const key of ['threshold', 'left', 'samples'] as const) {
    if (tree[key].length !== nodes)
      refuse(`${where}: ${key} has ${tree[key].length} entries, feature has ${nodes}`);
  }
  if (tree.samples[0] !== forest.samplesPerTree) {
    refuse(`${where}: root holds ${tree.samples[0]} rows, expected ${forest.samplesPerTree}`);
  }
  let nextChild = 1;
  for (let node = 0; node < nodes; node++) {
    const feature = tree.feature[node];
    if (feature < 0) continue;
    const left = tree.left[node];
    if (feature >= forest.dimensions)
      refuse(`${where}: node ${node} splits on column ${feature} of ${forest.dimensions}`);
    if (left !== nextChild || left + 1 >= nodes) refuse(`${where}: node ${node} has its children at ${left}`);
    if (!Number.isFinite(Math.fround(tree.threshold[node])))
      refuse(`${where}: node ${node} has no float32 threshold`);
    const [a, b] = [tree.samples[left], tree.samples[left + 1]];
    if (a < 1 || b < 1 || a + b !== tree.samples[node])
      refuse(`${where}: node ${node} does not divide its rows`);
    nextChild += 2;
  }
  if (nextChild !== nodes) refuse(`${where}: ${nodes - nextChild} nodes belong to no parent`);
  return {
    feature: Int32Array.from(tree.feature),
    threshold: Float32Array.from(tree.threshold),
    left: Uint32Array.from(tree.left),
    samples: Uint32Array.from(tree.samples),
  };
}

export function forestFromJSON(value: unknown): ForestParts {
  const header = z.object({ format: z.string().startsWith(FOREST_NAME) }).safeParse(value);
  if (header.success && header.data.format !== FOREST_FORMAT) {
    throw new ModelError(
      'MODEL_UNSUPPORTED',
      `isolation forest file: expected the format ${FOREST_FORMAT}, got ${header.data.format}`,
      {
        hint: 'Use the hazure version that wrote it, or learn the baseline again.',
      },
    );
  }
  const parsed = forestSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    refuse(`${issue.path.join('.') || 'document'}: ${issue.message}`);
  }
  const forest = parsed.data;
  const total = forest.trees.reduce((sum, tree) => sum + tree.feature.length, 0);
  if (total > MAX_NODES) refuse(`${total} nodes, at most ${MAX_NODES} are accepted`);
  return {
    trees: forest.trees.map((tree, index) => readTree(tree, index, forest)),
    dimensions: forest.dimensions,
    samplesPerTree: forest.samplesPerTree,
    contamination: forest.contamination,
    offset: forest.offset,
    seed: forest.seed,
  };
}
