/**
 * What a capable person writes in an afternoon with onnxruntime-node and sharp: one image after the other, letterbox
 * by sharp, everything else in JavaScript. The peer of `libs/benchmark/bench/end-to-end.mjs`.
 *
 *   node libs/benchmark/bench/plain-script.mjs DETECTOR.onnx EMBEDDER.onnx IMAGES
 *
 * DETECTOR is a YOLOv8 export, EMBEDDER takes [N, 3, 224, 224] with ImageNet's means and has an output `features`.
 */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.env.ORT_DISABLE_TELEMETRY = '1';
const require = createRequire(new URL('../../vision/package.json', import.meta.url));
const sharp = require('sharp');
const ort = createRequire(new URL('../../../native/package.json', import.meta.url))('onnxruntime-node');

const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

async function detect(session, path, confidence = 0.3, iou = 0.5) {
  const [, , height, width] = session.inputMetadata[0].shape;
  const source = sharp(path).removeAlpha().toColourspace('srgb');
  const { data: pixels, info } = await source.raw().toBuffer({ resolveWithObject: true });
  const ratio = Math.min(width / info.width, height / info.height);
  const [w, h] = [Math.round(info.width * ratio), Math.round(info.height * ratio)];
  const [left, top] = [(width - w) >> 1, (height - h) >> 1];
  const boxed = await sharp(pixels, { raw: info })
    .resize(w, h, { fit: 'fill', kernel: 'linear' })
    .extend({
      left,
      top,
      right: width - w - left,
      bottom: height - h - top,
      background: { r: 114, g: 114, b: 114 },
    })
    .raw()
    .toBuffer();
  const plane = width * height;
  const input = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) input[c * plane + i] = boxed[3 * i + c] / 255;
  }
  const outputs = await session.run({
    [session.inputNames[0]]: new ort.Tensor('float32', input, [1, 3, height, width]),
  });
  const { data, dims } = outputs[session.outputNames[0]];
  const [, rows, anchors] = dims;
  const candidates = [];
  for (let a = 0; a < anchors; a++) {
    let best = 0;
    let classId = -1;
    for (let c = 4; c < rows; c++) {
      const score = data[c * anchors + a];
      if (score > best) [best, classId] = [score, c - 4];
    }
    if (best <= confidence) continue;
    const [cx, cy, bw, bh] = [0, 1, 2, 3].map((r) => data[r * anchors + a]);
    candidates.push({
      classId,
      score: best,
      x1: Math.max(0, (cx - bw / 2 - left) / ratio),
      y1: Math.max(0, (cy - bh / 2 - top) / ratio),
      x2: Math.min(info.width, (cx + bw / 2 - left) / ratio),
      y2: Math.min(info.height, (cy + bh / 2 - top) / ratio),
    });
  }
  candidates.sort((a, b) => b.score - a.score);
  const kept = [];
  for (const box of candidates) {
    if (kept.every((other) => other.classId !== box.classId || overlap(box, other) <= iou)) kept.push(box);
  }
  return { pixels, info, boxes: kept.slice(0, 300) };
}

function overlap(a, b) {
  const w = Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1);
  const h = Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1);
  if (w <= 0 || h <= 0) return 0;
  const area = (r) => (r.x2 - r.x1) * (r.y2 - r.y1);
  return (w * h) / (area(a) + area(b) - w * h);
}

async function embed(session, { pixels, info }, box, size = 224) {
  const left = Math.floor(box.x1);
  const top = Math.floor(box.y1);
  const crop = await sharp(pixels, { raw: info })
    .extract({
      left,
      top,
      width: Math.max(1, Math.min(info.width, Math.ceil(box.x2)) - left),
      height: Math.max(1, Math.min(info.height, Math.ceil(box.y2)) - top),
    })
    .resize(size, size, { fit: 'contain', kernel: 'linear' })
    .raw()
    .toBuffer();
  const plane = size * size;
  const input = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) input[c * plane + i] = (crop[3 * i + c] / 255 - MEAN[c]) / STD[c];
  }
  const outputs = await session.run({
    [session.inputNames[0]]: new ort.Tensor('float32', input, [1, 3, size, size]),
  });
  return outputs.features.data;
}

async function pass(detector, embedder, paths) {
  const started = performance.now();
  let objects = 0;
  for (const path of paths) {
    const found = await detect(detector, path);
    for (const box of found.boxes) {
      await embed(embedder, found, box);
      objects++;
    }
  }
  return { images: paths.length, objects, seconds: (performance.now() - started) / 1000 };
}

/** Loads both models, then calls back with a function that makes one pass over all images. */
export async function plainScript(detectorPath, embedderPath, folder) {
  const [detector, embedder] = await Promise.all(
    [detectorPath, embedderPath].map((path) => ort.InferenceSession.create(path)),
  );
  const paths = readdirSync(folder)
    .filter((name) => /\.(jpe?g|png)$/i.test(name))
    .sort()
    .map((name) => join(folder, name));
  if (paths.length === 0) throw new Error(`${folder} itself holds no .jpg or .png files`);
  return () => pass(detector, embedder, paths);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2);
  if (args.length !== 3) throw new Error('usage: plain-script.mjs DETECTOR.onnx EMBEDDER.onnx IMAGES');
  const run = await plainScript(...args);
  console.log(JSON.stringify(await run()));
}
