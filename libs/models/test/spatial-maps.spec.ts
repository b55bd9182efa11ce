import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import type { OnnxGraph, OnnxNode } from '../src/index.js';
import {
  encodeOnnx,
  extraTokensOf,
  findSpatialMaps,
  ints,
  modelFiles,
  summarizeOnnx,
  withMapOutputs,
} from '../src/index.js';
import { noise, scratchFolder } from './helpers.js';

const folder = scratchFolder();

const node = (opType: string, inputs: string[], output: string, strides?: number): OnnxNode => ({
  name: output,
  opType,
  inputs,
  outputs: [output],
  attributes: {
    ...(strides === undefined ? {} : { strides: ints([strides, strides]), kernel_shape: ints([1, 1]) }),
  },
});

/** 3 channels throughout; 1 × 1 convolutions with the same weights. */
function network(name: string, nodes: OnnxNode[], outputs: OnnxGraph['outputs']): string {
  const graph: OnnxGraph = {
    name,
    nodes,
    initializers: new Map([['w', { type: 'float32', dims: [3, 3, 1, 1], data: noise(9, 4) }]]),
    inputs: [{ name: 'image', type: 'float32', dims: ['batch', 3, 32, 32] }],
    outputs,
  };
  const path = join(folder, `${name}.onnx`);
  writeFileSync(path, encodeOnnx({ graph, opset: 17, producerName: 'test', metadata: {} }));
  return path;
}

const EMBEDDING = [{ name: 'embedding', type: 'float32' as const, dims: ['batch', 3, 1, 1] }];

/** Residual blocks with a gate (squeeze and excitation), and a head that does not lead to the embedding. */
const residual = (): string =>
  network(
    'residual',
    [
      node('Conv', ['image', 'w'], 's2', 2),
      node('Conv', ['s2', 'w'], 's4', 2),
      node('Relu', ['s4'], 's4relu'),
      node('MaxPool', ['s4relu'], 's8', 2),
      node('Conv', ['s8', 'w'], 's8a', 1),
      node('GlobalAveragePool', ['s8a'], 'squeezed'),
      node('Sigmoid', ['squeezed'], 'gate'),
      node('Mul', ['s8a', 'gate'], 'gated'),
      node('Add', ['s8', 'gated'], 's8block'),
      node('Conv', ['s8block', 'w'], 's8expanded', 1),
      node('Conv', ['s8expanded', 'w'], 's16', 2),
      node('Conv', ['s16', 'w'], 'elsewhere', 2),
      node('GlobalAveragePool', ['s16'], 'embedding'),
    ],
    [...EMBEDDING, { name: 'elsewhere', type: 'float32', dims: ['batch', 3, 1, 1] }],
  );

test('the last join of each stride is found, else its last tensor; nothing off the way to the embedding', async () => {
  const maps = await findSpatialMaps(residual(), 'embedding');
  expect(maps.map(({ tensor, stride, kind }) => [tensor, stride, kind])).toEqual([
    ['s4relu', 4, 'grid'],
    ['s8block', 8, 'grid'],
    ['s16', 16, 'grid'],
  ]);
  expect(maps[1]!.reason).toContain('join of branches');
});

test('the copy gives the maps, of the size that their strides say, and the embedding as before', async () => {
  const path = residual();
  const maps = await findSpatialMaps(path, 'embedding');
  const copy = await withMapOutputs({ files: await modelFiles(path), sha256: 'a'.repeat(64) }, maps, folder);
  const feeds = { image: new ort.Tensor('float32', noise(2 * 3 * 32 * 32, 5), [2, 3, 32, 32]) };
  const before = await (await ort.InferenceSession.create(path)).run(feeds);
  const after = await (await ort.InferenceSession.create(copy)).run(feeds);
  expect(after['embedding']!.data).toEqual(before['embedding']!.data);
  for (const { tensor, stride } of maps)
    expect(after[tensor]!.dims).toEqual([2, 3, 32 / stride!, 32 / stride!]);
  // The embedding is the mean of the last map: an independent reading of which tensor it is.
  const last = after['s16']!.data as Float32Array;
  const mean = last.subarray(0, 4).reduce((sum, value) => sum + value, 0) / 4;
  expect((after['embedding']!.data as Float32Array)[0]).toBeCloseTo(mean, 5);
});

test('a copy with parts appended is read as a whole', async () => {
  const path = residual();
  const first = await withMapOutputs(
    { files: await modelFiles(path), sha256: 'b'.repeat(64) },
    await findSpatialMaps(path, 'embedding', ['s8block']),
    folder,
  );
  const { outputs, inputs } = await summarizeOnnx(first);
  expect(outputs.map(({ name }) => name)).toEqual(['embedding', 'elsewhere', 's8block']);
  expect(inputs).toHaveLength(1);
  expect(await findSpatialMaps(first, 'embedding')).toEqual(await findSpatialMaps(path, 'embedding'));
});

test('declared tensors are taken and not looked for; one that is not there is refused', async () => {
  const path = residual();
  expect(await findSpatialMaps(path, 'embedding', ['s8expanded'])).toEqual([
    { tensor: 's8expanded', kind: 'grid', stride: 8, reason: 'declared' },
  ]);
  await expect(findSpatialMaps(path, 'embedding', ['s9'])).rejects.toMatchObject({
    code: 'MODEL_UNSUPPORTED',
  });
});

test('tokens of a transformer are taken; a network without maps is refused', async () => {
  const tokens = network(
    'tokens',
    [node('Conv', ['image', 'w'], 'last_hidden_state', 4)],
    [{ name: 'last_hidden_state', type: 'float32', dims: ['batch', 65, 3] }],
  );
  const [map] = await findSpatialMaps(tokens, 'last_hidden_state');
  expect(map).toMatchObject({ tensor: 'last_hidden_state', kind: 'tokens' });
  const flat = network('flat', [node('GlobalAveragePool', ['image'], 'embedding')], EMBEDDING);
  await expect(findSpatialMaps(flat, 'embedding')).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' });
  const patches = [
    node('Conv', ['image', 'w'], 'patches', 8),
    node('GlobalAveragePool', ['patches'], 'embedding'),
  ];
  const cut = network('cut', patches, EMBEDDING);
  await expect(findSpatialMaps(cut, 'embedding')).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' });
});

test.each([
  [197, 1],
  [256, 0],
  [261, 5],
  [198, 2],
  [50, 1],
])('%i tokens have %i beside the patches', (tokens, extra) => expect(extraTokensOf(tokens)).toBe(extra));

test('tokens that make no square are refused', () => {
  expect(() => extraTokensOf(210)).toThrow('210 tokens');
});
