/**
 * Writes the tiny ONNX models under native/tests/models that the engine's tests run on: every element type, an embedder
 * with an open and with a fixed batch, and a detector in YOLOv8's layout. Weights are seeded; the same bytes each time.
 *
 *   npx nx build @hazure/models && node libs/test-kit/src/tiny-models/make-native-models.mjs
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { encodeOnnx, float, int, ints } from '@hazure/models';

const folder = new URL('../../../../native/tests/models/', import.meta.url);
mkdirSync(folder, { recursive: true });

/** xorshift32, −1…1: fixture weights only. */
function weights(dims, seed, gain) {
  let state = seed;
  const data = new Float32Array(dims.reduce((a, b) => a * b, 1)).map(() => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) / 2 ** 31 - 1) * gain;
  });
  return { type: 'float32', dims, data };
}

const node = (opType, inputs, outputs, attributes = {}) => ({
  name: outputs[0],
  opType,
  inputs,
  outputs,
  attributes,
});

function write(name, graph, metadata = {}) {
  const bytes = encodeOnnx({
    producerName: 'hazure fixtures',
    opset: 17,
    metadata,
    graph: { name, ...graph },
  });
  writeFileSync(new URL(`${name}.onnx`, folder), bytes);
  console.log(`${name}.onnx ${bytes.length} bytes`);
}

function embedder(name, batch) {
  write(
    name,
    {
      inputs: [{ name: 'image', type: 'float32', dims: [batch, 3, null, null] }],
      outputs: [
        { name: 'features', type: 'float32', dims: [batch, 8] },
        { name: 'pooled', type: 'float32', dims: [batch, null, 1, 1] },
        { name: 'map', type: 'float32', dims: [batch, 8, null, null] },
      ],
      initializers: new Map([
        ['kernel', weights([8, 3, 3, 3], 7, 0.5)],
        ['bias', weights([8], 11, 0.1)],
      ]),
      nodes: [
        node('Conv', ['image', 'kernel', 'bias'], ['convolved'], {
          kernel_shape: ints([3, 3]),
          strides: ints([2, 2]),
          pads: ints([1, 1, 1, 1]),
        }),
        node('LeakyRelu', ['convolved'], ['map'], { alpha: float(0.1) }),
        node('GlobalAveragePool', ['map'], ['pooled']),
        node('Flatten', ['pooled'], ['features'], { axis: int(1) }),
      ],
    },
    { purpose: 'fixture', dimensions: '8' },
  );
}

embedder('embedder', 'batch');
embedder('embedder-batch4', 4);

/** The two class channels are opposites around zero, so that both classes win somewhere. */
function detectorKernel() {
  const kernel = weights([6, 3, 8, 8], 23, 0.4);
  const size = 3 * 8 * 8;
  const first = kernel.data.subarray(4 * size, 5 * size);
  const mean = first.reduce((a, b) => a + b, 0) / size;
  first.forEach((value, i) => {
    first[i] = value - mean;
    kernel.data[5 * size + i] = -first[i];
  });
  return kernel;
}

write('detector', {
  inputs: [{ name: 'images', type: 'float32', dims: ['batch', 3, 64, 64] }],
  outputs: [{ name: 'output0', type: 'float32', dims: ['batch', 6, 64] }],
  initializers: new Map([
    ['kernel', detectorKernel()],
    ['shape', { type: 'int64', dims: [3], data: new BigInt64Array([0n, 6n, 64n]) }],
    ['range', { type: 'float32', dims: [1, 6, 1], data: new Float32Array([64, 64, 40, 40, 1, 1]) }],
  ]),
  nodes: [
    node('Conv', ['images', 'kernel'], ['cells'], { kernel_shape: ints([8, 8]), strides: ints([8, 8]) }),
    node('Reshape', ['cells', 'shape'], ['rows']),
    node('Sigmoid', ['rows'], ['unit']),
    node('Mul', ['unit', 'range'], ['output0']),
  ],
});

const types = ['float32', 'float16', 'int64', 'int32', 'uint8', 'bool'];
write('element-types', {
  inputs: types.map((type) => ({ name: `in_${type}`, type, dims: ['n', 2] })),
  outputs: types.map((type) => ({ name: `out_${type}`, type, dims: ['n', 2] })),
  initializers: new Map(),
  nodes: types.map((type) => node('Identity', [`in_${type}`], [`out_${type}`])),
});

// Copies and products only: on an emulated device, where no kernel of ONNX Runtime runs, all of it does.
const positive = ({ data, ...rest }) => ({ ...rest, data: data.map(Math.abs) });
const rows = (columns) => ({ type: 'int64', dims: [3], data: new BigInt64Array([0n, 16n, columns]) });
write('products', {
  inputs: [{ name: 'image', type: 'float32', dims: ['batch', 3, 16, 16] }],
  outputs: [
    { name: 'features', type: 'float32', dims: ['batch', 8] },
    { name: 'logits', type: 'float32', dims: ['batch', 16, 2] },
    { name: 'boxes', type: 'float32', dims: ['batch', 16, 4] },
  ],
  initializers: new Map([
    ['to_features', weights([768, 8], 31, 0.2)],
    ['to_logits', weights([768, 32], 37, 0.2)],
    ['to_boxes', positive(weights([768, 64], 41, 0.0026))],
    ['logits_shape', rows(2n)],
    ['boxes_shape', rows(4n)],
  ]),
  nodes: [
    node('Flatten', ['image'], ['flat'], { axis: int(1) }),
    node('MatMul', ['flat', 'to_features'], ['features']),
    node('MatMul', ['flat', 'to_logits'], ['logit_rows']),
    node('Reshape', ['logit_rows', 'logits_shape'], ['logits']),
    node('MatMul', ['flat', 'to_boxes'], ['box_rows']),
    node('Reshape', ['box_rows', 'boxes_shape'], ['boxes']),
  ],
});

for (const [name, type, batch] of [
  ['pixels-half', 'float16', 'batch'],
  ['pixels-batch2', 'float32', 2],
]) {
  write(name, {
    inputs: [{ name: 'image', type, dims: [batch, 3, 16, 16] }],
    outputs: [{ name: 'pixels', type, dims: [batch, 768] }],
    initializers: new Map(),
    nodes: [node('Flatten', ['image'], ['pixels'], { axis: int(1) })],
  });
}

// An operator that no GPU provider has.
write('uncapturable', {
  inputs: [{ name: 'image', type: 'float32', dims: ['batch', 3, 16, 16] }],
  outputs: [{ name: 'values', type: 'float32', dims: ['n'] }],
  initializers: new Map(),
  nodes: [node('Unique', ['image'], ['values'])],
});
