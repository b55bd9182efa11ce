import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeEmbedder, readOnnx, summarizeOnnx } from '@hazure/models';
import type { PreprocessSpec, RawRegion } from '@hazure/native-engine';
import {
  boxAgreement,
  perTensorGrid,
  planQuantisation,
  prepareModel,
  quantiseModel,
  readQuantiseReport,
  type QuantiseRequest,
  type QuantiseSource,
} from '../src/index.js';
import { Builder, engine, noise, scratchFolder, tinyNetwork, write } from './helpers.js';

const folder = scratchFolder();
const preprocess: PreprocessSpec = {
  widthPx: 32,
  heightPx: 32,
  fit: 'stretch',
  channelOrder: 'rgb',
  interpolation: 'bilinear',
  scale: 1 / 255,
  mean: [0, 0, 0],
  std: [1, 1, 1],
  padValue: 114,
};

async function* patterns(): AsyncGenerator<RawRegion> {
  for (let i = 0; i < 6; i++) {
    const data = Uint8Array.from(noise(32 * 32 * 3, 100 + i), (x) => 128 + 120 * x);
    yield { image: { data, widthPx: 32, heightPx: 32 }, box: null };
  }
}

const sourceOf = (path: string): QuantiseSource => ({
  path,
  name: 'tiny.onnx',
  sha256: 'x',
  subject: { role: 'embedder', config: { preprocess, output: 'features', normalise: true } },
  declaration: { name: 'tiny-int8', preprocess, embedder: { output: 'features', normalise: true } },
});
let micros = 0;
const request = (path: string, out: string, more: Partial<QuantiseRequest> = {}): QuantiseRequest => ({
  engine,
  source: sourceOf(path),
  calibration: patterns,
  out: join(folder, out),
  cpuMicros: () => (micros += 1000),
  ...more,
});

test('a small network of every fused kind: integers where they count, vectors alike, the report in the file', async () => {
  const report = await quantiseModel(request(write(tinyNetwork(), folder), 'tiny.onnx'));
  expect(report.agreement).toMatchObject({ kind: 'vectors', vectors: 6 });
  expect(report.agreement.loss).toBeLessThan(0.003);
  expect(report.float.map(({ node }) => node)).toEqual(['stem']);
  expect(report.layers).toEqual({ integer: 4, float: 1 });
  expect(report.sensitivity).toHaveLength(4);
  expect(report.images.heldOut).toBe(false);
  const { metadata, opTypes } = await summarizeOnnx(join(folder, 'tiny.onnx'));
  expect(readQuantiseReport(metadata)).toEqual(report);
  expect(opTypes.get('QuantizeLinear')).toBeGreaterThan(8);
  const described = await describeEmbedder(join(folder, 'tiny.onnx'));
  expect(described.model.name).toBe('tiny-int8');
  expect(described.preprocess).toEqual(preprocess);
});

test('weights of 7 bits where asked for', async () => {
  const path = write(tinyNetwork(), folder);
  const reduced = await quantiseModel(
    request(path, 'seven.onnx', { reducedRange: true, sensitivity: false }),
  );
  expect(reduced.weightBits).toBe(7);
  const { graph } = await readOnnx(join(folder, 'seven.onnx'));
  for (const { type, data } of graph.initializers.values()) {
    if (type !== 'int8') continue;
    const largest = [...data].reduce<number>((most, w) => Math.max(most, Math.abs(Number(w))), 0);
    expect(largest).toBeLessThanOrEqual(64);
  }
});

test('for TensorRT activations are signed around zero, and no speed is claimed', async () => {
  const path = write(tinyNetwork(), folder);
  const tensorrt = await quantiseModel(request(path, 'trt.onnx', { target: 'tensorrt', sensitivity: false }));
  expect(tensorrt.speed).toBeNull();
  const made = await readOnnx(join(folder, 'trt.onnx'));
  const zeros = [...made.graph.initializers].filter(([name]) => name.endsWith('_zero'));
  expect(zeros.length).toBeGreaterThan(0);
  expect(
    zeros.every(([, { type, data }]) => type === 'int8' && [...data].every((zero) => Number(zero) === 0)),
  ).toBe(true);
});

test('a budget that nothing meets: layers go back to float, and the advice is to stay', async () => {
  const path = write(tinyNetwork(), folder);
  const strict = await quantiseModel(request(path, 'strict.onnx', { maxLoss: 0 }));
  expect(strict.advice).toBe('stay');
  expect(strict.float.some(({ reason }) => reason.startsWith('budget'))).toBe(true);
});

test('an output that exists is left alone, and no images are an error', async () => {
  const path = write(tinyNetwork(), folder);
  await expect(quantiseModel(request(path, 'tiny.onnx'))).rejects.toMatchObject({
    code: 'OUTPUT_UNWRITABLE',
  });
  const none = async function* (): AsyncGenerator<RawRegion> {};
  await expect(quantiseModel(request(path, 'none.onnx', { calibration: none }))).rejects.toMatchObject({
    code: 'INPUT_EMPTY',
  });
  expect(existsSync(join(folder, 'none.onnx'))).toBe(false);
});

test('the integral of a distribution and what follows the last convolution stay float', () => {
  const b = new Builder();
  b.conv('images', 'y', [16, 3, 3, 3]);
  b.node('Softmax', ['y'], 'soft');
  b.node('Conv', ['soft', b.floats('bins', [1, 16, 1, 1])], 'integral');
  b.node('Sigmoid', ['integral'], 'out');
  const plan = planQuantisation(b.model(['out']).graph, { target: 'cpu', float: new Set() });
  expect([...plan.integer].map(({ name }) => name)).toEqual(['y']);
  expect([...plan.reasons.values()]).toEqual(['integral of a distribution (DFL)']);
});

test('boxes agree by class and overlap, the surest first', () => {
  const row = (x: number, confidence: number, id = 0): number[] => [x, 0, x + 10, 10, confidence, id];
  const exact = [Float32Array.from([...row(0, 0.9), ...row(50, 0.3)])];
  expect(boxAgreement(exact, exact)).toMatchObject({ at50: 1, at90: 1, boxes: 4, loss: 0 });
  // one moved a little, one a little less sure than what counts
  const near = [Float32Array.from([...row(2, 0.8), ...row(50, 0.2)])];
  expect(boxAgreement(exact, near)).toMatchObject({ at50: 1, at90: 1 / 3, boxes: 3 });
  expect(boxAgreement(exact, [Float32Array.from(row(0, 0.9, 1))])).toMatchObject({ at50: 0, boxes: 3 });
});

const shared = fileURLToPath(new URL('../../../../shared/', import.meta.url));
const mobilenet = join(shared, 'models', 'mobilenet_v2_features.onnx');
const withModel = existsSync(mobilenet) ? test : test.skip;

// What it costs on photos is measured by bench/two-folds.mjs, which takes minutes.
withModel(
  'MobileNetV2: every convolution is planned, and the grid that its weights lie on is found',
  async () => {
    const model = await prepareModel(await readOnnx(mobilenet), mobilenet, engine, ['features']);
    const plan = planQuantisation(model.graph, { target: 'cpu', float: new Set() });
    expect(plan.weighted.size).toBe(52);
    const grids = [...plan.weighted].map((node) =>
      perTensorGrid(model.graph.initializers.get(node.inputs[1])!.data as Float32Array),
    );
    expect(grids.filter((grid) => grid !== null)).toHaveLength(52);
  },
);
