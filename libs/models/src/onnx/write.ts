import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxTensor, OnnxValue } from './model.js';
import { ATTRIBUTE_TYPE, DATA_TYPE, ModelProto } from './schema.js';

/**
 * The IR version that came with an operator set (onnx/docs/Versioning.md). 8 is read by every ONNX Runtime since 1.12.
 */
function irVersionFor(opset: number): number {
  if (opset <= 18) return 8;
  if (opset <= 20) return 9;
  return opset <= 22 ? 10 : 11;
}

/** Bytes of an .onnx file. The same model always gives the same bytes. */
export function encodeOnnx(model: OnnxModel): Uint8Array {
  const { graph } = model;
  const message = {
    irVersion: irVersionFor(model.opset),
    producerName: model.producerName,
    opsetImport: [
      { domain: '', version: model.opset },
      ...Object.entries(model.otherOpsets ?? {}).map(([domain, version]) => ({ domain, version })),
    ],
    metadataProps: Object.entries(model.metadata).map(([key, value]) => ({ key, value })),
    graph: {
      name: graph.name,
      ...graphMessage(graph),
      input: graph.inputs.map(valueMessage),
    },
  };
  return ModelProto.encode(message).finish();
}

/** Bytes that add nodes, initializers and outputs to a model when they are appended to its file. */
export function encodeGraphParts(graph: Pick<OnnxGraph, 'nodes' | 'initializers' | 'outputs'>): Uint8Array {
  return ModelProto.encode({ graph: graphMessage(graph) }).finish();
}

function graphMessage(graph: Pick<OnnxGraph, 'nodes' | 'initializers' | 'outputs'>): object {
  return {
    node: graph.nodes.map((node) => ({
      input: node.inputs,
      output: node.outputs,
      name: node.name,
      opType: node.opType,
      ...(node.domain ? { domain: node.domain } : {}),
      attribute: Object.entries(node.attributes).map(([name, value]) => attributeMessage(name, value)),
    })),
    initializer: [...graph.initializers].map(([name, tensor]) => tensorMessage(name, tensor)),
    output: graph.outputs.map(valueMessage),
  };
}

function attributeMessage(name: string, attribute: OnnxAttribute): object {
  switch (attribute.kind) {
    case 'int':
      return { name, i: int64(attribute.value), type: ATTRIBUTE_TYPE.int };
    case 'float':
      return { name, f: attribute.value, type: ATTRIBUTE_TYPE.float };
    case 'string':
      return { name, s: new TextEncoder().encode(attribute.value), type: ATTRIBUTE_TYPE.string };
    case 'ints':
      return { name, ints: attribute.value.map(int64), type: ATTRIBUTE_TYPE.ints };
    case 'floats':
      return { name, floats: attribute.value, type: ATTRIBUTE_TYPE.floats };
    case 'strings':
      return {
        name,
        strings: attribute.value.map((each) => new TextEncoder().encode(each)),
        type: ATTRIBUTE_TYPE.strings,
      };
    case 'tensor':
      return { name, t: tensorMessage('', attribute.value), type: ATTRIBUTE_TYPE.tensor };
  }
}

/** The largest int64, which means "to the end" in slices, is 2⁶³ as a number and would wrap round to the least. */
function int64(value: number): number | { low: number; high: number; unsigned: boolean } {
  return value >= 2 ** 63 ? { low: -1, high: 0x7fffffff, unsigned: false } : value;
}

function tensorMessage(name: string, tensor: OnnxTensor): object {
  const { data } = tensor;
  return {
    name,
    dims: tensor.dims,
    dataType: DATA_TYPE[tensor.type],
    // ONNX raw data is little-endian, as are typed arrays on every platform Node.js runs on.
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

function valueMessage(value: OnnxValue): object {
  if (value.type === 'other') throw new RangeError(`${value.name}: element type 'other' can't be written`);
  const dim = value.dims.map((d) =>
    d === null ? {} : typeof d === 'number' ? { dimValue: d } : { dimParam: d },
  );
  const shape = value.unranked ? {} : { shape: { dim } };
  return { name: value.name, type: { tensorType: { elemType: DATA_TYPE[value.type], ...shape } } };
}
