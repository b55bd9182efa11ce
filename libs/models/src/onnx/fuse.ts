import { dropUnused } from './cancel-transposes.js';
import type { OnnxGraph, OnnxNode, OnnxTensor } from './model.js';
import { ints, intsOf } from './model.js';

/**
 * Folds padding into the convolution or pooling behind it, and a channel-wise Add behind a convolution into its
 * bias. Needs channels-second layout, so `cancelTransposes` runs first.
 */
export function fuseConvolutions(graph: OnnxGraph): OnnxGraph {
  return dropUnused(foldBiases(foldPads(graph)));
}

function foldPads(graph: OnnxGraph): OnnxGraph {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const nodes = graph.nodes.map((node): OnnxNode => {
    // Zeros are what a convolution pads with, −∞ what max pooling does.
    const filler = node.opType === 'Conv' ? 0 : node.opType === 'MaxPool' ? -Infinity : null;
    const pad = producers.get(node.inputs[0]!);
    if (filler === null || pad?.opType !== 'Pad') return node;
    const value = pad.inputs[2] ? Number(graph.initializers.get(pad.inputs[2])?.data[0]) : 0;
    const amounts = [...(graph.initializers.get(pad.inputs[1]!)?.data ?? [])].map(Number);
    const spatialOnly = [0, 1, 4, 5].every((i) => amounts[i] === 0) && amounts.every((amount) => amount >= 0);
    if (value !== filler || amounts.length !== 8 || !spatialOnly) return node;
    const own = intsOf(node, 'pads', [0, 0, 0, 0]);
    const pads = [amounts[2]!, amounts[3]!, amounts[6]!, amounts[7]!].map((amount, i) => amount + own[i]!);
    return {
      ...node,
      inputs: [pad.inputs[0]!, ...node.inputs.slice(1)],
      attributes: { ...node.attributes, pads: ints(pads) },
    };
  });
  return { ...graph, nodes };
}

function foldBiases(graph: OnnxGraph): OnnxGraph {
  const readers = new Map<string, OnnxNode[]>();
  for (const node of graph.nodes) {
    for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
  }
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const initializers = new Map(graph.initializers);
  const folded = new Set<OnnxNode>();
  const nodes = graph.nodes.map((node): OnnxNode => {
    const out = node.outputs[0]!;
    const add = readers.get(out)?.[0];
    if (node.opType !== 'Conv' || node.inputs.length > 2 || outputs.has(out)) return node;
    if (readers.get(out)!.length !== 1 || add?.opType !== 'Add') return node;
    const biasName = add.inputs.find((name) => name !== out);
    const bias = biasName === undefined ? undefined : initializers.get(biasName);
    const channels = initializers.get(node.inputs[1]!)?.dims[0];
    if (!bias || channels === undefined || !isPerChannel(bias, channels)) return node;
    const name = `${biasName}_bias`;
    initializers.set(name, { ...bias, dims: [channels] });
    folded.add(add);
    return { ...node, inputs: [...node.inputs, name], outputs: add.outputs };
  });
  return { ...graph, nodes: nodes.filter((node) => !folded.has(node)), initializers };
}

function isPerChannel(bias: OnnxTensor, channels: number): boolean {
  return bias.type === 'float32' && bias.dims.join() === `1,${channels},1,1`;
}
