#!/usr/bin/env node
/**
 * Heatmaps to look at, and what patch models cost beside the embedding:
 *   node libs/vision/bench/patch-heatmaps.mjs OUT_DIR [SHARED] [--family aligned|boards|road] [--images 4]
 * Writes one PNG of each of the first images with something in them: the map over the crop, its regions in blue. Says the
 * time an image of the embedding alone, with maps as outputs, and of preparing and scoring maps.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  DEFAULT_MEMBERS,
  fitPatch,
  heatOf,
  joinLayers,
  neighbourhoodMeans,
  projectionFactor,
  projectMaps,
  regionsAbove,
} from '@hazure/anomaly-scoring';
import { describeEmbedder } from '@hazure/models';
import { loadEngine } from '@hazure/native-engine';
import { plainAccelerator } from '@hazure/numerics';
import { EngineEmbedder, EngineMapEmbedder, FixedBatches, heatmapPng } from '@hazure/vision';
import { alignedTasks, boardTasks, roadTasks } from '../../anomaly-scoring/bench/patch-tasks.mjs';

const args = process.argv.slice(2);
const option = (name, fallback) => {
  const at = args.indexOf(`--${name}`);
  return at < 0 ? fallback : args.splice(at, 2)[1];
};
const family = option('family', 'aligned');
const images = Number(option('images', '4'));
const [out, shared = fileURLToPath(new URL('../../../../shared/', import.meta.url))] = args;
const tasks = {
  aligned: () => alignedTasks(shared, 1),
  boards: () => boardTasks(shared, [0]),
  road: () => roadTasks(shared, [0]),
};
const { value: task } = await tasks[family]().next();

const engine = loadEngine();
const model = await describeEmbedder(join(shared, 'models', 'mobilenet_v2_features.onnx'));
const session = { device: 'cpu', threads: 1, streams: 1 };
const batches = () => new FixedBatches(8);
const cacheDir = mkdtempSync(join(tmpdir(), 'hazure-maps-'));
const plain = await EngineEmbedder.load(engine, model, { session, batches });
const embedder = await EngineMapEmbedder.load(engine, model, { session, batches, cacheDir });
const accelerator = plainAccelerator(1);
const SIDE = 14;
const regionOf = ({ image, box }) => ({ image: { ...image, ref: { id: 'x', path: '' } }, box });

async function prepare(layers) {
  const used = layers.filter((_, i) => [8, 16].includes(embedder.maps[i].stride));
  const one = joinLayers(used, { height: SIDE, width: SIDE });
  const factor = projectionFactor({ from: one.channels, to: 64, seed: 0 });
  return projectMaps(neighbourhoodMeans(one), factor, accelerator);
}
const train = await prepare((await embedder.embedMaps(task.train.map(regionOf))).layers);
const stream = {
  ...train,
  async *[Symbol.asyncIterator]() {
    yield train;
  },
};
const groups = task.train.map(({ group }) => group);
const spent = { embed: 0, maps: 0, prepare: 0, score: 0 };
const timed = async (what, work) => {
  const from = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(from);
  spent[what] += (user + system) / 1000;
  return result;
};
const fitFrom = process.cpuUsage();
const fitted = await fitPatch(stream, groups, { seed: 0, accelerator });
const fit = process.cpuUsage(fitFrom);
const threshold = fitted.calibration.forPercentile(95).threshold(95);

const odd = task.test.filter(({ truth }) => truth.length > 0);
const judged = odd.slice(0, 32).map(regionOf);
await plain.embed(judged.slice(0, 8));
let scored;
for (let turn = 0; turn < 3; turn++) {
  await timed('embed', () => plain.embed(judged));
  const { layers } = await timed('maps', () => embedder.embedMaps(judged));
  const prepared = await timed('prepare', () => prepare(layers));
  scored = await timed('score', () => fitted.model.score(prepared, accelerator));
}
mkdirSync(out, { recursive: true });
for (let i = 0; i < Math.min(images, judged.length); i++) {
  const map = scored.maps.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE);
  const regions = regionsAbove(map, { height: SIDE, width: SIDE }, threshold);
  const heat = heatOf(map, fitted.usualValue, threshold);
  const png = await heatmapPng(judged[i], heat, { height: SIDE, width: SIDE, regions });
  writeFileSync(join(out, `${family}-${i}.png`), png);
  const [{ x1, y1, x2, y2 }] = odd[i].truth;
  const p = fitted.calibration.pValue(scored.scores[i]).toFixed(3);
  console.log(
    `${family}-${i}.png: truth ${[x1, y1, x2, y2].map(Math.round).join(' ')}, p ${p}, ${regions.length} regions`,
  );
}
const each = (ms) => `${(ms / judged.length / 3).toFixed(2)} ms`;
console.log(
  `processor time an image: embedding ${each(spent.embed)}, with maps ${each(spent.maps)}, preparing maps ${each(spent.prepare)}, scoring ${each(spent.score)} (${DEFAULT_MEMBERS.join(' + ')})`,
);
console.log(
  `fit and held-out scores: ${((fit.user + fit.system) / 1000 / groups.length).toFixed(2)} ms an image`,
);
await Promise.all([plain.close(), embedder.close()]);
process.exit(0);
