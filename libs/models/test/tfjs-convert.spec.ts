import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import type { OnnxGraph, TfjsGraph } from '../src/index.js';
import { convertTfjsGraph, encodeOnnx, parseTfjsGraph } from '../src/index.js';
import { noise, testdata } from './helpers.js';

interface Golden {
  readonly seed: number;
  readonly outputs: Readonly<Record<string, { dims: number[]; data: number[] }>>;
}

const modelJson = JSON.parse(readFileSync(testdata('tiny-tfjs/model.json'), 'utf8')) as {
  modelTopology: { node: { name: string; op: string; input?: string[] }[] };
};
const weights = readFileSync(testdata('tiny-tfjs/weights.bin'));
const golden = JSON.parse(readFileSync(testdata('tiny-tfjs/golden.json'), 'utf8')) as Golden;
const graph: TfjsGraph = parseTfjsGraph(modelJson, weights);

async function run(
  onnx: OnnxGraph,
  images: readonly Float32Array[],
): Promise<ort.InferenceSession.ReturnType> {
  const bytes = encodeOnnx({ graph: onnx, opset: 17, producerName: 'test', metadata: {} });
  const session = await ort.InferenceSession.create(bytes);
  const input = new Float32Array(images.length * 360);
  images.forEach((image, i) => input.set(image, i * 360));
  return session.run({ image: new ort.Tensor('float32', input, [images.length, 3, 12, 10]) });
}

function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((max, x, i) => Math.max(max, Math.abs(x - b[i]!)), 0);
}

const operators = (onnx: OnnxGraph): string[] => onnx.nodes.map((node) => node.opType);

describe('a converted TensorFlow.js graph', () => {
  test('holds every operator that the converter knows', () => {
    expect([...new Set(graph.nodes.map((node) => node.op))].sort()).toEqual([
      ...['Add', 'AddV2', 'ConcatV2', 'Const', 'Conv2D', 'Identity', 'LeakyRelu', 'MaxPool', 'Pad', 'PadV2'],
      ...['Placeholder', 'Reshape', 'ResizeBilinear', 'Sigmoid', 'SparseToDense', 'SplitV', 'Transpose'],
    ]);
  });

  test.each([true, false])('gives what TensorFlow.js gives (simplified: %s)', async (simplify) => {
    const outputs = await run(convertTfjsGraph(graph, { simplify }), [noise(360, golden.seed)]);
    for (const [name, expected] of Object.entries(golden.outputs)) {
      expect(outputs[name]!.dims).toEqual(expected.dims);
      expect(maxDifference(outputs[name]!.data as Float32Array, expected.data)).toBeLessThan(2e-5);
    }
  });

  test('takes any batch, and batch 3 equals batch 1', async () => {
    const onnx = convertTfjsGraph(graph);
    const images = [1, 2, 3].map((seed) => noise(360, seed));
    const together = await run(onnx, images);
    for (const [i, image] of images.entries()) {
      const alone = await run(onnx, [image]);
      for (const name of ['out_a', 'out_b']) {
        const data = alone[name]!.data as Float32Array;
        const part = (together[name]!.data as Float32Array).subarray(i * data.length, (i + 1) * data.length);
        expect(maxDifference(part, data)).toBeLessThan(1e-6);
      }
    }
  });

  test('keeps no transpose, pad or bias that another operator can take over', () => {
    const naive = operators(convertTfjsGraph(graph, { simplify: false }));
    const simplified = operators(convertTfjsGraph(graph));
    const count = (ops: string[], op: string): number => ops.filter((name) => name === op).length;
    expect(count(naive, 'Transpose')).toBeGreaterThan(10);
    // What is left: rows per cell at the two outputs.
    expect(count(simplified, 'Transpose')).toBe(2);
    expect(count(simplified, 'Pad')).toBe(0);
    expect(count(simplified, 'Add')).toBe(1);
  });
});

describe('a graph that can not be converted', () => {
  const withOp = (op: string): unknown => ({
    ...modelJson,
    modelTopology: {
      node: modelJson.modelTopology.node.map((node) => (node.op === 'Sigmoid' ? { ...node, op } : node)),
    },
  });

  test('is refused with the names of its unknown operators', () => {
    const unknown = parseTfjsGraph(withOp('Erf'), weights);
    expect(() => convertTfjsGraph(unknown)).toThrow(/operators that the converter does not know: Erf/);
  });

  test('is refused when weights are missing or left over', () => {
    expect(() => parseTfjsGraph(modelJson, weights.subarray(1))).toThrow(/bytes of weights, came 1829/);
    expect(() => parseTfjsGraph(modelJson, Buffer.concat([weights, weights]))).toThrow(/expected 1830 bytes/);
  });

  test('is refused when the JSON is something else, or a node reads what is not there', () => {
    expect(() => parseTfjsGraph({ hello: 1 }, weights)).toThrow(/no graph model/);
    const broken = structuredClone(modelJson);
    broken.modelTopology.node.find((node) => node.name === 'sum')!.input![0] = 'nowhere';
    expect(() => parseTfjsGraph(broken, weights)).toThrow(/sum reads nowhere/);
  });

  test('is refused when an operator works across the batch', () => {
    const broken = structuredClone(modelJson) as typeof modelJson;
    const nodes = broken.modelTopology.node;
    nodes.find((node) => node.name === 'rows2')!.input![1] = 'nchw';
    expect(() => convertTfjsGraph(parseTfjsGraph(broken, weights))).toThrow(/rows2 \(Reshape\)/);
  });
});
