/**
 * Makes the golden files of the TensorFlow.js → ONNX converter: what TensorFlow.js itself computes. One tiny
 * graph holds every operator that the converter knows; for the real NanoDet, sampled outputs are kept.
 *
 *   npm install --prefix <dir> @tensorflow/tfjs@4.22.0         # outside the workspace
 *   node libs/models/bench/make-tfjs-golden.mjs --tfjs <dir> [--nanodet <folder with nanodet.json and nanodet.bin>]
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { tfjs: { type: 'string' }, nanodet: { type: 'string' } } });
if (!values.tfjs) throw new Error('--tfjs <dir> is needed: a folder with @tensorflow/tfjs installed');
const tf = createRequire(resolve(values.tfjs, 'package.json'))('@tensorflow/tfjs');
await tf.setBackend('cpu');
const outDir = new URL('../testdata/', import.meta.url).pathname;

/** The same deterministic input as in the tests: a linear congruential generator, −2 … 2. */
function noise(length, seed) {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround((state / 2 ** 32 - 0.5) * 4);
  });
}

async function runTfjs(json, weights, input, dims, outputs) {
  const model = await tf.loadGraphModel(
    tf.io.fromMemory({
      format: json.format,
      modelTopology: json.modelTopology,
      weightSpecs: json.weightsManifest.flatMap((group) => group.weights),
      weightData: weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.byteLength),
      signature: json.signature,
    }),
  );
  const tensors = model.execute(tf.tensor(input, dims), outputs);
  return tensors.map((tensor) => ({ dims: tensor.shape, data: tensor.dataSync() }));
}

/** Builds a model.json node by node. */
class GraphWriter {
  nodes = [];
  weights = [];
  chunks = [];
  #seed = 7;

  constant(name, shape, ints) {
    const length = shape.reduce((product, d) => product * d, 1);
    if (ints) {
      this.weights.push({ name, shape, dtype: 'int32' });
      this.chunks.push(Buffer.from(Int32Array.from(ints).buffer));
    } else {
      this.#halfFloats(name, shape, noise(length, this.#seed++), length);
    }
    return this.#const(name, ints ? 'DT_INT32' : 'DT_FLOAT');
  }

  /** A float scalar stored as the given float16 bits. */
  scalarBits(name, bits) {
    this.weights.push({
      name,
      shape: [],
      dtype: 'float32',
      quantization: { dtype: 'float16', original_dtype: 'float32' },
    });
    this.chunks.push(Buffer.from(Uint16Array.of(bits).buffer));
    return this.#const(name, 'DT_FLOAT');
  }

  node(name, op, input, attr = {}) {
    this.nodes.push({ name, op, input, attr: { T: { type: 'DT_FLOAT' }, ...attr } });
    return name;
  }

  #const(name, type) {
    this.nodes.push({ name, op: 'Const', attr: { dtype: { type } } });
    return name;
  }

  #halfFloats(name, shape, data, length) {
    this.weights.push({
      name,
      shape,
      dtype: 'float32',
      quantization: { dtype: 'float16', original_dtype: 'float32' },
    });
    // Any half-float bits with a moderate exponent are valid weights.
    const bits = Uint16Array.from({ length }, (_, i) => {
      const magnitude = Math.abs(data[i]) / 4 + 0.05;
      const exponent = Math.floor(Math.log2(magnitude));
      const fraction = Math.round((magnitude / 2 ** exponent - 1) * 1023);
      return (data[i] < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | fraction;
    });
    this.chunks.push(Buffer.from(bits.buffer));
  }
}

const base64 = (text) => Buffer.from(text).toString('base64');
const list = (...i) => ({ list: { i: i.map(String) } });

