import { join } from 'node:path';
import type { DecodedImage, Detection } from '@hazure/contracts';
import { describeDetector, describeEmbedder, resolveModel } from '@hazure/models';
import { loadEngine } from '@hazure/native-engine';
import { EngineDetector, EngineEmbedder, FixedBatches } from '../src/index.js';
import { photos } from './photos.js';
import { cocoFolder, sharedModel, testWith } from './shared-data.js';

const stranger = (file: string): string => sharedModel(join('../cases/models', file));
const PERSON = 'person';

async function detect(model: string, images: readonly DecodedImage[]): Promise<Detection[][]> {
  const detector = await EngineDetector.load(loadEngine(), await describeDetector(model), {
    confidence: 0.3,
    iou: 0.5,
    maxDetections: 300,
    batches: () => new FixedBatches(4),
  });
  try {
    return await detector.detect(images);
  } finally {
    await detector.close();
  }
}

/** Every object has a twin in the other list: same class, corners within `px`, confidence within .01. */
function expectTwins(found: Detection[], others: Detection[], px: number): void {
  expect(found).toHaveLength(others.length);
  for (const { box, className, confidence } of found) {
    const twin = others.find(
      (other) =>
        other.className === className &&
        Math.abs(other.confidence - confidence) < 0.01 &&
        (['x1', 'y1', 'x2', 'y2'] as const).every((side) => Math.abs(other.box[side] - box[side]) < px),
    );
    expect(twin).toBeDefined();
  }
}

const only = (detections: Detection[], name: string): Detection[] =>
  detections.filter(({ className }) => className === name);

/** Exports made of the same weights as the plain models, read beside them. */
describe('exports of strangers on real photos', () => {
  const plain = sharedModel('yolov8n.onnx');

  testWith(stranger('yolo_end2end_300x6.onnx'), plain, cocoFolder)(
    'end to end: the boxes of the plain graph',
    async () => {
      const images = await photos(8);
      const [table, boxes] = [
        await detect(stranger('yolo_end2end_300x6.onnx'), images),
        await detect(plain, images),
      ];
      // What the plain graph suppresses, the table still holds: its boxes are a superset.
      boxes.forEach((found, i) => {
        const twins = found.map(({ box, className }) =>
          table[i]!.find(
            (row) =>
              row.className === className &&
              Math.abs(row.box.x1 - box.x1) < 0.5 &&
              Math.abs(row.box.y2 - box.y2) < 0.5,
          ),
        );
        expect(twins.every(Boolean)).toBe(true);
      });
      expect(boxes.flat().length).toBeGreaterThan(10);
    },
    60_000,
  );

  testWith(stranger('yolov5_one_class.onnx'), plain, cocoFolder)(
    'one class of YOLOv5: the persons of the plain graph',
    async () => {
      const images = await photos(8);
      const [one, all] = [
        await detect(stranger('yolov5_one_class.onnx'), images),
        await detect(plain, images),
      ];
      one.forEach((found) => expect(found.every(({ className }) => className === PERSON)).toBe(true));
      expect(one.flat().length).toBeGreaterThanOrEqual(all.flatMap((found) => only(found, PERSON)).length);
    },
    60_000,
  );

  testWith(stranger('yolox_one_class.onnx'), sharedModel('yolox_nano.onnx'), cocoFolder)(
    'one class of YOLOX: the persons of the plain graph',
    async () => {
      const images = await photos(8);
      const one = await detect(stranger('yolox_one_class.onnx'), images);
      const all = await detect(sharedModel('yolox_nano.onnx'), images);
      one.forEach((found, i) => {
        for (const person of only(all[i]!, PERSON))
          expectTwins(
            [person],
            found
              .filter(
                ({ box }) => Math.abs(box.x1 - person.box.x1) < 0.5 && Math.abs(box.y2 - person.box.y2) < 0.5,
              )
              .slice(0, 1),
            0.5,
          );
      });
      expect(one.flat().length).toBeGreaterThan(0);
    },
    60_000,
  );

  testWith(stranger('answers_nan.onnx'), cocoFolder)(
    'a model that answers NaN says so each time',
    async () => {
      const embedder = await EngineEmbedder.load(
        loadEngine(),
        await describeEmbedder(stranger('answers_nan.onnx')),
        {
          batches: () => new FixedBatches(4),
        },
      );
      const regions = (await photos(4)).map((image) => ({ image, box: null }));
      for (let attempt = 0; attempt < 3; attempt++)
        await expect(embedder.embed(regions)).rejects.toMatchObject({ code: 'MODEL_ANSWER_INVALID' });
      await embedder.close();
    },
  );

  testWith(stranger('external-data-identity/A/model.onnx'))(
    'one graph with other weights is another model',
    async () => {
      const [a, b] = await Promise.all(
        ['A', 'B'].map((name) => resolveModel(stranger(`external-data-identity/${name}/model.onnx`))),
      );
      expect(a!.sha256).not.toBe(b!.sha256);
    },
  );
});
