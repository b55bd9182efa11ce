import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { COCO_CATEGORIES, describeDetector, type DetectorDescription } from '../src/index.js';
import { scratchFolder, writeHeaderModel } from './helpers.js';

const folder = scratchFolder();
let counter = 0;
type Model = Parameters<typeof writeHeaderModel>[1];

function place(model: Model, declaration?: unknown, name = 'model.onnx'): string {
  const dir = join(folder, String(counter++));
  mkdirSync(dir, { recursive: true });
  const path = writeHeaderModel(join(dir, name), model);
  if (declaration !== undefined)
    writeFileSync(path.replace('.onnx', '.hazure.json'), JSON.stringify(declaration));
  return path;
}
const read = (model: Model, declaration?: unknown, name?: string): Promise<DetectorDescription> =>
  describeDetector(place(model, declaration, name), { cacheDir: join(folder, 'cache') });

const square = (side: number): Record<string, (number | string)[]> => ({ images: ['batch', 3, side, side] });
const cells = (h: number, w: number, anchors = 1): number =>
  anchors * [8, 16, 32].reduce((sum, s) => sum + Math.ceil(h / s) * Math.ceil(w / s), 0);

describe('grids', () => {
  test('one class to many at any side are grids, never tables', async () => {
    const sides = fc.integer({ min: 2, max: 40 }).map((n) => n * 32);
    await fc.assert(
      fc.asyncProperty(sides, sides, fc.integer({ min: 1, max: 90 }), async (h, w, classes) => {
        const inputs = { images: [1, 3, h, w] };
        const metadata = { names: JSON.stringify(Array.from({ length: classes }, (_, i) => `c${i}`)) };
        const v5 = await read({
          inputs,
          outputs: { output0: [1, cells(h, w, 3), 5 + classes] },
          metadata,
          opType: 'Concat',
        });
        expect(v5.head).toEqual({ kind: 'yolov5', classes });
        const v8 = await read({
          inputs,
          outputs: { output0: [1, 4 + classes, cells(h, w)] },
          metadata,
          opType: 'Concat',
        });
        expect(v8.head).toEqual({ kind: 'yolov8', classes });
        const yolox = await read({
          inputs,
          outputs: { output: [1, cells(h, w), 5 + classes] },
          metadata,
          opType: 'Transpose',
        });
        expect(yolox.head).toMatchObject({ kind: 'yolox', classes });
        expect([v5, v8, yolox].map(({ preprocess }) => [preprocess.heightPx, preprocess.widthPx])).toEqual(
          Array(3).fill([h, w]),
        );
      }),
      { numRuns: 25 },
    );
  }, 60_000);

  test('four strides, and one output of NanoDet-Plus', async () => {
    const p6 = cells(640, 640) + 100;
    expect((await read({ inputs: square(640), outputs: { y: [1, 84, p6] } })).head).toEqual({
      kind: 'yolov8',
      classes: 80,
    });
    const nano = await read({
      inputs: square(416),
      outputs: { output: [1, 3598, 112] },
      opType: 'Transpose',
    });
    expect(nano.head).toEqual({
      kind: 'nanodet',
      classes: 80,
      strides: [8, 16, 32, 64],
      regMax: 7,
      scoreOutputs: ['output'],
      distanceOutputs: ['output'],
    });
    expect(nano.preprocess).toMatchObject({ channelOrder: 'bgr', fit: 'stretch' });
  });

  test('two outputs of one shape (YOLOv9) are asked about, and the pasted answer is taken', async () => {
    const model = { inputs: square(640), outputs: { output0: [1, 84, 8400], output1: [1, 84, 8400] } };
    const error = await read(model).catch((e: unknown) => e as { code: string; hint: string });
    expect(error).toMatchObject({ code: 'MODEL_AMBIGUOUS' });
    const line = /(\{.*output1.*\})/.exec((error as { hint: string }).hint)![1]!;
    expect((await read(model, JSON.parse(line))).head).toMatchObject({ kind: 'yolov8', output: 'output1' });
  });

  test('segmentation by its prototypes', async () => {
    const v8 = { inputs: square(640), outputs: { output0: [1, 84, 8400], output1: [1, 32, 160, 160] } };
    await expect(read(v8)).rejects.toMatchObject({ message: expect.stringContaining('48 classes') });
    const names = { names: JSON.stringify(Array.from({ length: 48 }, (_, i) => `c${i}`)) };
    const masks = { coefficients: 32, prototypesOutput: 'output1' };
    const found = await read({ ...v8, metadata: names });
    expect(found).toMatchObject({ masks: true, head: { kind: 'yolov8', classes: 48, masks } });
    const v5 = await read({
      inputs: square(640),
      outputs: { output0: [1, 25200, 117], output1: [1, 32, 160, 160] },
      metadata: { task: 'segment' },
    });
    expect(v5.head).toMatchObject({ kind: 'yolov5', classes: 80, masks });
    const table = await read({
      inputs: square(640),
      outputs: { output0: [1, 300, 38], output1: [1, 32, 160, 160] },
      metadata: { task: 'segment', names: "['a']", end2end: 'True' },
    });
    expect(table.head).toMatchObject({ kind: 'table', classes: 1, masks });
  });
});

