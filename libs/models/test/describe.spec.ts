import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COCO_CLASSES, describeDetector, describeEmbedder } from '../src/index.js';
import { scratchFolder, writeHeaderModel } from './helpers.js';

const folder = scratchFolder();
let counter = 0;
/** A fresh folder, so that files beside one model don't speak for another. */
function place(name = 'model.onnx'): string {
  const dir = join(folder, String(counter++));
  mkdirSync(dir, { recursive: true });
  return join(dir, name);
}
const sidecar = (path: string, declaration: unknown): void =>
  writeFileSync(path.replace('.onnx', '.hazure.json'), JSON.stringify(declaration));

// 64×64: 64 + 16 + 4 cells at strides 8, 16, 32.
describe('describeDetector', () => {
  test('reads names, size and stride of an Ultralytics export with open dimensions', async () => {
    const path = writeHeaderModel(place(), {
      inputs: { images: ['batch', 3, 'height', 'width'] },
      outputs: { output0: ['batch', 7, 'anchors'] },
      metadata: {
        names: `{0: 'scratch', 1: "driver's seat", 2: 'd\\'or'}`,
        imgsz: '[320, 640]',
        stride: '32',
        task: 'detect',
        license: 'AGPL-3.0 License',
      },
    });
    const found = await describeDetector(path);
    expect(found.head).toEqual({ kind: 'yolov8', classes: 3 });
    expect(found.classNames).toEqual(['scratch', "driver's seat", "d'or"]);
    expect(found.preprocess).toMatchObject({
      widthPx: 640,
      heightPx: 320,
      fit: 'letterbox-centre',
      channelOrder: 'rgb',
      padValue: 114,
    });
    expect(found).toMatchObject({ stridePx: 32, fixedBatch: null, licence: 'AGPL-3.0 License' });
  });

  test('tells YOLOv8, YOLOv5 and YOLOX apart by their shapes', async () => {
    const detect = async (dims: number[], opType: string): Promise<string> =>
      (await describeDetector(writeHeaderModel(place(), { outputs: { output: [1, ...dims] }, opType }))).head
        .kind;
    expect(await detect([84, 84], 'Concat')).toBe('yolov8');
    expect(await detect([252, 85], 'Concat')).toBe('yolov5');
    expect(await detect([84, 85], 'Transpose')).toBe('yolox');
  });

  test('prepares images for YOLOX as it was trained', async () => {
    const path = writeHeaderModel(place(), {
      inputs: { images: [1, 3, 64, 64] },
      outputs: { output: [1, 84, 85] },
      opType: 'Transpose',
    });
    const found = await describeDetector(path);
    expect(found.preprocess).toMatchObject({
      fit: 'letterbox-top-left',
      channelOrder: 'bgr',
      scale: 1,
      padValue: 114,
    });
    expect(found.classNames).toEqual(COCO_CLASSES);
    expect(found.fixedBatch).toBe(1);
  });

  test('reads a NanoDet of any output order by its shapes', async () => {
    const path = writeHeaderModel(place(), {
      outputs: {
        reg_16: ['batch', 16, 32],
        cls_16: ['batch', 16, 80],
        cls_8: ['batch', 64, 80],
        reg_8: ['batch', 64, 32],
        cls_32: ['batch', 4, 80],
        reg_32: ['batch', 4, 32],
      },
    });
    expect((await describeDetector(path)).head).toEqual({
      kind: 'nanodet',
      classes: 80,
      strides: [8, 16, 32],
      regMax: 7,
      scoreOutputs: ['cls_8', 'cls_16', 'cls_32'],
      distanceOutputs: ['reg_8', 'reg_16', 'reg_32'],
    });
  });

  test('reads a DETR-style export of the hub with its configuration files', async () => {
    const path = place('onnx/model.onnx');
    mkdirSync(join(path, '..'), { recursive: true });
    writeHeaderModel(path, {
      inputs: { pixel_values: ['batch_size', 3, 'height', 'width'] },
      outputs: { logits: ['batch_size', 300, 2], pred_boxes: ['batch_size', 300, 4] },
    });
    writeFileSync(join(path, '../../config.json'), JSON.stringify({ id2label: { 0: 'a', 1: 'b' } }));
    writeFileSync(
      join(path, '../../preprocessor_config.json'),
      JSON.stringify({ do_normalize: false, resample: 2, size: { height: 480, width: 640 } }),
    );
    sidecar(path, { preprocess: { widthPx: 640, heightPx: 480 } });
    const found = await describeDetector(path);
    expect(found.head).toMatchObject({ kind: 'detr', classes: 2 });
    expect(found.classNames).toEqual(['a', 'b']);
    expect(found.preprocess).toMatchObject({
      widthPx: 640,
      heightPx: 480,
      fit: 'stretch',
      interpolation: 'bilinear-antialias',
      mean: [0, 0, 0],
    });
    expect(found.preprocess.scale).toBeCloseTo(1 / 255);
  });

  test('lets a declaration beside the model override every part', async () => {
    const path = writeHeaderModel(place(), { outputs: { output0: ['batch', 252, 7] } });
    sidecar(path, {
      name: 'mine',
      licence: 'Apache-2.0',
      preprocess: { channelOrder: 'bgr', padValue: 0 },
      detector: { head: { kind: 'yolov5', classes: 2 }, classNames: ['x', 'y'] },
    });
    const found = await describeDetector(path);
    expect(found.head).toEqual({ kind: 'yolov5', classes: 2 });
    expect(found.preprocess).toMatchObject({ channelOrder: 'bgr', padValue: 0, fit: 'letterbox-centre' });
    expect(found).toMatchObject({ classNames: ['x', 'y'], licence: 'Apache-2.0', model: { name: 'mine' } });
  });

  const unclear: [string, Parameters<typeof writeHeaderModel>[1], RegExp, RegExp][] = [
    [
      'unknown heads',
      { outputs: { y: ['batch', 10] } },
      /fit no known head: y \[batch, 10\]/,
      /detector\.head/,
    ],
    [
      'decoded grids',
      { inputs: { x: [1, 3, 416, 416] }, outputs: { y: [1, 3549, 85] }, opType: 'Concat' },
      /read in 2 ways.*YOLOv6.*YOLOX/,
      /"detector":\{"head":\{"kind":"yolov5"/,
    ],
    ['unnamed classes', { outputs: { y: ['batch', 10, 84] } }, /names its 6 classes/, /detector\.classNames/],
    [
      'open sizes',
      { inputs: { x: ['b', 3, 'h', 'w'] }, outputs: { y: ['b', 84, 84] } },
      /fit no known head.*640×640/,
      /detector\.head/,
    ],
    [
      'tables without names',
      {
        outputs: { y: ['batch', 300, 6] },
        metadata: { description: 'Ultralytics YOLO26n model trained on own.yaml' },
      },
      /nothing names its classes/,
      /detector\.classNames.*"classNames":\["first","second"\]/,
    ],
    ['other tasks', { outputs: { y: [1, 116, 84] }, metadata: { task: 'segment' } }, /task segment/, /-seg/],
    [
      'several inputs',
      { inputs: { x: [1, 3, 64, 64], s: [1, 2] }, outputs: { y: [1, 84, 84] } },
      /2 inputs/,
      /NCHW/,
    ],
    ['flat inputs', { inputs: { x: [1, 64] }, outputs: { y: [1, 84, 84] } }, /batch, 3, height/, /NCHW/],
  ];
  test.each(unclear)('refuses %s and says what to do', async (_, model, message, hint) => {
    const path = writeHeaderModel(place(), model);
    const error = await describeDetector(path).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: expect.stringMatching(/^MODEL_(UNSUPPORTED|AMBIGUOUS)$/),
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
  });

  test('refuses a declaration with unknown keys or no JSON', async () => {
    const path = writeHeaderModel(place(), { outputs: { output0: ['batch', 84, 84] } });
    sidecar(path, { preproces: {} });
    await expect(describeDetector(path)).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining('preproces'),
    });
    writeFileSync(path.replace('.onnx', '.hazure.json'), '{');
    await expect(describeDetector(path)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });
});

describe('describeEmbedder', () => {
  test('takes a features output for an ImageNet network', async () => {
    const path = writeHeaderModel(place(), {
      inputs: { input: ['batch', 3, 224, 224] },
      outputs: { output: ['batch', 1000], features: ['batch', 1280] },
    });
    const found = await describeEmbedder(path);
    expect(found).toMatchObject({ output: 'features', dimensions: 1280, normalise: true });
    expect(found.preprocess).toMatchObject({ channelOrder: 'rgb', mean: [0.485, 0.456, 0.406] });
  });

  test("reads CLIP's preprocessing beside the model", async () => {
    const path = writeHeaderModel(place(), {
      inputs: { pixel_values: ['batch', 3, 224, 224] },
      outputs: { image_embeds: ['batch', 512], last_hidden_state: ['batch', 50, 768] },
    });
    writeFileSync(
      join(path, '../preprocessor_config.json'),
      JSON.stringify({
        do_center_crop: true,
        crop_size: { height: 224, width: 224 },
        size: { shortest_edge: 224 },
        resample: 3,
        do_normalize: true,
        image_mean: [0.48145466, 0.4578275, 0.40821073],
        image_std: [0.26862954, 0.26130258, 0.27577711],
      }),
    );
    const found = await describeEmbedder(path);
    expect(found.output).toBe('image_embeds');
    expect(found.preprocess).toEqual({
      widthPx: 224,
      heightPx: 224,
      fit: 'centre-crop',
      resizeShortestPx: 224,
      channelOrder: 'rgb',
      interpolation: 'bicubic-antialias',
      scale: 1 / 255,
      mean: [0.48145466, 0.4578275, 0.40821073],
      std: [0.26862954, 0.26130258, 0.27577711],
      padValue: 0,
    });
  });

  test('refuses what stays unclear and says what to declare', async () => {
    const vague = writeHeaderModel(place(), { outputs: { y: ['batch', 64] } });
    await expect(describeEmbedder(vague)).rejects.toMatchObject({
      hint: expect.stringContaining('preprocess'),
    });
    const tokens = writeHeaderModel(place(), { outputs: { states: ['batch', 257, 384] } });
    await expect(describeEmbedder(tokens)).rejects.toMatchObject({
      message: expect.stringContaining('states [batch, 257, 384]'),
      hint: expect.stringContaining('embedder.output'),
    });
    sidecar(tokens, { embedder: { output: 'states' } });
    await expect(describeEmbedder(tokens)).rejects.toMatchObject({
      hint: expect.stringContaining('embedder.pooling'),
    });
    const clash = writeHeaderModel(place(), { outputs: { features: ['batch', 64] } });
    sidecar(clash, { preprocess: { widthPx: 32, heightPx: 32 } });
    await expect(describeEmbedder(clash)).rejects.toMatchObject({
      message: expect.stringContaining('32×32'),
    });
  });
});
