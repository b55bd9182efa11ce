import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OnnxGraph } from '../src/index.js';
import { encodeOnnx, summarizeOnnx } from '../src/index.js';
import { scratchFolder } from './helpers.js';

const folder = scratchFolder();
const graph: OnnxGraph = {
  name: 'g',
  nodes: [
    { name: 'm', opType: 'MatMul', inputs: ['x', 'w'], outputs: ['y'], attributes: {} },
    { name: 'r', opType: 'Relu', inputs: ['y'], outputs: ['z'], attributes: {} },
  ],
  initializers: new Map([['w', { type: 'float32', dims: [300, 300], data: new Float32Array(90_000) }]]),
  inputs: [
    { name: 'x', type: 'float32', dims: ['batch', 300] },
    // Old exporters list initializers among the inputs.
    { name: 'w', type: 'float32', dims: [300, 300] },
  ],
  outputs: [{ name: 'z', type: 'float32', dims: ['batch', 300] }],
};
const bytes = encodeOnnx({ graph, opset: 17, producerName: 'p', metadata: { names: "{0: 'é'}" } });
const path = join(folder, 'm.onnx');
writeFileSync(path, bytes);

test('the header of a model tells inputs, outputs, operators and metadata', async () => {
  const { steps, ...summary } = await summarizeOnnx(path);
  expect([...steps.values()].map(({ opType }) => opType)).toEqual(['MatMul', 'Relu']);
  expect(summary).toEqual({
    externalFiles: [],
    producerName: 'p',
    opset: 17,
    metadata: { names: "{0: 'é'}" },
    inputs: [{ name: 'x', type: 'float32', dims: ['batch', 300] }],
    outputs: [{ name: 'z', type: 'float32', dims: ['batch', 300] }],
    opTypes: new Map([
      ['MatMul', 1],
      ['Relu', 1],
    ]),
    producers: new Map([['z', 'Relu']]),
    fileBytes: bytes.length,
  });
});

test('a cut file is refused wherever it is cut', async () => {
  const cut = join(folder, 'cut.onnx');
  for (const length of [0, 1, 40, 1000, bytes.length - 30, bytes.length - 1]) {
    writeFileSync(cut, bytes.subarray(0, length));
    await expect(summarizeOnnx(cut)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  }
});

test('other files, folders and missing files are refused', async () => {
  const text = join(folder, 'text.onnx');
  writeFileSync(text, 'not a model, but a longer text that goes on for a while\n'.repeat(50));
  const source = new URL(import.meta.url).pathname;
  writeFileSync(join(folder, 'ts.onnx'), readFileSync(source));
  for (const name of ['text.onnx', 'ts.onnx', '.']) {
    await expect(summarizeOnnx(join(folder, name))).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  }
  await expect(summarizeOnnx(join(folder, 'none.onnx'))).rejects.toMatchObject({ code: 'MODEL_MISSING' });
});
