/* global structuredClone */
import { fileURLToPath } from 'node:url';
import { tinySpec } from './hostile.mjs';

const model = (name) =>
  fileURLToPath(new URL(`../../../../native/tests/models/${name}.onnx`, import.meta.url));
const CPU = { device: 'cpu', threads: 2 };
const OPTIONS = { confidence: 0.4, iou: 0.5, maxDetections: 50 };

/** Calls that would be right, of every export, and the answers to those that are known. */
export class Targets {
  constructor(random, hostile, binding) {
    this.random = random;
    this.hostile = hostile;
    this.binding = binding;
    this.images = [3, 9, 17, 40].map((side, seed) => image(seed, side, side + seed));
    this.answers = new Map();
    this.open = {};
  }

  async prepare() {
    for (const name of Object.keys(this.loads)) await this.reopen(name);
    for (let i = 0; i < this.plans.length; i++) {
      const { name, args } = this.plans[i](this.images, (source) => source.slice());
      this.answers.set(i, plain(await this.binding[name](...args)));
    }
  }

  loads = {
    elements: () => this.binding.loadSession(model('element-types'), { ...CPU }),
    detector: () => this.binding.loadDetector(detectorConfig()),
    embedder: () => this.binding.loadEmbedder(embedderConfig('embedder')),
    batch4: () => this.binding.loadEmbedder(embedderConfig('embedder-batch4')),
  };

  /** A new handle of that name; the one before stays among those that attacks may use. */
  async reopen(name) {
    const { handle } = await this.loads[name]();
    this.open[name] = handle;
    this.hostile.handles.push(handle);
    if (this.hostile.handles.length > 12) {
      const old = this.hostile.handles.shift();
      if (!Object.values(this.open).includes(old) && this.random.chance(0.5)) void this.binding.close(old);
    }
  }

  async end() {
    await Promise.all(this.hostile.handles.map((handle) => this.binding.close(handle)));
  }

  /** What is right to ask, with its memory made by `hold`; same index, same answer. */
  plans = [
    (images, hold) => ({ name: 'preprocess', args: [regions(images, hold), spec(16, 'stretch', 'bilinear')] }),
    (images, hold) => ({ name: 'preprocess', args: [regions(images, hold), spec(24, 'letterbox-centre', 'bicubic-antialias')] }),
    (images, hold) => ({ name: 'preprocess', args: [regions(images, hold), spec(9, 'centre-crop', 'bilinear-antialias')] }),
    (images, hold) => ({ name: 'detect', args: [this.open.detector, whole(images, hold), { ...OPTIONS }], handle: 'detector' }),
    (images, hold) => ({ name: 'embed', args: [this.open.embedder, regions(images, hold)], handle: 'embedder' }),
    (images, hold) => ({ name: 'embed', args: [this.open.batch4, regions(images, hold)], handle: 'batch4' }),
    (_, hold) => ({ name: 'runSession', args: [this.open.elements, feeds(hold)], handle: 'elements' }),
    ...heads().map((head) => (_, hold) => ({ name: 'decodeDetections', args: decoding(head, hold) })),
  ]; // prettier-ignore

  /** Calls without an answer to compare: loads, closes, questions. */
  others = [
    () => ({ name: 'loadSession', args: [model('element-types'), sessionOptions()], loads: true }),
    () => ({ name: 'loadDetector', args: [detectorConfig()], loads: true }),
    () => ({ name: 'loadEmbedder', args: [embedderConfig('embedder')], loads: true }),
    () => ({ name: 'close', args: [this.random.pick(this.hostile.handles)] }),
    () => ({ name: 'close', args: [this.hostile.value()] }),
    () => ({ name: 'info', args: [] }),
    () => ({ name: 'memory', args: [] }),
    () => ({ name: 'openRuntime', args: [`/nowhere/${this.random.below(9)}.so`, null] }),
  ];

  call() {
    const { random } = this;
    if (random.chance(0.12)) {
      // Loading a model costs as much as hundreds of calls.
      const rare = random.chance(0.85) ? this.others.slice(3) : this.others;
      return random.pick(rare)();
    }
    const index = random.below(this.plans.length);
    const made = this.plans[index](this.images, (source) => this.hostile.copyOf(source));
    return { ...made, answer: this.answers.get(index) };
  }
}

function image(seed, widthPx, heightPx) {
  const data = new Uint8Array(widthPx * heightPx * 3);
  let state = seed + 1;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state >>> 24;
  }
  return { data, widthPx, heightPx };
}

