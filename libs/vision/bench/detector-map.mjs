/**
 * Mean average precision of detectors on the labelled photos, and what another preprocessing would give.
 *
 *   node libs/vision/bench/detector-map.mjs                       # the three detectors at hand
 *   node libs/vision/bench/detector-map.mjs nanodet '{}' '{"fit":"stretch"}' '{"padValue":0}'
 *
 * Build first (`npm run build`). Times are per image, batch 8, and only mean something beside each other.
 */
import { describeDetector } from '@hazure/models';
import { loadEngine } from '@hazure/native-engine';
import { meanAveragePrecision } from '@hazure/test-kit';
import { loadCoco, sharedModel } from './coco.mjs';

const BATCH = 8;
const [model, ...variants] = process.argv.slice(2);
const runs = model
  ? (variants.length > 0 ? variants : ['{}']).map((variant) => [model, variant])
  : [sharedModel('yolov8n.onnx'), sharedModel('yolox_nano.onnx'), 'nanodet'].map((name) => [name, '{}']);

const photos = await loadCoco();
const truth = photos.flatMap(({ labels }, image) => labels.map((label) => ({ ...label, image })));
const engine = loadEngine();
for (const [name, variant] of runs) {
  const { model: file, head, preprocess } = await describeDetector(name);
  const detector = await engine.loadDetector({
    modelPath: file.path,
    head,
    preprocess: { ...preprocess, ...JSON.parse(variant) },
  });
  const found = [];
  let milliseconds = 0;
  for (let from = 0; from < photos.length; from += BATCH) {
    const images = photos.slice(from, from + BATCH).map(({ image }) => image);
    const start = performance.now();
    const lists = await detector.detect(images, { confidence: 0.001, iou: 0.65, maxDetections: 300 });
    milliseconds += performance.now() - start;
    lists.forEach((rows, i) => {
      for (let k = 0; k < rows.length; k += 6) {
        const [x1, y1, x2, y2, confidence, classId] = rows.subarray(k, k + 6);
        found.push({ image: from + i, classId, confidence, box: { x1, y1, x2, y2 } });
      }
    });
  }
  await detector.close();
  const { ap50, ap5095 } = meanAveragePrecision(truth, found);
  console.log(
    `${file.name} ${variant}: mAP50 ${ap50.toFixed(3)}, mAP50-95 ${ap5095.toFixed(3)}, ` +
      `${(milliseconds / photos.length).toFixed(1)} ms an image`,
  );
}