describe('tables and sets', () => {
  const two = { names: "['a', 'b']" };
  test.each([
    ['named by its export', { description: 'Ultralytics YOLO26n model' }, 300],
    ['end to end in its metadata', { end2end: 'True' }, 100],
    ['with NMS among its arguments', { args: "{'nms': True, 'batch': 1}" }, 1000],
  ])('a finished table %s', async (_, metadata, rows) => {
    const found = await read({
      inputs: square(640),
      outputs: { output0: [1, rows, 6] },
      metadata: { ...two, ...metadata },
    });
    expect(found.head).toMatchObject({ kind: 'table', classes: 2, boxFormat: 'xyxy', boxUnits: 'pixels' });
    expect(found.suppresses).toBe(false);
  });

  test('two classes in 300 rows of six are a table or RT-DETR: asked', async () => {
    await expect(
      read({ inputs: square(640), outputs: { output0: [1, 300, 6] }, metadata: two }),
    ).rejects.toMatchObject({ code: 'MODEL_AMBIGUOUS', hint: expect.stringContaining('"kind":"table"') });
    const three = { names: "['a', 'b', 'c']" };
    expect(
      (await read({ inputs: square(640), outputs: { output0: [1, 300, 6] }, metadata: three })).head.kind,
    ).toBe('table');
  });

  test('RT-DETR of Ultralytics, RF-DETR, DETR, D-FINE with its post-processor', async () => {
    const rt = await read({ inputs: square(640), outputs: { output0: [1, 300, 84] } });
    expect(rt).toMatchObject({
      head: { kind: 'boxes', boxUnits: 'unit', boxFormat: 'cxcywh', classes: 80 },
      preprocess: { fit: 'stretch' },
    });
    const rf = await read({ inputs: square(560), outputs: { dets: [1, 300, 4], labels: [1, 300, 91] } });
    expect(rf).toMatchObject({ head: { activation: 'sigmoid', classes: 91 }, classNames: COCO_CATEGORIES });
    expect(rf.classNames[1]).toBe('person');
    expect(rf.classNames[90]).toBe('toothbrush');
    const tuned = await read({
      inputs: square(560),
      outputs: { dets: [1, 300, 4], labels: [1, 300, 3] },
      metadata: two,
    });
    expect(tuned.head.classes).toBe(2);
    const detr = await read({
      inputs: square(800),
      outputs: { logits: [1, 100, 92], pred_boxes: [1, 100, 4] },
    });
    expect(detr.head).toMatchObject({ kind: 'boxes', activation: 'softmax', classes: 91 });
  });

  test('tables in several outputs', async () => {
    const tf = {
      inputs: { input_tensor: [1, 'h', 'w', 3] },
      outputs: {
        'detection_boxes:0': [1, 100, 4],
        'detection_scores:0': [1, 100],
        'detection_classes:0': [1, 100],
        'num_detections:0': [1],
      },
      metadata: two,
    };
    expect(await read(tf)).toMatchObject({
      layout: 'nhwc',
      head: { kind: 'table', boxFormat: 'yxyx', boxUnits: 'unit', firstClass: 1 },
    });
    const zoo = {
      inputs: square(300),
      outputs: { boxes: [100, 4], labels: [100], scores: [100] },
      metadata: two,
    };
    const error = await read(zoo).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: 'MODEL_AMBIGUOUS',
      message: expect.stringMatching(/3 ways.*torchvision.*classes from 0.*model zoo/),
    });
    const background = { ...zoo, metadata: { names: "['__background__', 'a']" } };
    expect(await read(background)).toMatchObject({ head: { firstClass: 0 }, oneImageACall: true });
  });

  test('names from 1 in a table that does not say where it begins are asked about', async () => {
    const model = {
      inputs: square(640),
      outputs: { y: [1, 300, 6] },
      metadata: { names: "{1: 'a', 2: 'b', 3: 'c'}" },
    };
    await expect(read(model)).rejects.toMatchObject({
      code: 'MODEL_AMBIGUOUS',
      hint: expect.stringContaining('"firstClass":1'),
    });
  });
});

