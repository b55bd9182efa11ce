/**
 * A small builder of ONNX graphs with random weights, for the tiny stand-ins of CLIP and Qwen2-VL. Every method adds
 * one node and returns its output's name; weights come from one seeded stream, so the same calls give the same file.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { encodeOnnx } from '@hazure/models';
import { PRECISIONS } from './onnx-precision.mjs';
import { Random } from '@hazure/numerics';

const OPSET = 17;
export const FLOAT = 1;
export const INT64 = 7;
const MASKED = -1e9;

export class Graph {
  constructor(name, seed) {
    this.name = name;
    this.random = new Random(seed);
    this.nodes = [];
    this.initializers = new Map();
    this.inputs = [];
    this.outputs = [];
    this.counts = new Map();
  }

  fresh(stem) {
    const count = this.counts.get(stem) ?? 0;
    this.counts.set(stem, count + 1);
    return `${stem}_${count}`;
  }

  input(name, type, dims) {
    this.inputs.push({ name, type, dims });
    return name;
  }

  output(name, from, dims) {
    this.nodes.push({
      name: this.fresh('Out'),
      opType: 'Identity',
      inputs: [from],
      outputs: [name],
      attributes: {},
    });
    this.outputs.push({ name, type: 'float32', dims });
  }

  op(opType, inputs, attributes = {}) {
    const output = this.fresh(opType);
    const typed = Object.fromEntries(
      Object.entries(attributes).map(([key, value]) => [
        key,
        Array.isArray(value)
          ? { kind: 'ints', value }
          : Number.isInteger(value)
            ? { kind: 'int', value }
            : { kind: 'float', value },
      ]),
    );
    this.nodes.push({ name: output, opType, inputs, outputs: [output], attributes: typed });
    return output;
  }

  floats(dims, data, stem = 'const') {
    const name = this.fresh(stem);
    this.initializers.set(name, { type: 'float32', dims, data: Float32Array.from(data) });
    return name;
  }

  ints(values, dims = [values.length]) {
    const name = this.fresh('ints');
    this.initializers.set(name, { type: 'int64', dims, data: BigInt64Array.from(values, BigInt) });
    return name;
  }

  weight(dims, scale) {
    const length = dims.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length }, () => this.random.nextNormal() * scale);
    return this.floats(dims, data, 'weight');
  }

  linear(x, from, to) {
    const product = this.op('MatMul', [x, this.weight([from, to], 1 / Math.sqrt(from))]);
    return this.op('Add', [product, this.weight([to], 0.05)]);
  }

  layerNorm(x, width) {
    const scale = this.floats([width], new Float32Array(width).fill(1));
    return this.op('LayerNormalization', [x, scale, this.weight([width], 0.02)], { axis: -1, epsilon: 1e-5 });
  }

  quickGelu(x) {
    return this.op('Mul', [x, this.op('Sigmoid', [this.op('Mul', [x, this.floats([], [1.702])])])]);
  }

  /** Size of one axis as a 1-element tensor. */
  size(x, axis) {
    return this.op('Gather', [this.op('Shape', [x]), this.ints([axis])], { axis: 0 });
  }

  scalar(x) {
    return this.op('Squeeze', [x, this.ints([0])]);
  }

  range(start, end) {
    return this.op('Range', [start, end, this.ints([1], [])]);
  }

  /** Additive mask [queries, keys] that hides keys after their query; queries stand at `first`…`end`−1. */
  causalMask(first, end) {
    const queries = this.op('Unsqueeze', [this.range(first, end), this.ints([1])]);
    const keys = this.op('Unsqueeze', [this.range(this.ints([0], []), end), this.ints([0])]);
    return this.op('Where', [
      this.op('Greater', [keys, queries]),
      this.floats([], [MASKED]),
      this.floats([], [0]),
    ]);
  }

  split(x, width, heads) {
    const shaped = this.op('Reshape', [x, this.ints([0, 0, heads, width / heads])]);
    return this.op('Transpose', [shaped], { perm: [0, 2, 1, 3] });
  }

  /** Pre-norm transformer block; `past` = { key, value } prepends cached keys and values. */
  block(x, { width, heads, mask = null, past = null }) {
    const normed = this.layerNorm(x, width);
    const query = this.split(this.linear(normed, width, width), width, heads);
    let key = this.split(this.linear(normed, width, width), width, heads);
    let value = this.split(this.linear(normed, width, width), width, heads);
    if (past !== null) {
      key = this.op('Concat', [past.key, key], { axis: 2 });
      value = this.op('Concat', [past.value, value], { axis: 2 });
    }
    const scores = this.op('Mul', [
      this.op('MatMul', [query, this.op('Transpose', [key], { perm: [0, 1, 3, 2] })]),
      this.floats([], [1 / Math.sqrt(width / heads)]),
    ]);
    const masked = mask === null ? scores : this.op('Add', [scores, mask]);
    const mixed = this.op('MatMul', [this.op('Softmax', [masked], { axis: -1 }), value]);
    const joined = this.op('Reshape', [
      this.op('Transpose', [mixed], { perm: [0, 2, 1, 3] }),
      this.ints([0, 0, width]),
    ]);
    const attended = this.op('Add', [x, this.linear(joined, width, width)]);
    const inner = this.quickGelu(this.linear(this.layerNorm(attended, width), width, 2 * width));
    return { x: this.op('Add', [attended, this.linear(inner, 2 * width, width)]), key, value };
  }

  /** Writes the file in one of the precisions of onnx-precision.mjs and returns its sha256. */
  save(path, precision = 'fp32') {
    const { name, nodes, initializers, inputs, outputs } = this;
    const bytes = encodeOnnx({
      graph: PRECISIONS[precision].convert({ name, nodes, initializers, inputs, outputs }),
      opset: OPSET,
      producerName: 'hazure tiny model',
      metadata: {},
    });
    writeFileSync(path, bytes);
    return createHash('sha256').update(bytes).digest('hex');
  }
}
