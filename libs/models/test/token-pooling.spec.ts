import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import type { OnnxGraph } from '../src/index.js';
import { describeEmbedder, encodeOnnx, int, ints } from '../src/index.js';
import { noise, scratchFolder } from './helpers.js';

const folder = scratchFolder();
const PREPROCESS = {
  widthPx: 4,
  heightPx: 4,
  fit: 'stretch',
  channelOrder: 'rgb',
  interpolation: 'bicubic-antialias',
  scale: 1,
  mean: [0, 0, 0],
  std: [1, 1, 1],
  padValue: 0,
};

/** A transformer's face: `[N, 3, 4, 4]` → `last_hidden_state [N, 16, 3]`, its pixels as tokens. */
function tokensModel(name: string, opset: number): string {
  const graph: OnnxGraph = {
    name: 'tokens',
    nodes: [
      {
        name: 't',
        opType: 'Transpose',
        inputs: ['pixel_values'],
        outputs: ['hwc'],
        attributes: { perm: ints([0, 2, 3, 1]) },
      },
      {
        name: 'r',
        opType: 'Reshape',
        inputs: ['hwc', 'shape'],
        outputs: ['last_hidden_state'],
        attributes: { allowzero: int(0) },
      },
    ],
    initializers: new Map([['shape', { type: 'int64', dims: [3], data: BigInt64Array.of(0n, 16n, 3n) }]]),
    inputs: [{ name: 'pixel_values', type: 'float32', dims: ['batch', 3, 4, 4] }],
    outputs: [{ name: 'last_hidden_state', type: 'float32', dims: ['batch', 16, 3] }],
  };
  const path = join(folder, `${name}.onnx`);
  writeFileSync(path, encodeOnnx({ graph, opset, producerName: 'test', metadata: {} }));
  return path;
}

async function pooled(path: string): Promise<ort.Tensor> {
  const found = await describeEmbedder(path, { cacheDir: join(folder, 'cache') });
  expect(found).toMatchObject({ output: 'hazure_pooled', dimensions: 3 });
  const session = await ort.InferenceSession.create(found.model.path);
  const feeds = { pixel_values: new ort.Tensor('float32', noise(2 * 48, 3), [2, 3, 4, 4]) };
  return (await session.run(feeds))['hazure_pooled']!;
}

const declare = (path: string, embedder: object): void =>
  writeFileSync(path.replace('.onnx', '.hazure.json'), JSON.stringify({ preprocess: PREPROCESS, embedder }));

test('the class token of a vision transformer stands for the image', async () => {
  const path = tokensModel('cls', 17);
  declare(path, { output: 'last_hidden_state', pooling: 'cls' });
  const { dims, data } = await pooled(path);
  const pixels = noise(2 * 48, 3);
  expect(dims).toEqual([2, 3]);
  expect([...(data as Float32Array)]).toEqual([0, 16, 32, 48, 64, 80].map((i) => pixels[i]!));
});

test.each([17, 18])('the mean of the tokens at opset %i', async (opset) => {
  const path = tokensModel(`mean${opset}`, opset);
  declare(path, { output: 'last_hidden_state', pooling: 'mean' });
  const { data } = await pooled(path);
  const pixels = noise(2 * 48, 3);
  [...(data as Float32Array)].forEach((value, channel) => {
    const plane = pixels.subarray(channel * 16, (channel + 1) * 16);
    expect(value).toBeCloseTo(plane.reduce((sum, x) => sum + x, 0) / 16, 5);
  });
});
