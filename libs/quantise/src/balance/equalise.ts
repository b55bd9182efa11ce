import type { OnnxModel, OnnxNode, OnnxTensor } from '@hazure/models';
import { intOf } from '@hazure/models';
import { GraphIndex, withGraph } from '../graph/graph.js';
import type { Statistics } from '../ranges/calibrate.js';

/** No channel is scaled by more; a dead one would be by any. */
const MOST = 64;

/**
 * Cross-layer equalisation (Nagel et al., Data-Free Quantization, arXiv 1906.04721): where one convolution alone feeds
 * another, with at most a Relu or LeakyRelu between them, each channel is made smaller in the first and larger in the
 * second, so that the channels of the tensor between them fill its one range more alike. Weights have a scale a channel
 * here, so the activations count: channel c is divided by √(its measured reach / the tensor's reach). Results in floats
 * are unchanged up to rounding.
 *
 * @returns the model and how many pairs were equalised
 */
export function equaliseLayers(
  model: OnnxModel,
  statistics: Statistics,
): { model: OnnxModel; pairs: number } {
  const index = new GraphIndex(model.graph);
  const initializers = new Map(model.graph.initializers);
  const replaced = new Map<OnnxNode, readonly string[]>();
  let pairs = 0;
  for (const first of model.graph.nodes) {
    const pair = pairAt(first, index);
    const channels = pair && statistics.get(pair.between)?.channels;
    if (!pair || !channels) continue;
    const reach = Float64Array.from(channels.high, (high, c) => Math.max(high, -channels.low[c]!));
    const factors = factorsFor(reach);
    if (!factors) continue;
    const inputsOf = (node: OnnxNode): string[] => [...(replaced.get(node) ?? node.inputs)];
    const set = (node: OnnxNode, position: number, tensor: OnnxTensor): void => {
      const inputs = inputsOf(node);
      inputs[position] = `${node.outputs[0]}_${position === 1 ? 'weight' : 'bias'}_equal`;
      initializers.set(inputs[position]!, tensor);
      replaced.set(node, inputs);
    };
    const weights = initializers.get(inputsOf(first)[1]!)!;
    set(
      first,
      1,
      scaleOutputs(weights, (c) => 1 / factors[c]!),
    );
    const bias = initializers.get(inputsOf(first)[2] ?? '');
    if (bias)
      set(
        first,
        2,
        scaleOutputs(bias, (c) => 1 / factors[c]!),
      );
    const { second } = pair;
    const depthwise = intOf(second, 'group', 1) > 1;
    const next = initializers.get(inputsOf(second)[1]!)!;
    set(
      second,
      1,
      depthwise ? scaleOutputs(next, (c) => factors[c]!) : scaleInputs(next, (c) => factors[c]!),
    );
    pairs++;
  }
  if (pairs === 0) return { model, pairs };
  const nodes = model.graph.nodes.map((node) => ({ ...node, inputs: replaced.get(node) ?? node.inputs }));
  return { model: withGraph(model, { nodes, initializers }), pairs };
}

function pairAt(first: OnnxNode, index: GraphIndex): { between: string; second: OnnxNode } | null {
  if (first.opType !== 'Conv' || index.constant(first.inputs[1])?.type !== 'float32') return null;
  let between = first.outputs[0]!;
  let next = index.onlyConsumer(between);
  // Both scale with their input; a Clip or a SiLU does not.
  if (next && (next.opType === 'Relu' || next.opType === 'LeakyRelu')) {
    between = next.outputs[0]!;
    next = index.onlyConsumer(between);
  }
  if (next?.opType !== 'Conv' || next.inputs[0] !== between) return null;
  const weights = index.constant(next.inputs[1]);
  const channels = index.constant(first.inputs[1])!.dims[0]!;
  if (weights?.type !== 'float32') return null;
  const group = intOf(next, 'group', 1);
  const depthwise = group === channels && weights.dims[0] === channels;
  return group === 1 || depthwise ? { between, second: next } : null;
}

/** By how much each channel is divided; null where nothing would change. */
function factorsFor(reach: Float64Array): Float64Array | null {
  const most = reach.reduce((a, b) => Math.max(a, b), 0);
  if (most === 0) return null;
  const factors = reach.map((r) => Math.max(Math.sqrt(r / most), 1 / MOST));
  return factors.some((f) => f < 0.7) ? factors : null;
}

function scaleOutputs(tensor: OnnxTensor, factor: (channel: number) => number): OnnxTensor {
  const each = tensor.data.length / tensor.dims[0]!;
  const data = Float32Array.from(tensor.data as Float32Array, (w, i) => w * factor(Math.floor(i / each)));
  return { ...tensor, data };
}

function scaleInputs(tensor: OnnxTensor, factor: (channel: number) => number): OnnxTensor {
  const inputs = tensor.dims[1]!;
  const kernel = tensor.dims.slice(2).reduce((product, d) => product * d, 1);
  const data = Float32Array.from(
    tensor.data as Float32Array,
    (w, i) => w * factor(Math.floor(i / kernel) % inputs),
  );
  return { ...tensor, data };
}
