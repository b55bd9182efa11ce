import { join } from 'node:path';
import { HazureError, type DecodedImage, type Detection } from '@hazure/contracts';
import { describeDetector, pullModel } from '@hazure/models';
import { loadEngine } from '@hazure/native-engine';
import { EngineDetector, FixedBatches, SharpImageDecoder, walkImages } from '../src/index.js';
import { meanAveragePrecision, type LabelledBox, type ScoredBox } from '@hazure/test-kit';
import { cocoFolder, cocoLabels, sharedModel, testWith } from './shared-data.js';

const BATCH = 8;
const yolov8n = sharedModel('yolov8n.onnx');
const yoloxNano = sharedModel('yolox_nano.onnx');

/** Everything that COCO's evaluation wants to see: all confidences down to .001. */
async function load(model: string, batch = BATCH, confidence = 0.001): Promise<EngineDetector> {
  return EngineDetector.load(loadEngine(), await describeDetector(model), {
    confidence,
    iou: 0.65,
    maxDetections: 300,
    batches: () => new FixedBatches(batch),
  });
}

async function evaluate(model: string): Promise<{ ap50: number; ap5095: number; classes: number }> {
  const detector = await load(model);
  const decoder = new SharpImageDecoder();
  const labels = cocoLabels();
  const truth: LabelledBox[] = [];
  const found: ScoredBox[] = [];
  const refs = await walkImages(join(cocoFolder, 'images'));
  for (let from = 0; from < refs.length; from += BATCH) {
    const images = await Promise.all(refs.slice(from, from + BATCH).map((ref) => decoder.decode(ref)));
    const detections = await detector.detect(images);
    images.forEach((image, i) => {
      const index = from + i;
      found.push(...detections[i]!.map((detection) => ({ ...detection, image: index })));
      truth.push(...labelsOf(image, labels).map((label) => ({ ...label, image: index })));
    });
  }
  await detector.close();
  const result = meanAveragePrecision(truth, found);
  process.stderr.write(
    `${model.split('/').at(-1)}: mAP50 ${result.ap50.toFixed(3)}, mAP50-95 ${result.ap5095.toFixed(3)}\n`,
  );
  return result;
}

function labelsOf(
  { ref, widthPx, heightPx }: DecodedImage,
  labels: ReturnType<typeof cocoLabels>,
): Omit<LabelledBox, 'image'>[] {
  return (labels.get(ref.id.replace(/\.\w+$/, '')) ?? []).map(({ classId, cx, cy, width, height }) => ({
    classId,
    box: {
      x1: (cx - width / 2) * widthPx,
      y1: (cy - height / 2) * heightPx,
      x2: (cx + width / 2) * widthPx,
      y2: (cy + height / 2) * heightPx,
    },
  }));
}

testWith(cocoFolder, yolov8n)(
  'YOLOv8n finds the labelled objects',
  async () => {
    expect((await evaluate(yolov8n)).ap50).toBeGreaterThanOrEqual(0.56);
  },
  300_000,
);

testWith(cocoFolder, yoloxNano)(
  'YOLOX-nano finds the labelled objects',
  async () => {
    expect((await evaluate(yoloxNano)).ap50).toBeGreaterThanOrEqual(0.47);
  },
  300_000,
);

testWith(cocoFolder)(
  'the starter NanoDet finds the labelled objects',
  async () => {
    try {
      await pullModel('starter');
    } catch (error) {
      if (!(error instanceof HazureError) || !['NETWORK_UNAVAILABLE', 'MODEL_MISSING'].includes(error.code))
        throw error;
      process.stderr.write(`starter detector not tested: ${error.message}\n`);
      return;
    }
    expect((await evaluate('nanodet')).ap50).toBeGreaterThanOrEqual(0.43);
  },
  300_000,
);

testWith(cocoFolder, yoloxNano, yolov8n)(
  'a batch gives what its images give alone',
  async () => {
    const refs = (await walkImages(join(cocoFolder, 'images'))).slice(0, 3);
    const decoder = new SharpImageDecoder();
    const images = await Promise.all(refs.map((ref) => decoder.decode(ref)));
    const flat = (lists: Detection[][]): number[][] =>
      lists
        .flat()
        .map(({ box, classId, confidence }) => [box.x1, box.y1, box.x2, box.y2, classId, confidence]);
    for (const model of [yolov8n, yoloxNano]) {
      const together = await load(model, 3, 0.25);
      const single = await load(model, 1, 0.25);
      const [a, b] = [flat(await together.detect(images)), flat(await single.detect(images))];
      expect(a.length).toBeGreaterThan(3);
      expect(a.length).toBe(b.length);
      a.forEach((row, i) => row.forEach((value, k) => expect(value).toBeCloseTo(b[i]![k]!, 2)));
      await Promise.all([together.close(), single.close()]);
    }
  },
  120_000,
);
