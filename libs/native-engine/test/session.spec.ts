import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeviceError, InputError, ModelError } from '@hazure/contracts';
import type * as onnxruntime from 'onnxruntime-node';
import { loadEngine } from '../src/index.js';
import type { Tensor } from '../src/index.js';
import { hasShared, sharedModel, tinyModel } from './support/fixtures.js';

const engine = loadEngine();
const ort = createRequire(import.meta.url)('onnxruntime-node') as typeof onnxruntime;

describe('a session', () => {
  test('describes its model', async () => {
    const session = await engine.loadSession(tinyModel('embedder'), { device: 'cpu' });
    expect(session.inputs).toEqual([{ name: 'image', type: 'float32', dims: [-1, 3, -1, -1] }]);
    expect(session.outputs.map((output) => output.name)).toEqual(['features', 'pooled', 'map']);
    expect(session.metadata).toEqual({ purpose: 'fixture', dimensions: '8' });
    expect([session.device, session.precision]).toEqual(['cpu', 'fp32']);
    await session.close();
  });

  test('carries every element type unchanged', async () => {
    const session = await engine.loadSession(tinyModel('element-types'));
    const tensor = (type: Tensor['type'], data: Tensor['data']): Tensor => ({ type, dims: [2, 2], data });
    const tensors = {
      float32: tensor('float32', new Float32Array([1.5, -2, 0, 3e38])),
      float16: tensor('float16', new Uint16Array([0x3c00, 0xbc00, 0x7bff, 1])),
      int64: tensor('int64', new BigInt64Array([1n, -(2n ** 62n), 3n, 0n])),
      int32: tensor('int32', new Int32Array([1, -2, 2 ** 31 - 1, -(2 ** 31)])),
      uint8: tensor('uint8', new Uint8Array([0, 1, 128, 255])),
      bool: tensor('bool', new Uint8Array([0, 1, 1, 0])),
    };
    const feeds = Object.fromEntries(Object.entries(tensors).map(([type, value]) => [`in_${type}`, value]));
    const outputs = await session.run(feeds);
    expect(outputs).toEqual(
      Object.fromEntries(Object.entries(tensors).map(([type, value]) => [`out_${type}`, value])),
    );
    await session.close();
  });

  test('reads feeds from a shared buffer', async () => {
    const session = await engine.loadSession(tinyModel('embedder'));
    const plain = new Float32Array(3 * 16 * 16).map((_, i) => (i % 17) / 17);
    const shared = new Float32Array(new SharedArrayBuffer(plain.byteLength));
    shared.set(plain);
    const run = (data: Float32Array) =>
      session.run({ image: { type: 'float32', dims: [1, 3, 16, 16], data } });
    expect((await run(shared)).features).toEqual((await run(plain)).features);
    await session.close();
  });

  const real = hasShared('yolov8n') ? test : test.skip;
  real('computes what onnxruntime-node computes (needs ../shared/models/yolov8n.onnx)', async () => {
    const data = new Float32Array(3 * 640 * 640).map((_, i) => ((i * 2654435761) % 1000) / 1000);
    const dims = [1, 3, 640, 640];
    const session = await engine.loadSession(sharedModel('yolov8n'), { device: 'cpu' });
    const ours = (await session.run({ images: { type: 'float32', dims, data } })).output0;
    await session.close();
    const reference = await ort.InferenceSession.create(sharedModel('yolov8n'));
    const theirs = (await reference.run({ images: new ort.Tensor('float32', data, dims) })).output0;
    await reference.release();
    expect(ours?.dims).toEqual(theirs?.dims);
    const expected = theirs?.data as Float32Array;
    let worst = 0;
    (ours?.data as Float32Array).forEach((value, i) => {
      const wanted = expected[i] as number;
      worst = Math.max(worst, Math.abs(value - wanted) / Math.max(1, Math.abs(wanted)));
    });
    expect(worst).toBeLessThan(1e-4);
  });
});

