/** Writes small ONNX graphs node by node; each method adds one and returns its output's name. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs/light.js';
import { encodeOnnx } from '@hazure/models';

const typed = (value) =>
  Array.isArray(value)
    ? { kind: 'ints', value }
    : typeof value === 'string'
      ? { kind: 'string', value }
      : Number.isInteger(value)
        ? { kind: 'int', value }
        : { kind: 'float', value };

export class Graph {
  nodes = [];
  initializers = new Map();
  inputs = [];
  outputs = [];
  #count = 0;

  op(opType, inputs, attributes = {}, made = 1) {
    const names = Array.from({ length: made }, () => `${opType}_${this.#count++}`);
    const entries = Object.entries(attributes).map(([key, value]) => [key, typed(value)]);
    this.nodes.push({
      name: names[0],
      opType,
      inputs,
      outputs: names,
      attributes: Object.fromEntries(entries),
    });
    return made === 1 ? names[0] : names;
  }

  floats(dims, values) {
    const name = `floats_${this.#count++}`;
    this.initializers.set(name, { type: 'float32', dims, data: Float32Array.from(values) });
    return name;
  }

  ints(...values) {
    const name = `ints_${this.#count++}`;
    this.initializers.set(name, {
      type: 'int64',
      dims: [values.length],
      data: BigInt64Array.from(values, BigInt),
    });
    return name;
  }

  scalar(value) {
    return this.floats([], [value]);
  }

  output(name, from, type, dims) {
    this.nodes.push({
      name: `out_${name}`,
      opType: 'Identity',
      inputs: [from],
      outputs: [name],
      attributes: {},
    });
    this.outputs.push({ name, type, dims });
  }

  /** Gives the last node of `from` the name of the output itself, as exporters do. */
  outputAs(name, from, type, dims) {
    const made = this.nodes.find((node) => node.outputs[0] === from);
    const rename = (value) => (value === from ? name : value);
    made.outputs = made.outputs.map(rename);
    for (const node of this.nodes) node.inputs = node.inputs.map(rename);
    this.outputs.push({ name, type, dims });
  }

  bytes(metadata = {}) {
    const { nodes, initializers, inputs, outputs } = this;
    const graph = { name: 'forms', nodes, initializers, inputs, outputs };
    return encodeOnnx({ graph, opset: 17, producerName: 'hazure-forms', metadata });
  }
}

/** The few fields of onnx.proto3 that moving weights out of a file touches; the graph is one that `Graph` wrote. */
const schema = protobuf.Root.fromJSON({
  nested: {
    Entry: { fields: { key: { id: 1, type: 'string' }, value: { id: 2, type: 'string' } } },
    Tensor: {
      fields: {
        dims: { id: 1, type: 'int64', rule: 'repeated' },
        dataType: { id: 2, type: 'int32' },
        name: { id: 8, type: 'string' },
        rawData: { id: 9, type: 'bytes' },
        externalData: { id: 13, type: 'Entry', rule: 'repeated' },
        dataLocation: { id: 14, type: 'int32' },
      },
    },
    Opset: { fields: { domain: { id: 1, type: 'string' }, version: { id: 2, type: 'int64' } } },
    Graph: {
      fields: {
        node: { id: 1, type: 'bytes', rule: 'repeated' },
        name: { id: 2, type: 'string' },
        initializer: { id: 5, type: 'Tensor', rule: 'repeated' },
        input: { id: 11, type: 'bytes', rule: 'repeated' },
        output: { id: 12, type: 'bytes', rule: 'repeated' },
      },
    },
    Model: {
      fields: {
        irVersion: { id: 1, type: 'int64' },
        producerName: { id: 2, type: 'string' },
        graph: { id: 7, type: 'Graph' },
        opsetImport: { id: 8, type: 'Opset', rule: 'repeated' },
        metadataProps: { id: 14, type: 'Entry', rule: 'repeated' },
      },
    },
  },
});

/** Writes a model; with `location` its float weights go into that file beside it. @returns its path */
export function writeModel(path, bytes, location = null) {
  mkdirSync(dirname(path), { recursive: true });
  if (location === null) {
    writeFileSync(path, bytes);
    return path;
  }
  const Model = schema.lookupType('Model');
  const model = Model.decode(bytes);
  const parts = [];
  let offset = 0;
  for (const tensor of model.graph.initializer) {
    if (tensor.dataType !== 1) continue;
    const data = Buffer.from(tensor.rawData);
    parts.push(data);
    const entry = (key, value) => ({ key, value: String(value) });
    tensor.externalData = [
      entry('location', location),
      entry('offset', offset),
      entry('length', data.length),
    ];
    tensor.dataLocation = 1;
    tensor.rawData = new Uint8Array(0);
    offset += data.length;
  }
  const weights = join(dirname(path), location);
  mkdirSync(dirname(weights), { recursive: true });
  writeFileSync(weights, Buffer.concat(parts));
  writeFileSync(path, Model.encode(model).finish());
  return path;
}