describe('names, sizes, tasks', () => {
  const v8 = { inputs: square(640), outputs: { output0: ['batch', 84, 8400] } };

  test.each([
    [
      'from 1',
      JSON.stringify(Object.fromEntries(Array.from({ length: 80 }, (_, i) => [i + 1, `c${i}`]))),
      'c0',
    ],
    ['numbers', `{${Array.from({ length: 80 }, (_, i) => `${i}: ${i}`).join(', ')}}`, '0'],
    ['a list of numbers', `[${Array.from({ length: 80 }, (_, i) => i).join(', ')}]`, '0'],
  ])("the file's own names, %s", async (_, names, first) => {
    const found = await read({ ...v8, metadata: { names } });
    expect(found.classNames[0]).toBe(first);
    expect(found.classNames).toHaveLength(80);
  });

  test.each(["{0: 'a', 2: 'b'}", 'not names', "['a', 'b'"])('never another list for %s', async (names) => {
    await expect(read({ ...v8, metadata: { names } })).rejects.toMatchObject({ code: 'MODEL_INVALID' });
    const declared = await read(
      { ...v8, metadata: { names } },
      { detector: { classNames: Array(80).fill('x') } },
    );
    expect(declared.classNames[0]).toBe('x');
  });

  test.each([
    [{ images: [-1, 3, -1, -1] }, { imgsz: '[320, 640]' }, [320, 640], 'metadata'],
    [{ images: ['b', 3, 0, 0] }, { imgsz: '480' }, [480, 480], 'metadata'],
    [{ images: ['b', 3, 384, -1] }, { imgsz: '(384, 672)' }, [384, 672], 'metadata'],
    [{ images: ['b', 3, 'h', 'w'] }, {}, [640, 640], 'default'],
    [{ images: [1, 256, 512, 3] }, { imgsz: '[640, 640]' }, [256, 512], 'shapes'],
  ])('open sides %j with %j', async (inputs, metadata, [h, w], from) => {
    const found = await read({
      inputs,
      outputs: { y: ['b', 6, 'anchors'] },
      metadata: { ...metadata, names: "['a', 'b']" },
    });
    expect([found.preprocess.heightPx, found.preprocess.widthPx]).toEqual([h, w]);
    expect(found.conclusions.find(({ part }) => part === 'input size')).toMatchObject({ from });
  });

  test.each([
    ['obb', 'model.onnx', { task: 'obb' }],
    ['pose', 'model.onnx', { task: 'pose' }],
    ['pose', 'model.onnx', { kpt_shape: '[17, 3]' }],
    ['obb', 'yolo11n-obb.onnx', {}],
    ['pose', 'yolov8n-pose.onnx', {}],
    ['classify', 'yolov8n-cls.onnx', {}],
  ])('refuses %s by name (%s, %j)', async (task, name, metadata) => {
    await expect(
      read({ inputs: square(640), outputs: { output0: [1, 56, 8400] }, metadata }, undefined, name),
    ).rejects.toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringContaining(`task ${task}`),
    });
  });

  test('unnamed extra numbers of oriented and pose exports are told', async () => {
    await expect(
      read({ inputs: square(640), outputs: { y: [1, 56, 8400] }, metadata: { names: "['person']" } }),
    ).rejects.toThrow(/pose/);
    await expect(
      read({
        inputs: square(640),
        outputs: { y: [1, 20, 8400] },
        metadata: {
          names: JSON.stringify(
            Array(15)
              .fill('x')
              .map((x, i) => x + i),
          ),
        },
      }),
    ).rejects.toThrow(/oriented/);
  });
});

describe('declarations', () => {
  const oneClass = { inputs: square(640), outputs: { output0: [1, 25200, 6] } };

  test('win over every guess', async () => {
    const head = {
      kind: 'boxes',
      boxesOutput: 'output0',
      scoresOutput: 'output0',
      boxFormat: 'xyxy',
      boxUnits: 'pixels',
      activation: 'sigmoid',
      suppress: true,
      classes: 2,
    };
    const found = await read(oneClass, { detector: { head, classNames: ['a', 'b'] } });
    expect(found.head).toEqual(head);
    expect(found.conclusions[0]).toMatchObject({ part: 'head', from: 'declaration' });
    const short = await read(oneClass, { detector: { head: { kind: 'yolov5' }, classNames: ['scratch'] } });
    expect(short.head).toEqual({ kind: 'yolov5', classes: 1 });
  });

  test.each([
    [
      { detector: { head: { kind: 'yolov8', classes: 2 } } },
      /yolov8 of \[N, 4 \+ 2, anchors\].*output0 \[1, 25200, 6\]/,
    ],
    [{ detector: { head: { kind: 'yolov5', classes: 2 } } }, /5 \+ 2/],
    [{ detector: { head: { kind: 'yolov5', classes: 1, output: 'nowhere' } } }, /an output nowhere/],
    [
      { detector: { head: { kind: 'yolov5', classes: 1 }, classNames: ['a', 'b'] } },
      /2 class names.*1 class/,
    ],
    [
      { preprocess: { widthPx: 320, heightPx: 320 }, detector: { classNames: ['a'] } },
      /preprocess.heightPx 320.*640/,
    ],
    [{ layout: 'nhwc', detector: { classNames: ['a'] } }, /layout nhwc/],
  ])('%j that the file refutes is an error', async (declaration, message) => {
    await expect(read(oneClass, declaration)).rejects.toMatchObject({
      code: 'MODEL_CONTRADICTED',
      message: expect.stringMatching(message),
    });
  });
});