const whole = (images, hold) => images.map((each) => ({ ...each, data: hold(each.data) }));

function regions(images, hold) {
  const held = whole(images, hold);
  return [
    { image: held[0], box: null },
    { image: held[2], box: { x1: 1.5, y1: 2, x2: 9, y2: 11.2 } },
    { image: held[2], box: { x1: -4, y1: 0, x2: 5, y2: 900 } },
    { image: held[3], box: null },
    { image: held[1], box: { x1: 0, y1: 0, x2: 3, y2: 2 } },
  ];
}

const spec = (side, fit, interpolation) => ({
  ...tinySpec,
  widthPx: side,
  heightPx: side + 1,
  fit,
  interpolation,
  mean: [0.1, 0.2, 0.3],
  std: [1, 2, 3],
});

const sessionOptions = () => ({
  ...CPU,
  precision: 'fp32',
  streams: 1,
  spin: false,
  cuda: { tf32: true },
  tensorrt: { batch: { min: 1, optimal: 2, max: 4 } },
});

const detectorConfig = () => ({
  modelPath: model('detector'),
  preprocess: spec(64, 'letterbox-centre', 'bilinear'),
  head: { kind: 'yolov8', classes: 2 },
  session: sessionOptions(),
  ...{ preprocess: { ...spec(64, 'letterbox-centre', 'bilinear'), heightPx: 64 } },
});

const embedderConfig = (name) => ({
  modelPath: model(name),
  preprocess: spec(12, 'stretch', 'bicubic-antialias'),
  output: 'features',
  normalise: true,
  session: sessionOptions(),
});

function feeds(hold) {
  const tensor = (type, data) => ({ type, dims: [2, 2], data: hold(data) });
  return {
    in_float32: tensor('float32', Float32Array.of(1, 2, 3, 4)),
    in_float16: tensor('float16', Uint16Array.of(0x3c00, 0x4000, 0x4200, 0x4400)),
    in_int64: tensor('int64', BigInt64Array.of(1n, -2n, 3n, 4n)),
    in_int32: tensor('int32', Int32Array.of(1, -2, 3, 4)),
    in_uint8: tensor('uint8', Uint8Array.of(1, 2, 3, 4)),
    in_bool: tensor('bool', Uint8Array.of(1, 0, 0, 1)),
  };
}

function floats(count, scale) {
  return Float32Array.from({ length: count }, (_, i) => ((i * 37) % 100) * scale);
}

/** Heads over inputs of 32 × 32 pixels, and what a model would have put out for 2 images. */
function heads() {
  const tensor = (dims, scale) => ({ dims: [2, ...dims], data: floats(2 * dims[0] * dims[1], scale) });
  return [
    { head: { kind: 'yolov8', classes: 3 }, outputs: { o: tensor([7, 20], 0.01) } },
    { head: { kind: 'yolov5', classes: 3 }, outputs: { o: tensor([20, 8], 0.01) } },
    { head: { kind: 'yolox', classes: 2, strides: [8, 16] }, outputs: { o: tensor([20, 7], 0.01) } },
    {
      head: { kind: 'nanodet', classes: 2, strides: [16], regMax: 3, scoreOutputs: ['s'], distanceOutputs: ['d'] },
      outputs: { s: tensor([4, 2], 0.01), d: tensor([4, 16], 0.02) },
    },
    {
      head: { kind: 'detr', classes: 2, logitsOutput: 'l', boxesOutput: 'b' },
      outputs: { l: tensor([9, 2], 0.01), b: tensor([9, 4], 0.005) },
    },
  ]; // prettier-ignore
}

function decoding({ head, outputs }, hold) {
  const source = () => ({
    widthPx: 50,
    heightPx: 40,
    placement: { scaleX: 0.64, scaleY: 0.8, offsetX: 0, offsetY: 0 },
  });
  return [
    structuredClone(head),
    Object.fromEntries(
      Object.entries(outputs).map(([name, { dims, data }]) => [
        name,
        { type: 'float32', dims: [...dims], data: hold(data) },
      ]),
    ),
    { ...OPTIONS, inputWidthPx: 32, inputHeightPx: 32, sources: [source(), source()] },
  ];
}

/** A result as text, so that two can be compared however their memory lies. */
export function plain(result) {
  return JSON.stringify(result, (_, value) => {
    if (typeof value === 'bigint') return `${value}n`;
    return ArrayBuffer.isView(value) ? Array.from(value, String) : value;
  });
}
