/** One small embedder in the forms that hub repositories give: a convolution over patches, pooled in several ways. */
import { Graph } from './graph.mjs';

export const SIDE = 32;
const PATCH = 8;
const WIDTH = 12;
const GRID = SIDE / PATCH;

const kernelValues = Array.from({ length: WIDTH * 3 * PATCH * PATCH }, (_, i) => Math.sin(i * 0.37) / 8);

/** `[N, WIDTH, GRID, GRID]` of pixels. */
function patches(options) {
  const g = new Graph();
  const batch = options.dynamic ? 'batch' : 1;
  const [h, w] = options.dynamic ? ['height', 'width'] : [SIDE, SIDE];
  const type = options.half ? 'float16' : 'float32';
  g.inputs.push({ name: 'pixel_values', type, dims: [batch, 3, h, w] });
  let x = options.half ? g.op('Cast', ['pixel_values'], { to: 1 }) : 'pixel_values';
  if (options.quantise) {
    const [y, scale, zero] = g.op('DynamicQuantizeLinear', [x], {}, 3);
    x = g.op('DequantizeLinear', [y, scale, zero]);
  }
  const kernel = g.floats([WIDTH, 3, PATCH, PATCH], kernelValues);
  const map = g.op('Conv', [x, kernel], { strides: [PATCH, PATCH], kernel_shape: [PATCH, PATCH] });
  return { g, map, batch, half: options.half };
}

function emit({ g, half }, name, value, dims) {
  if (half) g.output(name, g.op('Cast', [value], { to: 10 }), 'float16', dims);
  else g.output(name, value, 'float32', dims);
}

const tokensOf = ({ g, map }) =>
  g.op('Transpose', [g.op('Reshape', [map, g.ints(0, WIDTH, -1)])], { perm: [0, 2, 1] });
const meanOf = ({ g, map }) => g.op('ReduceMean', [map], { axes: [2, 3], keepdims: 0 });
const maxOf = ({ g, map }) => g.op('ReduceMax', [map], { axes: [2, 3], keepdims: 0 });

/**
 * Each: the model, the files beside it, and which of a picture's patch vectors (`mean`, `max`, `first`) it stands for.
 */
export const EMBEDDERS = {
  clip: {
    config: { model_type: 'clip_vision_model' },
    truth: 'mean',
    build(base) {
      emit(base, 'image_embeds', meanOf(base), [base.batch, WIDTH]);
      emit(base, 'last_hidden_state', tokensOf(base), [base.batch, GRID * GRID, WIDTH]);
    },
  },
  siglip2: {
    config: { model_type: 'siglip_vision_model' },
    truth: 'max',
    build(base) {
      emit(base, 'last_hidden_state', tokensOf(base), [base.batch, GRID * GRID, WIDTH]);
      emit(base, 'pooler_output', maxOf(base), [base.batch, WIDTH]);
    },
  },
  'siglip-tokens': {
    config: { model_type: 'siglip_vision_model' },
    truth: 'mean',
    build: (base) => emit(base, 'last_hidden_state', tokensOf(base), [base.batch, GRID * GRID, WIDTH]),
  },
  dinov2: {
    config: { model_type: 'dinov2' },
    truth: 'max',
    build(base) {
      const { g } = base;
      const first = g.op('Unsqueeze', [maxOf(base), g.ints(1)]);
      emit(base, 'last_hidden_state', g.op('Concat', [first, tokensOf(base)], { axis: 1 }), [
        base.batch,
        GRID * GRID + 1,
        WIDTH,
      ]);
    },
  },
  dinov3: {
    config: { model_type: 'dinov3_vit' },
    truth: 'max',
    build(base) {
      const { g } = base;
      const first = g.op('Unsqueeze', [maxOf(base), g.ints(1)]);
      const registers = g.op('Mul', [g.op('Tile', [first, g.ints(1, 4, 1)]), g.scalar(3)]);
      const all = g.op('Concat', [first, registers, tokensOf(base)], { axis: 1 });
      emit(base, 'last_hidden_state', all, [base.batch, 'tokens', WIDTH]);
    },
  },
  mobilenet: {
    config: { model_type: 'mobilenet_v2' },
    truth: 'mean',
    build: (base) => emit(base, 'last_hidden_state', base.map, [base.batch, WIDTH, GRID, GRID]),
  },
  'mobilenet-pooled': {
    config: { model_type: 'mobilenet_v2' },
    truth: 'mean',
    build(base) {
      const { g } = base;
      emit(base, 'last_hidden_state', base.map, [base.batch, WIDTH, GRID, GRID]);
      emit(base, 'pooler_output', g.op('GlobalAveragePool', [base.map]), [base.batch, WIDTH, 1, 1]);
    },
  },
  'mean-declared': {
    config: null,
    declaration: { embedder: { output: 'tokens', pooling: 'mean' } },
    truth: 'mean',
    build: (base) => emit(base, 'tokens', tokensOf(base), [base.batch, GRID * GRID, WIDTH]),
  },
};

export function embedderModel(name, options) {
  const base = patches(options);
  EMBEDDERS[name].build(base);
  return base.g.bytes();
}

/** The unit vector that the form should give for pixels of 0…1 in `[3, SIDE, SIDE]`. */
export function embedderTruth(name, pixels) {
  const vectors = [];
  for (let py = 0; py < GRID; py++) {
    for (let px = 0; px < GRID; px++) {
      const vector = [];
      for (let o = 0; o < WIDTH; o++) {
        let sum = 0;
        for (let c = 0; c < 3; c++) {
          for (let y = 0; y < PATCH; y++) {
            for (let x = 0; x < PATCH; x++) {
              const pixel = pixels[(c * SIDE + py * PATCH + y) * SIDE + px * PATCH + x];
              sum += Math.fround(kernelValues[((o * 3 + c) * PATCH + y) * PATCH + x]) * pixel;
            }
          }
        }
        vector.push(sum);
      }
      vectors.push(vector);
    }
  }
  const { truth } = EMBEDDERS[name];
  const values = vectors[0].map((_, o) => {
    const column = vectors.map((vector) => vector[o]);
    return truth === 'mean' ? column.reduce((a, b) => a + b) / column.length : Math.max(...column);
  });
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

/** Pixels ÷ 255 and nothing else. */
export const PREPROCESSOR = {
  do_resize: true,
  size: { height: SIDE, width: SIDE },
  resample: 2,
  do_rescale: true,
  do_normalize: false,
};