/** Every known operator at least once, in the arrangements that onnx-tf exports have and in a few others. */
function tinyGraph() {
  const g = new GraphWriter();
  const toNhwc = g.constant('nhwc', [4], [0, 2, 3, 1]);
  const toNchw = g.constant('nchw', [4], [0, 3, 1, 2]);
  const conv = (name, x, shape, { strides = [1, 1], dilations = [1, 1], padding = 'VALID' } = {}) =>
    g.node(name, 'Conv2D', [x, g.constant(`${name}/w`, shape)], {
      data_format: { s: base64('NHWC') },
      padding: { s: base64(padding) },
      strides: list(1, ...strides, 1),
      dilations: list(1, ...dilations, 1),
      explicit_paddings: { list: {} },
    });
  const transpose = (name, x, perm) => g.node(name, 'Transpose', [x, perm], { Tperm: { type: 'DT_INT32' } });

  g.node('image', 'Placeholder', undefined, {
    dtype: { type: 'DT_FLOAT' },
    shape: { shape: { dim: [1, 3, 12, 10].map((d) => ({ size: String(d) })) } },
  });
  // Stem: pad, strided convolution, bias, activation, max pooling with −∞ around it.
  g.node('pad', 'Pad', ['image', g.constant('pad/p', [4, 2], [0, 0, 0, 0, 1, 1, 1, 1])]);
  const stem = conv('conv1', transpose('t1', 'pad', toNhwc), [3, 3, 3, 8], { strides: [2, 2] });
  g.node('bias1', 'Add', [stem, g.constant('b1', [8])]);
  transpose('t2', 'bias1', toNchw);
  g.node('act1', 'LeakyRelu', ['t2'], { alpha: { f: 0.1 } });
  g.node('padMax', 'PadV2', [
    'act1',
    g.constant('padMax/p', [4, 2], [0, 0, 0, 0, 1, 1, 1, 1]),
    g.scalarBits('padMax/v', 0xfc00),
  ]);
  g.node('pool', 'MaxPool', [transpose('t3', 'padMax', toNhwc)], {
    data_format: { s: base64('NHWC') },
    padding: { s: base64('VALID') },
    ksize: list(1, 3, 3, 1),
    strides: list(1, 1, 1, 1),
    explicit_paddings: { list: {} },
  });
  // Branches: SAME padding with even size and stride, dilation; joined along the channels; NHWC throughout.
  const same = conv('conv2', 'pool', [3, 3, 8, 4], { strides: [2, 2], padding: 'SAME' });
  const dilated = conv('conv3', 'pool', [3, 3, 8, 4], { dilations: [2, 2], padding: 'SAME' });
  g.node('up', 'ResizeBilinear', [same, g.constant('up/size', [2], [6, 6])], {
    half_pixel_centers: { b: true },
    align_corners: { b: false },
  });
  // The pooled map is 6×5: crop the enlarged one by a strided-free convolution of width 2.
  const narrowed = conv('conv4', 'up', [1, 2, 4, 4]);
  g.node('sum', 'AddV2', [narrowed, dilated]);
  g.node('cat', 'ConcatV2', ['sum', dilated, g.constant('cat/axis', [], [-1])], { N: { i: '2' } });
  transpose('t4', 'cat', toNchw);
  // Head: split into scores and distances, reshape to rows per cell by a shape that is computed of constants.
  g.node(
    'split',
    'SplitV',
    ['t4', g.constant('split/sizes', [2], [3, 5]), g.constant('split/axis', [], [1])],
    {
      num_split: { i: '2' },
    },
  );
  g.node('sigmoid', 'Sigmoid', ['split']);
  g.node('zeros', 'SparseToDense', [
    g.constant('zeros/i', [0, 1], []),
    g.constant('zeros/n', [1], [3]),
    g.constant('zeros/v', [0], []),
    g.constant('zeros/d', [], [0]),
  ]);
  g.node('shape', 'AddV2', [g.constant('shape/s', [3], [1, 3, -1]), 'zeros']);
  g.node('rows', 'Reshape', ['sigmoid', 'shape']);
  transpose('scores', 'rows', g.constant('scores/p', [3], [0, 2, 1]));
  g.node('rows2', 'Reshape', ['split:1', g.constant('rows2/s', [3], [1, 5, 30])]);
  transpose('distances', 'rows2', 'scores/p');
  g.node('out_a', 'Identity', ['scores']);
  g.node('out_b', 'Identity', ['distances']);
  const output = (name) => ({ [`${name}:0`]: { name: `${name}:0`, dtype: 'DT_FLOAT' } });
  return {
    json: {
      format: 'graph-model',
      signature: { outputs: { ...output('out_a'), ...output('out_b') } },
      modelTopology: { node: g.nodes, versions: {} },
      weightsManifest: [{ paths: ['weights.bin'], weights: g.weights }],
    },
    weights: Buffer.concat(g.chunks),
  };
}

const tiny = tinyGraph();
const tinyOut = await runTfjs(
  tiny.json,
  tiny.weights,
  noise(3 * 12 * 10, 1),
  [1, 3, 12, 10],
  ['out_a', 'out_b'],
);
mkdirSync(join(outDir, 'tiny-tfjs'), { recursive: true });
writeFileSync(join(outDir, 'tiny-tfjs', 'model.json'), JSON.stringify(tiny.json));
writeFileSync(join(outDir, 'tiny-tfjs', 'weights.bin'), tiny.weights);
writeFileSync(
  join(outDir, 'tiny-tfjs', 'golden.json'),
  JSON.stringify({
    tfjs: tf.version.tfjs,
    seed: 1,
    outputs: Object.fromEntries(
      ['out_a', 'out_b'].map((name, i) => [name, { dims: tinyOut[i].dims, data: [...tinyOut[i].data] }]),
    ),
  }),
);
console.log(
  `tiny graph: ${tiny.json.modelTopology.node.length} nodes, ${tiny.weights.length} bytes of weights`,
);

if (values.nanodet) {
  const json = JSON.parse(readFileSync(join(values.nanodet, 'nanodet.json'), 'utf8'));
  const weights = readFileSync(join(values.nanodet, 'nanodet.bin'));
  const names = ['Identity', 'Identity_1', 'Identity_2', 'Identity_3', 'Identity_4', 'Identity_5'];
  const dims = [1, 3, 416, 416];
  const outputs = await runTfjs(json, weights, noise(3 * 416 * 416, 12345), dims, names);
  const renamed = ['scores_8', 'scores_16', 'scores_32', 'distances_8', 'distances_16', 'distances_32'];
  const every = 997; // prime: the samples walk through all channels
  writeFileSync(
    join(outDir, 'nanodet-golden.json'),
    JSON.stringify({
      tfjs: tf.version.tfjs,
      seed: 12345,
      every,
      outputs: Object.fromEntries(
        outputs.map(({ dims: shape, data }, i) => [
          renamed[i],
          {
            dims: shape,
            sum: data.reduce((sum, x) => sum + x, 0),
            samples: [...data].filter((_, k) => k % every === 0),
          },
        ]),
      ),
    }),
  );
  console.log('nanodet: golden samples written');
}
