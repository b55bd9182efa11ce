import { ModelError } from '@hazure/contracts';
import type { OnnxGraph, OnnxValue } from '../onnx/model.js';
import { cancelTransposes } from '../onnx/cancel-transposes.js';
import { fuseConvolutions } from '../onnx/fuse.js';
import type { Value } from './context.js';
import { ConversionContext, unsupported } from './context.js';
import type { TfjsGraph } from './graph.js';
import { OPERATORS } from './operators.js';

/** Operator set of the graphs that the converter writes. */
export const CONVERTED_OPSET = 17;

/** The name of the batch dimension, which converted models leave open. */
const BATCH = 'batch';

export interface ConvertOptions {
  /** Leave transposes, pads and biases as single nodes; for tests of the simplification. */
  readonly simplify?: boolean;
}

/**
 * Converts a TensorFlow.js graph to ONNX. The batch dimension becomes open; all others stay fixed. Inputs keep
 * their names, outputs are named after the graph's output nodes.
 *
 * @throws ModelError `MODEL_UNSUPPORTED` that names every operator the converter does not know
 */
export function convertTfjsGraph(graph: TfjsGraph, options: ConvertOptions = {}): OnnxGraph {
  refuseUnknownOperators(graph);
  const context = new ConversionContext();
  const values = new Map<string, readonly Value[]>();
  for (const node of graph.nodes) {
    if (node.op === 'Const') {
      const constant = graph.constants.get(node.name);
      if (!constant) throw unsupported(node, 'has no weight in the manifest');
      values.set(node.name, [{ kind: 'constant', ...constant }]);
      continue;
    }
    const inputs = node.inputs.map((input) => values.get(input.node)![input.index]!);
    values.set(node.name, OPERATORS[node.op]!(context, node, inputs));
  }
  const outputs: OnnxValue[] = graph.outputs.map(({ node, index }) => {
    const value = values.get(node)?.[index];
    if (value?.kind !== 'tensor') {
      throw new ModelError('MODEL_UNSUPPORTED', `Output ${node}:${index} of the graph is no computed tensor`);
    }
    // An Identity under the output's own name, so that its readers need not know internal names.
    context.nodes.push({
      name: node,
      opType: 'Identity',
      inputs: [value.name],
      outputs: [node],
      attributes: {},
    });
    return openBatch(node, value.dims);
  });
  const onnx: OnnxGraph = {
    name: 'tfjs-graph',
    nodes: context.nodes,
    initializers: context.initializers,
    inputs: context.inputs.map((value) => openBatch(value.name, value.dims)),
    outputs,
  };
  return options.simplify === false ? onnx : fuseConvolutions(cancelTransposes(onnx));
}

function openBatch(name: string, dims: readonly number[]): OnnxValue {
  return { name, type: 'float32', dims: [BATCH, ...dims.slice(1)] };
}

function refuseUnknownOperators(graph: TfjsGraph): void {
  const unknown = new Set(graph.nodes.map((node) => node.op));
  unknown.delete('Const');
  for (const known of Object.keys(OPERATORS)) unknown.delete(known);
  if (unknown.size === 0) return;
  const known = ['Const', ...Object.keys(OPERATORS)].sort().join(', ');
  throw new ModelError(
    'MODEL_UNSUPPORTED',
    `The TensorFlow.js graph has operators that the converter does not know: ${[...unknown].sort().join(', ')}` +
      ` (known: ${known})`,
    { hint: 'Export the model to ONNX with the tools of the framework that it was trained in.' },
  );
}
