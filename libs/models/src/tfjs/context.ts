import { ModelError } from '@hazure/contracts';
import type { OnnxAttribute, OnnxNode, OnnxTensor } from '../onnx/model.js';
import type { TfjsNode } from './graph.js';
import type { TfjsTensor } from './tensor.js';

/** What a TensorFlow.js node yields: a constant known now, or a tensor of the ONNX graph. */
export type Value =
  | ({ readonly kind: 'constant' } & TfjsTensor)
  | { readonly kind: 'tensor'; readonly name: string; readonly dims: readonly number[] };
export type TensorValue = Extract<Value, { kind: 'tensor' }>;
export type ConstantValue = Extract<Value, { kind: 'constant' }>;

/** Collects the nodes and initializers that operator conversions emit. */
export class ConversionContext {
  readonly nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, OnnxTensor>();
  readonly inputs: TensorValue[] = [];
  #counter = 0;

  /** Adds one ONNX node with one output. */
  emit(
    opType: string,
    inputs: readonly string[],
    dims: readonly number[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): TensorValue {
    const name = this.#fresh(opType);
    this.nodes.push({ name, opType, inputs, outputs: [name], attributes });
    return { kind: 'tensor', name, dims };
  }

  /** Adds one ONNX node with an output per entry of `dims`. */
  emitMany(
    opType: string,
    inputs: readonly string[],
    dims: readonly (readonly number[])[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): TensorValue[] {
    const name = this.#fresh(opType);
    const outputs = dims.map((_, i) => `${name}_${i}`);
    this.nodes.push({ name, opType, inputs, outputs, attributes });
    return dims.map((d, i) => ({ kind: 'tensor', name: outputs[i]!, dims: d }));
  }

  floats(data: Float32Array, dims: readonly number[]): string {
    const name = this.#fresh('weight');
    this.initializers.set(name, { type: 'float32', dims, data });
    return name;
  }

  longs(values: readonly number[]): string {
    const name = this.#fresh('shape');
    const data = BigInt64Array.from(values, BigInt);
    this.initializers.set(name, { type: 'int64', dims: [values.length], data });
    return name;
  }

  /** The name that an ONNX node can read `value` by; float constants become initializers. */
  nameOf(node: TfjsNode, value: Value): string {
    if (value.kind === 'tensor') return value.name;
    if (!(value.data instanceof Float32Array)) {
      throw unsupported(node, 'reads an integer constant where the converter knows only float tensors');
    }
    return this.floats(value.data, value.dims);
  }

  #fresh(prefix: string): string {
    return `${prefix.toLowerCase()}_${this.#counter++}`;
  }
}

export function unsupported(node: TfjsNode, reason: string): ModelError {
  return new ModelError(
    'MODEL_UNSUPPORTED',
    `The TensorFlow.js graph can't be converted: node ${node.name} (${node.op}) ${reason}`,
    { hint: 'Export the model to ONNX with the tools of the framework that it was trained in.' },
  );
}

export function tensorInput(node: TfjsNode, inputs: readonly Value[], index: number): TensorValue {
  const value = inputs[index];
  if (value?.kind !== 'tensor')
    throw unsupported(node, `needs a tensor that is not constant as input ${index}`);
  return value;
}

export function constantInput(node: TfjsNode, inputs: readonly Value[], index: number): ConstantValue {
  const value = inputs[index];
  if (value?.kind !== 'constant') throw unsupported(node, `needs a constant as input ${index}`);
  return value;
}

export function integersInput(node: TfjsNode, inputs: readonly Value[], index: number): number[] {
  return [...constantInput(node, inputs, index).data];
}

export function integersAttribute(node: TfjsNode, name: string): number[] {
  return (node.attributes[name]?.list?.i ?? []).map(Number);
}

/** A string attribute; TensorFlow.js writes the bytes as base64. */
export function stringAttribute(node: TfjsNode, name: string, fallback: string): string {
  const encoded = node.attributes[name]?.s;
  return encoded === undefined ? fallback : Buffer.from(encoded, 'base64').toString('utf8');
}

/** A possibly negative axis of a tensor of the given rank. Axis 0 is the batch and stays untouched. */
export function featureAxis(node: TfjsNode, axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(positive) || positive < 0 || positive >= rank) {
    throw unsupported(node, `has axis ${axis} for a tensor of rank ${rank}`);
  }
  if (positive === 0) throw unsupported(node, 'works across the batch axis');
  return positive;
}
