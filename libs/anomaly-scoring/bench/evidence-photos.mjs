#!/usr/bin/env node
/**
 * MobileNetV2 features of real photographs, as tasks for evidence-families.mjs:
 *   node libs/anomaly-scoring/bench/evidence-photos.mjs ../shared OUT.json
 * Circuit boards: tiles of templates are normal, tiles with a defect's centre in them are not. Objects: each of the
 * most frequent classes of coco128 is normal in turn, all other objects are not. Needs built rooms and the engine.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Random, selectRows } from '@hazure/numerics';

const [shared, out] = process.argv.slice(2);
const room = (name) => import(new URL(`../../${name}/dist/index.js`, import.meta.url).href);
const [{ describeEmbedder }, { loadEngine }] = await Promise.all([room('models'), room('native-engine')]);
const sharp = createRequire(new URL('../../vision/package.json', import.meta.url))('sharp');
const described = await describeEmbedder(join(shared, 'models', 'mobilenet_v2_features.onnx'));
const embedder = await loadEngine().loadEmbedder({
  modelPath: described.model.path,
  preprocess: described.preprocess,
  output: described.output,
  normalise: false,
});

async function decode(path) {
  const { data, info } = await sharp(path)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), widthPx: info.width, heightPx: info.height };
}
async function embed(regions) {
  const data = new Float32Array(regions.length * embedder.dimensions);
  for (let i = 0; i < regions.length; i += 32) {
    data.set(await embedder.embed(regions.slice(i, i + 32)), i * embedder.dimensions);
  }
  return { data, rows: regions.length, cols: embedder.dimensions };
}
const plain = (m) => ({ ...m, data: Array.from(m.data, (value) => Number(value.toPrecision(6))) });
/** Half of the normals for fitting, by groups (photos), the rest and the others for judging. */
function task(family, x, groups, isNormal, seed) {
  const ids = new Random(seed).shuffle([...new Set(groups.filter((_, row) => isNormal[row]))]);
  const fit = new Set(ids.slice(0, ids.length >> 1));
  const rows = [...groups.keys()];
  const train = rows.filter((row) => isNormal[row] && fit.has(groups[row]));
  const test = rows.filter((row) => !fit.has(groups[row]) || isNormal[row] === false);
  return {
    family,
    train: plain(selectRows(x, train)),
    test: plain(selectRows(x, test)),
    labels: test.map((row) => (isNormal[row] ? 0 : 1)),
  };
}
const tasks = [];

const boards = join(shared, 'data', 'deeppcb');
const [regions, groups, isNormal] = [[], [], []];
for (const [index, name] of readdirSync(join(boards, 'good')).sort().slice(0, 40).entries()) {
  const defects = readFileSync(join(boards, 'boxes', `${name.replace(/\.\w+$/, '')}.txt`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(/[ ,]+/).map(Number));
  for (const kind of ['good', 'defective']) {
    const image = await decode(join(boards, kind, name));
    for (let tile = 0; tile < 16; tile++) {
      const side = image.widthPx / 4;
      const [x1, y1] = [(tile % 4) * side, (tile >> 2) * side];
      const box = { x1, y1, x2: x1 + side, y2: y1 + side };
      const hit = defects.some(([a, b, c, d]) => {
        const [x, y] = [(a + c) / 2, (b + d) / 2];
        return x >= box.x1 && x < box.x2 && y >= box.y1 && y < box.y2;
      });
      if (kind === 'defective' && !hit) continue;
      regions.push({ image, box });
      groups.push(index);
      isNormal.push(kind === 'good');
    }
  }
}
const boardRows = await embed(regions);
for (const seed of [0, 1, 2]) tasks.push(task('circuit boards', boardRows, groups, isNormal, seed));

const objects = [];
const photos = join(shared, 'data', 'coco128');
for (const [photo, name] of readdirSync(join(photos, 'images')).sort().entries()) {
  const image = await decode(join(photos, 'images', name));
  const path = join(photos, 'labels', name.replace(/\.\w+$/, '.txt'));
  const labels = existsSync(path) ? readFileSync(path, 'utf8').trim() : ''; // a photo without objects has none
  for (const line of labels === '' ? [] : labels.split('\n')) {
    const [classId, cx, cy, w, h] = line.split(' ').map(Number);
    const [width, height] = [w * image.widthPx, h * image.heightPx];
    if (Math.min(width, height) < 24) continue;
    const x1 = Math.max(0, cx * image.widthPx - width / 2);
    const y1 = Math.max(0, cy * image.heightPx - height / 2);
    const box = {
      x1,
      y1,
      x2: Math.min(image.widthPx, x1 + width),
      y2: Math.min(image.heightPx, y1 + height),
    };
    objects.push({ photo, classId, region: { image, box } });
  }
}
const objectRows = await embed(objects.map(({ region }) => region));
const counts = new Map();
for (const { classId } of objects) counts.set(classId, (counts.get(classId) ?? 0) + 1);
const frequent = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 5);
for (const [own] of frequent) {
  const normal = objects.map(({ classId }) => classId === own);
  const photosOf = objects.map(({ photo }) => photo);
  const made = task('coco objects', objectRows, photosOf, normal, 0);
  if (made.train.rows >= 20) tasks.push(made);
  else console.log(`class ${own}: left out, ${made.train.rows} rows to fit to`);
}
writeFileSync(out, JSON.stringify(tasks));
await embedder.close();