describe('what a session refuses', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hazure-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([
    ['a missing file', join(folder, 'none.onnx'), 'MODEL_MISSING', /none\.onnx does not exist/],
    ['a folder', folder, 'MODEL_INVALID', /is not a file/],
  ])('%s', async (_, path, code, message) => {
    const error: unknown = await engine.loadSession(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ModelError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string });
  });

  test.each([
    ['text', 'this is no model'],
    ['nothing', ''],
    ['a PNG', '\u0089PNG\r\n\u001a\n\0\0\0\rIHDR'],
  ])('a file of %s', async (name, content) => {
    const path = join(folder, `${name}.onnx`);
    writeFileSync(path, content, 'latin1');
    await expect(engine.loadSession(path)).rejects.toBeInstanceOf(ModelError);
    await expect(engine.loadSession(path)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });

  test('a device that is asked for by name and not there, saying what is missing', async () => {
    if (engine.info().cuda.devices.length > 0) return;
    for (const device of ['cuda', 'tensorrt'] as const) {
      const error: unknown = await engine
        .loadSession(tinyModel('embedder'), { device })
        .catch((e: unknown) => e);
      expect(error).toBeInstanceOf(DeviceError);
      expect(error).toMatchObject({
        code: 'DEVICE_UNAVAILABLE',
        message: expect.stringMatching(new RegExp(`device ${device} cannot be used: .{8,}`)) as string,
      });
    }
    const fallback = await engine.loadSession(tinyModel('embedder'), { device: 'auto' });
    expect(fallback.device).toBe('cpu');
    expect(fallback.deviceReason).toMatch(/^auto: TensorRT left out \(.+\); CUDA left out \(.+\)$/);
    await fallback.close();
  });

  test('a precision that the model does not hold', async () => {
    const load = engine.loadSession(tinyModel('embedder'), { device: 'cpu', precision: 'fp16' });
    await expect(load).rejects.toThrow(
      /fp16 was asked for, but cpu runs .+embedder\.onnx in the fp32 that it holds/,
    );
    const session = await engine.loadSession(tinyModel('embedder'), { device: 'cpu', precision: 'fp32' });
    expect(session.precision).toBe('fp32');
    await session.close();
  });

  test('wrong feeds', async () => {
    const session = await engine.loadSession(tinyModel('embedder'));
    const good: Tensor = { type: 'float32', dims: [1, 3, 4, 4], data: new Float32Array(48) };
    const bad: [Record<string, unknown>, RegExp][] = [
      [{}, /input image was not fed/],
      [{ image: good, other: good }, /no input other; its inputs are image/],
      [{ image: { ...good, dims: [1, 4, 4, 3] } }, /wants the shape \[\?, 3, \?, \?\], got \[1, 4, 4, 3\]/],
      [{ image: { ...good, dims: [1, 3, 4], data: new Float32Array(12) } }, /wants the shape/],
      [{ image: { ...good, dims: [2, 3, 4, 4] } }, /expected 96 values for its dims, got 48/],
      [{ image: { ...good, type: 'int32', data: new Int32Array(48) } }, /wants float32, got int32/],
      [{ image: { ...good, data: new Float64Array(48) } }, /feeds\.image\.data: expected a Float32Array/],
      [{ image: { ...good, type: 'float64' } }, /feeds\.image\.type: expected one of/],
      [{ image: null }, /feeds\.image: expected an object, got null/],
    ];
    for (const [feeds, message] of bad) {
      const error: unknown = await session.run(feeds as never).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(InputError);
      expect((error as Error).message).toMatch(message);
    }
    expect(Object.keys(await session.run({ image: good }))).toHaveLength(3);
    await session.close();
    await expect(session.run({ image: good })).rejects.toThrow(/open, got one that was closed/);
    await session.close();
  });

  test.each([
    [{ device: 'gpu' }, /options\.device: expected one of auto, cpu, cuda, tensorrt, got 'gpu'/],
    [{ threads: -1 }, /options\.threads: expected a whole number of 0…1024, got -1/],
    [{ threads: 1.5 }, /options\.threads/],
    [{ precision: 16 }, /options\.precision: expected a string, got 16/],
    [null, /options: expected an object, got null/],
    [{ cuda: { memoryLimitBytes: 0 } }, /options\.cuda\.memoryLimitBytes: expected a whole number of 1…/],
    [{ cuda: { convolutionSearch: 'best' } }, /options\.cuda\.convolutionSearch: expected one of exhaustive/],
    [
      { tensorrt: { optimisationLevel: 6 } },
      /options\.tensorrt\.optimisationLevel: expected a whole number of 0…5/,
    ],
    [{ cuda: { graph: true } }, /options\.cuda: expected no keys but memoryLimitBytes, .+, got graph/],
    [{ cuda: { graphs: 'yes' } }, /options\.cuda\.graphs: expected/],
    [{ cuda: { graphs: true } }, /options\.cuda\.graphs: expected no graphs: .* come from the host/],
    [{ tensorrt: { fp16: true } }, /options\.tensorrt: expected no keys but cacheDir, .+, got fp16/],
    [{ gpu: 0 }, /options: expected no keys but device, .+, got gpu/],
    [{ cuda: { tf32: 1 } }, /options\.cuda\.tf32/],
    [{ tensorrt: { auxiliaryStreams: -1 } }, /options\.tensorrt\.auxiliaryStreams: .*0…64/],
    [{ tensorrt: { batch: { min: 4, optimal: 2, max: 8 } } }, /options\.tensorrt\.batch\.optimal: .*4…/],
  ])('the options %j', async (options, message) => {
    await expect(engine.loadSession(tinyModel('embedder'), options as never)).rejects.toThrow(message);
  });
});
