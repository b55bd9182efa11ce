import type { OnnxModel, OnnxNode, OnnxTensor } from '@hazure/models';
import { GraphIndex, withGraph } from '../graph/graph.js';
import { isWeighted } from '../plan/operators.js';
import type { Statistics } from '../ranges/calibrate.js';

/** How much of the difficulty moves from activations to weights; the paper's default. */
const ALPHA = 0.5;

/**
 * SmoothQuant (Xiao et al., arXiv 2211.10438) behind layer normalisation: a few channels of a transformer's activations are
 * tens of times as large as the others and would leave those a handful of levels. Channel j is divided by
 * s_j = max|x_j|^α / max|w_j|^(1−α), in the scale and shift of the normalisation, and row j of every matrix that reads it
 * is multiplied by s_j. Results in floats are unchanged up to rounding.
 *
 * @returns the model and how many normalisations were smoothed
 */
export function smoothActivations(
  model: OnnxModel,
  statistics: Statistics,
): { model: OnnxModel; layers: number } {
  const index = new GraphIndex(model.graph);
  const initializers = new Map(model.graph.initializers);
  const replaced = new Map<OnnxNode, string[]>();
  let layers = 0;
  for (const node of model.graph.nodes) {
    const affine = affineOf(node, index);
    const channels = affine && statistics.get(affine.output)?.channels;
    if (!affine || !channels) continue;
    const readers = index.consumers(affine.output);
    const smoothable = readers.every(
      (reader) =>
        reader.opType === 'MatMul' && reader.inputs[0] === affine.output && isWeighted(reader, index),
    );
    if (!smoothable || readers.length === 0 || index.outputs.has(affine.output)) continue;
    const width = channels.sums.length;
    const reach = Float64Array.from({ length: width }, (_, j) =>
      Math.max(channels.high[j]!, -channels.low[j]!),
    );
    const rows = new Float64Array(width);
    for (const reader of readers) maxRows(index.constant(reader.inputs[1])!, rows);
    const factors = Float64Array.from(reach, (x, j) =>
      x > 0 && rows[j]! > 0 ? Math.min(1e3, Math.max(1e-3, x ** ALPHA / rows[j]! ** (1 - ALPHA))) : 1,
    );
    for (const [owner, position] of affine.parameters) {
      const tensor = index.constant(owner.inputs[position])!;
      set(
        owner,
        position,
        scaled(tensor, (i) => 1 / factors[i % width]!),
      );
    }
    for (const reader of readers) {
      const weights = index.constant(reader.inputs[1])!;
      const columns = weights.dims[1]!;
      set(
        reader,
        1,
        scaled(weights, (i) => factors[Math.floor(i / columns)]!),
      );
    }
    layers++;
  }
  if (layers === 0) return { model, layers };
  const nodes = model.graph.nodes.map((node) => ({ ...node, inputs: replaced.get(node) ?? node.inputs }));
  return { model: withGraph(model, { nodes, initializers }), layers };

  function set(node: OnnxNode, position: number, tensor: OnnxTensor): void {
    const inputs = replaced.get(node) ?? [...node.inputs];
    inputs[position] = `${node.outputs[0]}_smooth_${position}`;
    initializers.set(inputs[position]!, tensor);
    replaced.set(node, inputs);
  }
}

interface Affine {
  readonly output: string;
  /** Nodes and positions of the constants that scale with the output. */
  readonly parameters: readonly (readonly [OnnxNode, number])[];
}

/** A LayerNormalization, or the product and sum at the end of one that was exported in pieces. */
function affineOf(node: OnnxNode, index: GraphIndex): Affine | null {
  const isRow = (name: string | undefined): boolean => {
    const tensor = index.constant(name);
    return tensor?.type === 'float32' && tensor.dims.length === 1 && tensor.data.length > 1;
  };
  if (node.opType === 'LayerNormalization') {
    const parameters = [1, 2].filter((position) => node.inputs[position]);
    if (!parameters.every((position) => isRow(node.inputs[position]))) return null;
    return { output: node.outputs[0]!, parameters: parameters.map((position) => [node, position] as const) };
  }
  if (node.opType !== 'Add') return null;
  const shift = node.inputs.findIndex((name) => isRow(name));
  const product = index.producers.get(node.inputs[1 - shift] ?? '');
  if (shift < 0 || product?.opType !== 'Mul' || !index.onlyConsumer(product.outputs[0]!)) return null;
  const scale = product.inputs.findIndex((name) => isRow(name));
  if (scale < 0) return null;
  return {
    output: node.outputs[0]!,
    parameters: [
      [product, scale],
      [node, shift],
    ],
  };
}

function maxRows(weights: OnnxTensor, rows: Float64Array): void {
  const columns = weights.dims[1]!;
  (weights.data as Float32Array).forEach((w, i) => {
    const row = Math.floor(i / columns);
    rows[row] = Math.max(rows[row]!, Math.abs(w));
  });
}

function scaled(tensor: OnnxTensor, factor: (i: number) => number): OnnxTensor {
  return { ...tensor, data: Float32Array.from(tensor.data as Float32Array, (w, i) => w * factor(i)) };
}
