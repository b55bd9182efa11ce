import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor } from '@hazure/models';
import { encodeOnnx, int, ints } from '@hazure/models';
import { loadEngine, type Tensor } from '@hazure/native-engine';

export const engine = loadEngine();

/** A folder that is gone after the tests of the calling file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hazure-quantise-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Numbers from −1 to 1, about normal, the same for the same seed. */
export function noise(length: number, seed: number): Float32Array {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return Float32Array.from({ length }, () => (2 * (next() + next() + next())) / 3);
}

/** Builds a graph node by node. */
export class Builder {
  readonly nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, OnnxTensor>();
  #seed = 1;

  constant(name: string, tensor: OnnxTensor): string {
    this.initializers.set(name, tensor);
    return name;
  }

  floats(name: string, dims: readonly number[], scale = 1): string {
    const length = dims.reduce((a, b) => a * b, 1);
    return this.constant(name, {
      type: 'float32',
      dims,
      data: noise(length, this.#seed++).map((x) => x * scale),
    });
  }

  node(
    opType: string,
    inputs: readonly string[],
    output: string | readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): string {
    const outputs = typeof output === 'string' ? [output] : output;
    this.nodes.push({ name: outputs[0]!, opType, inputs, outputs, attributes });
    return outputs[0]!;
  }

  conv(
    input: string,
    output: string,
    dims: readonly number[],
    options: { stride?: number; group?: number } = {},
  ): string {
    const [out, perGroup, kernel] = dims as [number, number, number];
    const fanIn = perGroup * kernel * kernel;
    const { stride = 1, group = 1 } = options;
    return this.node(
      'Conv',
      [input, this.floats(`${output}_w`, dims, 2 / Math.sqrt(fanIn)), this.floats(`${output}_b`, [out], 0.3)],
      output,
      {
        kernel_shape: ints([kernel, kernel]),
        pads: ints(new Array(4).fill(Math.floor(kernel / 2))),
        strides: ints([stride, stride]),
        group: int(group),
      },
    );
  }

  silu(input: string, output: string): string {
    return this.node('Mul', [input, this.node('Sigmoid', [input], `${output}_gate`)], output);
  }

  model(
    outputs: readonly string[],
    { opset = 17, input = [1, 3, 32, 32] as readonly (number | string)[] } = {},
  ): OnnxModel {
    return {
      graph: {
        name: 'test',
        nodes: this.nodes,
        initializers: this.initializers,
        inputs: [{ name: 'images', type: 'float32', dims: input }],
        outputs: outputs.map((name) => ({ name, type: 'float32', dims: [], unranked: true })),
      },
      opset,
      producerName: 'test',
      metadata: {},
    };
  }
}

/** An image network with what the plan has to fuse: stem, depthwise, SiLU, residual sum, pool, split, concat. */
export function tinyNetwork(): OnnxModel {
  const b = new Builder();
  const stem = b.node('Relu', [b.conv('images', 'stem', [16, 3, 3, 3], { stride: 2 })], 'stem_act');
  const deep = b.silu(b.conv(stem, 'deep', [16, 16, 3, 3]), 'deep_act');
  const more = b.silu(b.conv(deep, 'more', [16, 16, 3, 3]), 'more_act');
  const sum = b.node('Add', [deep, more], 'sum');
  b.node(
    'Split',
    [sum, b.constant('halves', { type: 'int64', dims: [2], data: BigInt64Array.of(8n, 8n) })],
    ['left', 'right'],
    { axis: int(1) },
  );
  const wide = b.conv('right', 'wide', [24, 8, 3, 3]);
  const clipped = b.node(
    'Clip',
    [wide, b.constant('low', scalar(0)), b.constant('high', scalar(6))],
    'wide_act',
  );
  const pooled = b.node('MaxPool', ['left'], 'pooled', {
    kernel_shape: ints([3, 3]),
    pads: ints([1, 1, 1, 1]),
  });
  const joined = b.node('Concat', [pooled, clipped], 'joined', { axis: int(1) });
  const last = b.conv(joined, 'last', [32, 32, 1, 1]);
  b.node('ReduceMean', [last], 'features', { axes: ints([2, 3]), keepdims: int(0) });
  const model = b.model(['features'], { input: ['batch', 3, 32, 32] });
  const outputs = [{ name: 'features', type: 'float32' as const, dims: ['batch', 32] }];
  return { ...model, graph: { ...model.graph, outputs } };
}

export const scalar = (value: number): OnnxTensor => ({
  type: 'float32',
  dims: [],
  data: Float32Array.of(value),
});

let written = 0;
export function write(model: OnnxModel, folder: string): string {
  const path = join(folder, `${written++}.onnx`);
  writeFileSync(path, encodeOnnx(model));
  return path;
}

/** What ONNX Runtime makes of a model. */
export async function run(
  model: OnnxModel,
  folder: string,
  data: Float32Array,
  dims: readonly number[],
): Promise<Record<string, Tensor>> {
  const session = await engine.loadSession(write(model, folder), { device: 'cpu', threads: 1 });
  try {
    return await session.run({ images: { type: 'float32', dims, data } });
  } finally {
    await session.close();
  }
}

export function largestDifference(a: Tensor, b: Tensor): number {
  return Array.from(a.data, Number).reduce(
    (most, x, i) => Math.max(most, Math.abs(x - Number(b.data[i]))),
    0,
  );
}
