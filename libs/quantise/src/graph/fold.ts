import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor } from '@hazure/models';
import { dropUnused, encodeOnnx } from '@hazure/models';
import type { Engine, Tensor } from '@hazure/native-engine';
import { GraphIndex, withGraph, withOutputs } from './graph.js';

/** Folded constants stay below this, so that an Expand or a Range can't blow a model up. */
const MAX_FOLDED_VALUES = 1 << 22;
/** Operators whose result does not follow from their inputs alone. */
const RANDOM = /^Random|^Multinomial$|^Bernoulli$/;

/** `Constant` nodes as initializers, and tensors passed on unchanged (Identity, Dropout) by their first name. */
export function plainConstants(graph: OnnxGraph): OnnxGraph {
  const initializers = new Map(graph.initializers);
  const renamed = new Map<string, string>();
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const nodes: OnnxNode[] = [];
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => renamed.get(name) ?? name);
    const [out] = node.outputs;
    const constant = node.opType === 'Constant' ? constantOf(node) : null;
    if (constant) initializers.set(out!, constant);
    else if ((node.opType === 'Identity' || isInertDropout(node)) && !outputs.has(out!)) {
      renamed.set(out!, inputs[0]!);
    } else nodes.push({ ...node, inputs });
  }
  return dropUnused({ ...graph, nodes, initializers });
}

/** Outside of training a Dropout passes its input on; its mask, where anybody reads it, does not. */
function isInertDropout(node: OnnxNode): boolean {
  return node.opType === 'Dropout' && node.outputs.length === 1 && node.inputs.length < 3;
}

function constantOf(node: OnnxNode): OnnxTensor | null {
  const [attribute] = Object.values(node.attributes);
  switch (attribute?.kind) {
    case 'tensor':
      return attribute.value;
    case 'float':
      return { type: 'float32', dims: [], data: Float32Array.of(attribute.value) };
    case 'int':
      return { type: 'int64', dims: [], data: BigInt64Array.of(BigInt(attribute.value)) };
    case 'floats':
      return { type: 'float32', dims: [attribute.value.length], data: Float32Array.from(attribute.value) };
    case 'ints':
      return {
        type: 'int64',
        dims: [attribute.value.length],
        data: BigInt64Array.from(attribute.value, (value) => BigInt(value)),
      };
    default:
      return null;
  }
}

/**
 * Replaces what depends on constants alone by its value. The values are computed by ONNX Runtime itself, so that no
 * operator is written a second time.
 */
export async function foldConstants(model: OnnxModel, engine: Engine): Promise<OnnxModel> {
  const { graph } = model;
  const known = new Set(graph.initializers.keys());
  const foldable: OnnxNode[] = [];
  for (const node of graph.nodes) {
    const constant = node.inputs.every((name) => name === '' || known.has(name));
    if (!constant || RANDOM.test(node.opType) || node.inputs.length === 0) continue;
    foldable.push(node);
    for (const name of node.outputs) known.add(name);
  }
  if (foldable.length === 0) return model;
  const gone = new Set(foldable);
  const rest = graph.nodes.filter((node) => !gone.has(node));
  const read = new Set([...rest.flatMap(({ inputs }) => inputs), ...graph.outputs.map(({ name }) => name)]);
  const wanted = foldable.flatMap(({ outputs }) => outputs.filter((name) => read.has(name)));
  const values = await compute(model, foldable, wanted, engine);
  const initializers = new Map(graph.initializers);
  const kept = foldable.filter((node) => {
    const mine = node.outputs.filter((name) => read.has(name));
    // What can't be a constant (of another type, or too large) is computed as before.
    if (mine.some((name) => !values.has(name))) return true;
    for (const name of mine) initializers.set(name, values.get(name)!);
    return false;
  });
  const needed = closure(kept, foldable);
  const nodes = graph.nodes.filter((node) => !gone.has(node) || needed.has(node));
  return withGraph(model, dropUnused({ ...graph, nodes, initializers }));
}

/** The nodes and those before them that they need. */
function closure(nodes: readonly OnnxNode[], among: readonly OnnxNode[]): Set<OnnxNode> {
  const needed = new Set(nodes);
  const names = new Set(nodes.flatMap(({ inputs }) => inputs));
  for (const node of [...among].reverse()) {
    if (!needed.has(node) && !node.outputs.some((name) => names.has(name))) continue;
    needed.add(node);
    for (const name of node.inputs) names.add(name);
  }
  return needed;
}

