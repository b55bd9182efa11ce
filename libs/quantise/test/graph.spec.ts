import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeOnnx, encodeOnnx, int, ints, readOnnx } from '@hazure/models';
import { prepareModel } from '../src/index.js';
import {
  Builder,
  engine,
  largestDifference,
  noise,
  run,
  scalar,
  scratchFolder,
  tinyNetwork,
} from './helpers.js';

const folder = scratchFolder();
const IMAGE = [1, 3, 32, 32] as const;
const image = noise(3 * 32 * 32, 99);

test('a model is read as it was written', () => {
  const model = tinyNetwork();
  const read = decodeOnnx(encodeOnnx(model));
  expect(read.graph.nodes).toEqual(model.graph.nodes);
  expect(read.graph.initializers).toEqual(model.graph.initializers);
  expect(read.opset).toBe(17);
});

test('the end of a slice survives, although it is no exact number', () => {
  const b = new Builder();
  b.node('Identity', ['images'], 'out', { to: ints([2 ** 63, -1]), from: int(2 ** 63) });
  const [node] = decodeOnnx(encodeOnnx(b.model(['out']))).graph.nodes;
  expect(node!.attributes).toEqual({ to: ints([2 ** 63, -1]), from: int(2 ** 63) });
});

describe('refused with a code', () => {
  const refused = async (change: (b: Builder) => void, hint: RegExp): Promise<void> => {
    const b = new Builder();
    b.conv('images', 'y', [4, 3, 3, 3]);
    change(b);
    const model = decodeOnnx(encodeOnnx(b.model(['y'])));
    await expect(prepareModel(model, 'x.onnx', engine)).rejects.toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(hint) as string,
    });
  };

  test('quantised already', () =>
    refused((b) => b.node('QuantizeLinear', ['y', b.constant('s', scalar(1))], 'q'), /quantised already/));
  test('operators of another domain', () =>
    refused(
      (b) =>
        b.nodes.push({
          name: 'n',
          opType: 'FusedConv',
          domain: 'com.microsoft',
          inputs: ['images'],
          outputs: ['z'],
          attributes: {},
        }),
      /com\.microsoft/,
    ));
  test('half precision', () =>
    refused(
      (b) => b.constant('h', { type: 'float16', dims: [1], data: Uint16Array.of(0) }),
      /half precision/,
    ));
  test('an output that is not there', async () => {
    await expect(prepareModel(tinyNetwork(), 'x.onnx', engine, ['nothing'])).rejects.toThrow(
      /no output nothing/,
    );
  });
});

test('external weights are read, and those outside the folder are not', async () => {
  // A protobuf by hand: graph { initializer { dims 2, float, name w, external { location, length }, data_location 1 } output }
  const tag = (field: number, type: number): number => (field << 3) | type;
  const bytes = (field: number, body: Uint8Array | number[]): number[] => [
    tag(field, 2),
    body.length,
    ...body,
  ];
  const text = (field: number, value: string): number[] => bytes(field, new TextEncoder().encode(value));
  const modelAt = (location: string): Uint8Array => {
    const entry = (key: string, value: string): number[] => bytes(13, [...text(1, key), ...text(2, value)]);
    const tensor = [
      ...bytes(1, [2]),
      tag(2, 0),
      1,
      ...text(8, 'w'),
      ...entry('location', location),
      tag(14, 0),
      1,
    ];
    const graph = [...bytes(5, tensor), ...bytes(12, text(1, 'w'))];
    return Uint8Array.from(bytes(7, graph));
  };
  writeFileSync(join(folder, 'weights.bin'), new Uint8Array(Float32Array.of(1.5, -2).buffer));
  writeFileSync(join(folder, 'external.onnx'), modelAt('weights.bin'));
  const model = await readOnnx(join(folder, 'external.onnx'));
  expect(model.graph.initializers.get('w')!.data).toEqual(Float32Array.of(1.5, -2));
  writeFileSync(join(folder, 'outside.onnx'), modelAt('../weights.bin'));
  await expect(readOnnx(join(folder, 'outside.onnx'))).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' });
  writeFileSync(join(folder, 'missing.onnx'), modelAt('gone.bin'));
  await expect(readOnnx(join(folder, 'missing.onnx'))).rejects.toMatchObject({ code: 'MODEL_MISSING' });
});

test('raising an old opset, folding constants and batch norms change no result', async () => {
  const b = new Builder();
  b.node('Constant', [], 'two', { value: { kind: 'tensor', value: scalar(2) } });
  b.node('Mul', ['two', b.constant('three', scalar(3))], 'six');
  b.conv('images', 'y', [8, 3, 3, 3]);
  const positive = b.constant('variance', {
    type: 'float32',
    dims: [8],
    data: noise(8, 5).map((x) => x * x + 0.1),
  });
  b.node(
    'BatchNormalization',
    ['y', b.floats('g', [8]), b.floats('s', [8]), b.floats('m', [8]), positive],
    'bn',
  );
  b.node('Clip', ['bn', '', 'six'], 'clipped');
  b.node('Split', ['clipped'], ['a', 'b'], { axis: int(1), split: ints([2, 6]) });
  b.node('Softmax', ['b'], 'soft', { axis: int(1) });
  b.node('ReduceSum', ['a'], 'sum', { axes: ints([2]), keepdims: int(0) });
  b.node('Unsqueeze', ['sum'], 'out', { axes: ints([0]) });
  const model = b.model(['soft', 'out'], { opset: 11 });
  const prepared = await prepareModel(model, 'old.onnx', engine);
  expect(prepared.opset).toBe(13);
  const types = prepared.graph.nodes.map(({ opType }) => opType);
  expect(types).not.toContain('BatchNormalization');
  expect(types).not.toContain('Constant');
  const [before, after] = [await run(model, folder, image, IMAGE), await run(prepared, folder, image, IMAGE)];
  for (const name of ['soft', 'out'])
    expect(largestDifference(before[name]!, after[name]!)).toBeLessThan(1e-4);
});

test('Focus becomes one convolution of twice the size, exactly', async () => {
  const b = new Builder();
  const axes = (name: string, ...values: number[]): string =>
    b.constant(name, { type: 'int64', dims: [values.length], data: BigInt64Array.from(values, BigInt) });
  const [end, two] = [axes('end', 2 ** 40), axes('step', 2)];
  const phases = [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ].map(([row, col], i) => {
    b.node('Slice', ['images', axes(`row${i}`, row!), end, axes(`h${i}`, 2), two], `rows${i}`);
    return b.node('Slice', [`rows${i}`, axes(`col${i}`, col!), end, axes(`w${i}`, 3), two], `phase${i}`);
  });
  b.node('Concat', phases, 'focus', { axis: int(1) });
  b.conv('focus', 'y', [16, 12, 3, 3]);
  const model = b.model(['y']);
  const prepared = await prepareModel(model, 'focus.onnx', engine);
  expect(prepared.graph.nodes.map(({ opType }) => opType)).toEqual(['Conv']);
  expect(prepared.graph.nodes[0]!.attributes['kernel_shape']).toEqual(ints([6, 6]));
  const [before, after] = [await run(model, folder, image, IMAGE), await run(prepared, folder, image, IMAGE)];
  expect(largestDifference(before['y']!, after['y']!)).toBeLessThan(1e-5);
});
