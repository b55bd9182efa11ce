/**
 * Makes a D-FINE model folder with random weights: the files, inputs and outputs of onnx-community/dfine_s_coco-ONNX,
 * a few thousand times smaller. It looks at a 5 × 5 grid of the picture; each cell is one query, whose class follows
 * from the cell's colours and whose box covers about a cell. So pictures give objects, and other pictures give others.
 *
 *   node libs/test-kit/src/tiny-models/make-tiny-dfine.mjs OUT [--seed 1]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { COCO_CLASSES } from '@hazure/models';
import { Graph } from './onnx-graph.mjs';

const IMAGE_PX = 640;
const GRID = 5;
const CELL_PX = IMAGE_PX / GRID;
const WIDTH = 8;
const QUERIES = GRID * GRID;

const CONFIG = {
  architectures: ['DFineForObjectDetection'],
  model_type: 'd_fine',
  num_queries: QUERIES,
  id2label: Object.fromEntries(COCO_CLASSES.map((name, id) => [String(id), name])),
  label2id: Object.fromEntries(COCO_CLASSES.map((name, id) => [name, id])),
};

const PREPROCESSOR = {
  do_convert_annotations: true,
  do_normalize: false,
  do_pad: false,
  do_rescale: true,
  do_resize: true,
  format: 'coco_detection',
  image_mean: [0.485, 0.456, 0.406],
  image_processor_type: 'RTDetrImageProcessor',
  image_std: [0.229, 0.224, 0.225],
  resample: 2,
  rescale_factor: 0.00392156862745098,
  size: { height: IMAGE_PX, width: IMAGE_PX },
};

function detector(seed) {
  const g = new Graph('d_fine', seed);
  const pixels = g.input('pixel_values', 'float32', ['batch_size', 3, IMAGE_PX, IMAGE_PX]);
  const means = g.op('AveragePool', [pixels], {
    kernel_shape: [CELL_PX, CELL_PX],
    strides: [CELL_PX, CELL_PX],
  });
  const cells = g.op('Transpose', [g.op('Reshape', [means, g.ints([0, 3, -1])])], { perm: [0, 2, 1] });
  const centred = g.op('Sub', [cells, g.floats([], [0.45])]);
  const hidden = g.op('Tanh', [g.op('MatMul', [centred, g.weight([3, WIDTH], 4)])]);
  // few cells pass the usual threshold of confidence
  const scores = g.op('MatMul', [hidden, g.weight([WIDTH, COCO_CLASSES.length], 1)]);
  const logits = g.op('Sub', [scores, g.floats([], [4])]);
  const offsets = g.op('Mul', [
    g.op('Tanh', [g.op('MatMul', [hidden, g.weight([WIDTH, 4], 1)])]),
    g.floats([], [0.02]),
  ]);
  const centres = Array.from({ length: QUERIES }, (_, i) => [
    ((i % GRID) + 0.5) / GRID,
    (Math.floor(i / GRID) + 0.5) / GRID,
    1 / GRID - 0.02,
    1 / GRID - 0.02,
  ]);
  const boxes = g.op('Add', [offsets, g.floats([1, QUERIES, 4], centres.flat())]);
  g.output('logits', logits, ['batch_size', QUERIES, COCO_CLASSES.length]);
  g.output('pred_boxes', boxes, ['batch_size', QUERIES, 4]);
  return g;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '1' } },
});
const [out] = positionals;
if (out === undefined) throw new Error('Usage: make-tiny-dfine.mjs OUT [--seed 1]');
mkdirSync(join(out, 'onnx'), { recursive: true });
writeFileSync(join(out, 'config.json'), `${JSON.stringify(CONFIG, null, 2)}\n`);
writeFileSync(join(out, 'preprocessor_config.json'), `${JSON.stringify(PREPROCESSOR, null, 2)}\n`);
const sha256 = detector(Number(values.seed)).save(join(out, 'onnx', 'model.onnx'));
console.log(JSON.stringify({ out, queries: QUERIES, hashes: { 'onnx/model.onnx': sha256 } }));