async function compute(
  model: OnnxModel,
  nodes: readonly OnnxNode[],
  wanted: readonly string[],
  engine: Engine,
): Promise<Map<string, OnnxTensor>> {
  if (wanted.length === 0) return new Map();
  const part = withOutputs(withGraph(model, { nodes, inputs: [], outputs: [] }), wanted);
  const folder = await mkdtemp(join(tmpdir(), 'hazure-fold-'));
  try {
    const path = join(folder, 'constants.onnx');
    await writeFile(path, encodeOnnx(part));
    const session = await engine.loadSession(path, { device: 'cpu', threads: 1 });
    try {
      const outputs = await session.run({});
      return new Map(
        Object.entries(outputs).flatMap(([name, tensor]) => {
          const folded = toOnnx(tensor);
          return folded ? [[name, folded] as const] : [];
        }),
      );
    } finally {
      await session.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function toOnnx({ type, dims, data }: Tensor): OnnxTensor | null {
  return data.length > MAX_FOLDED_VALUES ? null : { type, dims, data };
}

/**
 * Folds what stands behind a convolution into its weights: batch normalisation, and a product or a sum with one constant
 * a channel. Only where nobody else reads the convolution's output.
 */
export function foldIntoConvolutions(graph: OnnxGraph): OnnxGraph {
  let current = graph;
  for (;;) {
    const next = foldOnce(current);
    if (next === current) return current;
    current = next;
  }
}

interface Affine {
  readonly node: OnnxNode;
  readonly factor: (channel: number) => number;
  readonly shift: (channel: number) => number;
}

function foldOnce(graph: OnnxGraph): OnnxGraph {
  const index = new GraphIndex(graph);
  for (const conv of graph.nodes) {
    if (conv.opType !== 'Conv') continue;
    const weights = index.constant(conv.inputs[1]);
    const bias = index.constant(conv.inputs[2]);
    if (weights?.type !== 'float32' || (conv.inputs[2] && bias?.type !== 'float32')) continue;
    const affine = affineBehind(conv, weights.dims[0]!, index);
    if (affine) return folded(graph, conv, affine, { weights, bias });
  }
  return graph;
}

function affineBehind(conv: OnnxNode, channels: number, index: GraphIndex): Affine | null {
  const node = index.onlyConsumer(conv.outputs[0]!);
  if (!node) return null;
  if (node.opType === 'BatchNormalization') return batchNormalisation(node, conv, index);
  if (node.opType !== 'Mul' && node.opType !== 'Add') return null;
  const other = node.inputs.find((name) => name !== conv.outputs[0]);
  const values = index.constant(other);
  const fits = values?.dims.join() === `1,${channels},1,1` || values?.dims.join() === `${channels},1,1`;
  if (values?.type !== 'float32' || !(fits || values.data.length === 1)) return null;
  const at = (channel: number): number => Number(values.data[values.data.length === 1 ? 0 : channel]);
  return node.opType === 'Mul' ? { node, factor: at, shift: () => 0 } : { node, factor: () => 1, shift: at };
}

function batchNormalisation(node: OnnxNode, conv: OnnxNode, index: GraphIndex): Affine | null {
  if (node.inputs[0] !== conv.outputs[0] || node.outputs.length > 1) return null;
  const [scale, shift, mean, variance] = node.inputs.slice(1, 5).map((name) => index.constant(name)?.data);
  if (!scale || !shift || !mean || !variance) return null;
  const attribute = node.attributes['epsilon'];
  const epsilon = attribute?.kind === 'float' ? attribute.value : 1e-5;
  const factor = (c: number): number => Number(scale[c]) / Math.sqrt(Number(variance[c]) + epsilon);
  return { node, factor, shift: (c) => Number(shift[c]) - Number(mean[c]) * factor(c) };
}

function folded(
  graph: OnnxGraph,
  conv: OnnxNode,
  { node, factor, shift }: Affine,
  { weights, bias }: { readonly weights: OnnxTensor; readonly bias: OnnxTensor | undefined },
): OnnxGraph {
  const channels = weights.dims[0]!;
  const each = weights.data.length / channels;
  const data = Float32Array.from(weights.data as Float32Array, (w, i) => w * factor(Math.floor(i / each)));
  const shifts = Float32Array.from(
    { length: channels },
    (_, c) => Number(bias?.data[c] ?? 0) * factor(c) + shift(c),
  );
  const names = [`${node.outputs[0]}_weight`, `${node.outputs[0]}_bias`] as const;
  const initializers = new Map(graph.initializers)
    .set(names[0], { ...weights, data })
    .set(names[1], { type: 'float32', dims: [channels], data: shifts });
  const merged: OnnxNode = { ...conv, inputs: [conv.inputs[0]!, ...names], outputs: node.outputs };
  // The merged node stands where the later of the two stood: what the later one reads is known there.
  const nodes = graph.nodes.flatMap((each) => (each === conv ? [] : each === node ? [merged] : [each]));
  return dropUnused({ ...graph, nodes, initializers });
}
