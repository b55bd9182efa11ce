#!/usr/bin/env node
/**
 * Which layers, models and pooling find and show what does not belong: MobileNetV2's maps on three families of tasks
 * (patch-tasks.mjs). Per family and combination: image AUROC, pixel AUROC from boxes, false alarms at percentile 95.
 *   node libs/anomaly-scoring/bench/patch-evidence.mjs [SHARED] [--quick] [--families=aligned,boards,road]
 *     [--layers='16 on 14;8+16 on 14'] [--members=position,position+bank]
 */
import { fileURLToPath } from 'node:url';
import {
  fitBaseline,
  fitPatch,
  joinLayers,
  neighbourhoodMeans,
  poolMaps,
  projectionFactor,
  projectMaps,
} from '@hazure/anomaly-scoring';
import { plainAccelerator, rankingMetrics } from '@hazure/numerics';
import { alignedTasks, boardTasks, roadTasks } from './patch-tasks.mjs';
import { loadMapNetwork, mapsOf } from './patch-rows.mjs';

const args = process.argv.slice(2);
const shared =
  args.find((arg) => !arg.startsWith('--')) ?? fileURLToPath(new URL('../../../../shared/', import.meta.url));
const quick = args.includes('--quick');
const wanted = args
  .find((arg) => arg.startsWith('--families='))
  ?.slice(11)
  .split(',') ?? ['aligned', 'boards', 'road'];
const only = args
  .find((arg) => arg.startsWith('--layers='))
  ?.slice(9)
  .split(';');
const FAMILIES = {
  aligned: () => alignedTasks(shared, quick ? 3 : 8),
  boards: () => boardTasks(shared, quick ? [0] : [0, 1]),
  road: () => roadTasks(shared, quick ? [0] : [0, 1]),
};
/** Which found maps, on a grid of how many cells a side. */
const LAYERS = {
  '8 on 28': { strides: [8], side: 28 },
  '16 on 14': { strides: [16], side: 14 },
  '8+16 on 14': { strides: [8, 16], side: 14 },
  '8+16 on 28': { strides: [8, 16], side: 28 },
  '8+16+32 on 14': { strides: [8, 16, 32], side: 14 },
};
const EVERY = [
  ['position'],
  ['shared'],
  ['free'],
  ['bank'],
  ['position', 'free'],
  ['shared', 'free'],
  ['position', 'bank'],
  ['position', 'free', 'bank'],
];
const COMBINATIONS =
  args
    .find((arg) => arg.startsWith('--members='))
    ?.slice(10)
    .split(',')
    .map((list) => list.split('+')) ?? EVERY;
const POOLINGS = [0, 0.01, 0.02, 0.05];
const accelerator = plainAccelerator();
const SIDE = 56;

/** Map values and truth at SIDE × SIDE pixels (nearest cell). */
function pixels(maps, side, regions) {
  const [values, labels] = [[], []];
  regions.forEach(({ box, truth }, map) => {
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        const cell = Math.floor((y * side) / SIDE) * side + Math.floor((x * side) / SIDE);
        values.push(maps[map * side * side + cell]);
        const px = box.x1 + ((x + 0.5) / SIDE) * (box.x2 - box.x1);
        const py = box.y1 + ((y + 0.5) / SIDE) * (box.y2 - box.y1);
        labels.push(truth.some((t) => px >= t.x1 && px < t.x2 && py >= t.y1 && py < t.y2) ? 1 : 0);
      }
    }
  });
  return rankingMetrics(labels, values).auroc;
}

const stream = (maps) => ({
  ...maps,
  async *[Symbol.asyncIterator]() {
    yield maps;
  },
});
const results = new Map();
function note(key, values) {
  const list = results.get(key) ?? [];
  list.push(values);
  results.set(key, list);
}

const network = await loadMapNetwork(`${shared}/models/mobilenet_v2_features.onnx`);
console.log(
  network.maps.map(({ tensor, stride, reason }) => `${tensor}: stride ${stride}, ${reason}`).join('\n'),
);
for (const family of wanted) {
  for await (const task of FAMILIES[family]()) {
    const labels = task.test.map(({ truth }) => (truth.length > 0 ? 1 : 0));
    const groups = task.train.map(({ group }) => group);
    const train = await mapsOf(network, task.train);
    const test = await mapsOf(network, task.test);
    const matrix = ({ rows }, count) => ({ data: rows, rows: count, cols: rows.length / count });
    const baseline = await fitBaseline({
      features: matrix(train, groups.length),
      groups,
      scorers: ['lof'],
      percentile: 95,
      seed: 0,
    });
    const { scores, outlier } = await baseline.score(matrix(test, labels.length));
    note(`${family}\tembedding\tlof`, {
      image: rankingMetrics(labels, scores.lof).auroc,
      alarms: share(labels, (i) => outlier[i]),
    });
    for (const [name, { strides, side }] of Object.entries(LAYERS)) {
      if (only && !only.includes(name)) continue;
      const chosen = network.maps
        .map(({ stride }, i) => (strides.includes(stride) ? i : -1))
        .filter((i) => i >= 0);
      const prepare = async ({ layers }) => {
        const one = joinLayers(
          chosen.map((i) => layers[i]),
          { height: side, width: side },
        );
        return projectMaps(
          neighbourhoodMeans(one),
          projectionFactor({ from: one.channels, to: 64, seed: 0 }),
          accelerator,
        );
      };
      const [normal, judged] = [await prepare(train), await prepare(test)];
      for (const members of COMBINATIONS) {
        const fitted = await fitPatch(stream(normal), groups, { members, pooling: { top: 0 }, seed: 0 });
        const { maps } = await fitted.model.score(judged, accelerator);
        const pixel = pixels(maps, side, task.test);
        const flagged = fitted.calibration
          .forPercentile(95)
          .pValues(poolMaps(maps, side * side, { top: 0 }))
          .map((p) => (p < 0.05 ? 1 : 0));
        const values = { pixel, alarms: share(labels, (i) => flagged[i]) };
        for (const top of POOLINGS)
          values[`top ${top}`] = rankingMetrics(labels, poolMaps(maps, side * side, { top })).auroc;
        note(`${family}\t${name}\t${members.join('+')}`, values);
      }
    }
    console.error(`${family} ${task.name}: ${groups.length} learned, ${labels.length} judged`);
  }
}
function share(labels, flagged) {
  const normal = labels.map((label, i) => (label === 0 ? i : -1)).filter((i) => i >= 0);
  return normal.filter((i) => flagged(i)).length / normal.length;
}
for (const [key, list] of results) {
  const mean = (name) => list.reduce((sum, values) => sum + values[name], 0) / list.length;
  console.log(
    `${key}\t${Object.keys(list[0])
      .map((name) => `${name} ${mean(name).toFixed(3)}`)
      .join('\t')}`,
  );
}
await network.session.close();
process.exit(0);
