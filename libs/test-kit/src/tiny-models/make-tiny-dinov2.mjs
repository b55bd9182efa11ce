/**
 * Makes a DINOv2 model folder with random weights: the files, inputs, outputs and preprocessing of
 * onnx-community/dinov2-small, some thousand times smaller.
 *
 *   node libs/test-kit/src/tiny-models/make-tiny-dinov2.mjs OUT [--seed 1]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Graph } from './onnx-graph.mjs';

const WIDTH = 24;
const HEADS = 3;
const PATCH_PX = 14;
const CROP_PX = 224;
const RESIZE_PX = 256;
const TOKENS = (CROP_PX / PATCH_PX) ** 2 + 1;

const FILES = {
  'config.json': {
    architectures: ['Dinov2Model'],
    model_type: 'dinov2',
    hidden_size: WIDTH,
    image_size: CROP_PX,
    num_attention_heads: HEADS,
    num_channels: 3,
    num_hidden_layers: 1,
    patch_size: PATCH_PX,
  },
  'preprocessor_config.json': {
    crop_size: { height: CROP_PX, width: CROP_PX },
    do_center_crop: true,
    do_convert_rgb: true,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_mean: [0.485, 0.456, 0.406],
    image_processor_type: 'BitImageProcessor',
    image_std: [0.229, 0.224, 0.225],
    resample: 3,
    rescale_factor: 0.00392156862745098,
    size: { shortest_edge: RESIZE_PX },
  },
};

function network(seed) {
  const g = new Graph('dinov2', seed);
  // the real export leaves height and width open
  const pixels = g.input('pixel_values', 'float32', ['batch_size', 3, 'height', 'width']);
  const patches = g.op('Conv', [pixels, g.weight([WIDTH, 3, PATCH_PX, PATCH_PX], 1 / (3 * PATCH_PX))], {
    kernel_shape: [PATCH_PX, PATCH_PX],
    strides: [PATCH_PX, PATCH_PX],
  });
  const flat = g.op('Transpose', [g.op('Reshape', [patches, g.ints([0, WIDTH, -1])])], { perm: [0, 2, 1] });
  const shape = g.op('Concat', [g.size(pixels, 0), g.ints([1, WIDTH])], { axis: 0 });
  const classToken = g.op('Expand', [g.weight([1, 1, WIDTH], 0.5), shape]);
  const tokens = g.op('Concat', [classToken, flat], { axis: 1 });
  const placed = g.op('Add', [tokens, g.weight([TOKENS, WIDTH], 0.3)]);
  const { x } = g.block(placed, { width: WIDTH, heads: HEADS });
  g.output('last_hidden_state', g.layerNorm(x, WIDTH), ['batch_size', 'sequence_length', WIDTH]);
  return g;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '1' } },
});
const [out] = positionals;
if (out === undefined) throw new Error('Usage: make-tiny-dinov2.mjs OUT [--seed 1]');
mkdirSync(join(out, 'onnx'), { recursive: true });
for (const [name, content] of Object.entries(FILES)) {
  writeFileSync(join(out, name), `${JSON.stringify(content, null, 2)}\n`);
}
const sha256 = network(Number(values.seed)).save(join(out, 'onnx', 'model.onnx'));
console.log(JSON.stringify({ out, hashes: { 'onnx/model.onnx': sha256 } }));
