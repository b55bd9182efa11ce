/**
 * ONNX models in memory: the part of the public schema (onnx.proto3) that hazure reads and writes. Subgraphs,
 * sparse tensors and functions are outside it.
 */
export type OnnxElementType =
  'float32' | 'float64' | 'int32' | 'int64' | 'float16' | 'uint8' | 'int8' | 'bool' | 'other';

/** Values of a tensor: `uint8` and `bool` as bytes, `float16` as the bits of each number. */
export type OnnxTensorData =
  Float32Array | Float64Array | BigInt64Array | Int32Array | Int8Array | Uint8Array | Uint16Array;

export interface OnnxTensor {
  readonly type: Exclude<OnnxElementType, 'other'>;
  readonly dims: readonly number[];
  readonly data: OnnxTensorData;
}

export type OnnxAttribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: OnnxTensor };

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  /** Operator set that `opType` belongs to; absent = the standard one. */
  readonly domain?: string;
  /** Empty names stand for optional inputs left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** A graph input or output. Dimensions are numbers, names of open dimensions, or null where nothing is said. */
export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly dims: readonly (number | string | null)[];
  /** Nothing is said of the shape when it is written, not even the rank; `dims` is empty then. */
  readonly unranked?: boolean;
}

export interface OnnxGraph {
  readonly name: string;
  /** In topological order. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

export interface OnnxModel {
  readonly graph: OnnxGraph;
  /** Version of the standard operator set. */
  readonly opset: number;
  /** Versions of the others, by domain. */
  readonly otherOpsets?: Readonly<Record<string, number>>;
  readonly producerName: string;
  /** Becomes `metadata_props`. */
  readonly metadata: Readonly<Record<string, string>>;
}

export const int = (value: number): OnnxAttribute => ({ kind: 'int', value });
export const float = (value: number): OnnxAttribute => ({ kind: 'float', value });
export const text = (value: string): OnnxAttribute => ({ kind: 'string', value });
export const ints = (value: readonly number[]): OnnxAttribute => ({ kind: 'ints', value });

/** The integers of an `ints` attribute, or `fallback` where the node leaves it out. */
export function intsOf(node: OnnxNode, name: string, fallback: readonly number[] = []): readonly number[] {
  const attribute = node.attributes[name];
  return attribute?.kind === 'ints' ? attribute.value : fallback;
}

/** The value of an `int` attribute, or `fallback` where the node leaves it out. */
export function intOf(node: OnnxNode, name: string, fallback: number): number {
  const attribute = node.attributes[name];
  return attribute?.kind === 'int' ? attribute.value : fallback;
}
