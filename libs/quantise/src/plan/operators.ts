import type { OnnxNode } from '@hazure/models';
import { intOf } from '@hazure/models';
import type { GraphIndex } from '../graph/graph.js';

/** Operators with weights: the work that integers make faster. */
export function isWeighted(node: OnnxNode, index: GraphIndex): boolean {
  const weights = index.constant(node.inputs[1]);
  if (weights?.type !== 'float32' || index.constant(node.inputs[0])) return false;
  switch (node.opType) {
    case 'Conv':
      return node.inputs.length < 3 || index.constant(node.inputs[2])?.type === 'float32';
    case 'MatMul':
      return weights.dims.length === 2;
    case 'Gemm': {
      const one = (name: string): boolean => {
        const attribute = node.attributes[name];
        return attribute === undefined || (attribute.kind === 'float' && attribute.value === 1);
      };
      const plain = one('alpha') && one('beta') && intOf(node, 'transA', 0) === 0;
      const bias = index.constant(node.inputs[2]);
      return plain && (node.inputs[2] === undefined || (bias?.type === 'float32' && bias.dims.length === 1));
    }
    default:
      return false;
  }
}

/** Axis of the weights that the outputs lie on. */
export function outputAxis(node: OnnxNode): number {
  if (node.opType === 'Conv') return 0;
  return node.opType === 'Gemm' && intOf(node, 'transB', 0) === 1 ? 0 : 1;
}

/** Whether the operator gives floats although it computes in integers (ONNX Runtime's MatMulIntegerToFloat). */
export function givesFloats(node: OnnxNode): boolean {
  return node.opType === 'MatMul' || node.opType === 'Gemm';
}

/** Operators with integer kernels in ONNX Runtime that compute with their inputs (com.microsoft QLinear…). */
const COMPUTING = new Set([
  'Add',
  'Mul',
  'Sigmoid',
  'LeakyRelu',
  'AveragePool',
  'GlobalAveragePool',
  'Concat',
]);

/** Operators that move values without looking at them, and so work in any type and keep the scale. */
const MOVING = new Set([
  'MaxPool',
  'Split',
  'Reshape',
  'Transpose',
  'Slice',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'DepthToSpace',
  'SpaceToDepth',
]);

export const isComputing = (node: OnnxNode): boolean => COMPUTING.has(node.opType);
export const isMoving = (node: OnnxNode): boolean =>
  (MOVING.has(node.opType) || isNearestResize(node)) && node.outputs.every(Boolean);
export const isClip = (node: OnnxNode): boolean => node.opType === 'Relu' || node.opType === 'Clip';

/** Inputs that carry images through the network, without sizes, axes and other parameters. */
export function dataInputs(node: OnnxNode): readonly string[] {
  return node.opType === 'Concat' || node.opType === 'Add' || node.opType === 'Mul'
    ? node.inputs
    : node.inputs.slice(0, 1);
}

/** Lower and upper bound of a Relu or Clip, or null where they are no constants. */
export function clipBounds(node: OnnxNode, index: GraphIndex): { low: number; high: number } | null {
  if (node.opType === 'Relu') return { low: 0, high: Infinity };
  const bound = (name: string | undefined, none: number): number | null => {
    if (!name) return none;
    const constant = index.constant(name);
    return constant ? Number(constant.data[0]) : null;
  };
  const low = bound(node.inputs[1], -Infinity);
  const high = bound(node.inputs[2], Infinity);
  return low === null || high === null ? null : { low, high };
}

function isNearestResize(node: OnnxNode): boolean {
  const mode = node.attributes['mode'];
  return (
    node.opType === 'Resize' && (mode === undefined || (mode.kind === 'string' && mode.value === 'nearest'))
  );
}
