/**
 * Chooses the starter embedder by evidence: how well pooled features of NanoDet tell labelled objects apart, by
 * which tensors are pooled, input size and fit, next to MobileNetV2. Two figures on object crops of the photos:
 *
 * - kNN: share of crops whose 5 nearest crops of other photos (cosine) vote for their class;
 * - AUROC: a class is "normal", all others are not; score = mean cosine distance to the 3 nearest normal crops of
 *   other photos; mean over classes. This is the product's task in small.
 *
 *   node libs/vision/bench/embedder-quality.mjs --nanodet <folder with nanodet.json and nanodet.bin> [--sizes 96,128,224]
 *
 * Build first (`npm run build`). Times are per crop, batch 16, and only mean something beside each other.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { convertTfjsGraph, describeEmbedder, encodeOnnx, int, ints, parseTfjsGraph } from '@hazure/models';
import { loadEngine } from '@hazure/native-engine';
import { loadCoco, sharedModel } from './coco.mjs';

const BATCH = 16;
const MIN_SIDE_PX = 24;
const { values } = parseArgs({
  options: { nanodet: { type: 'string' }, sizes: { type: 'string', default: '96,128,160,224' } },
});
const engine = loadEngine();
const crops = (await loadCoco()).flatMap(({ image, labels }, photo) =>
  labels
    .filter(({ box }) => Math.min(box.x2 - box.x1, box.y2 - box.y1) >= MIN_SIDE_PX)
    .map(({ classId, box }) => ({ photo, classId, region: { image, box } })),
);
const perClass = group(crops);
console.log(`${crops.length} crops of ${perClass.size} classes`);

const mobilenet = await describeEmbedder(sharedModel('mobilenet_v2_features.onnx'));
for (const fit of ['stretch', 'letterbox-centre']) {
  await measure(
    `MobileNetV2 224 ${fit}`,
    mobilenet.model.path,
    { ...mobilenet.preprocess, fit },
    mobilenet.output,
  );
}
const starter = await describeEmbedder('nanodet-features');
await measure('nanodet-features as shipped', starter.model.path, starter.preprocess, starter.output);

if (values.nanodet) {
  const folder = mkdtempSync(join(tmpdir(), 'hazure-quality-'));
  const graph = convertTfjsGraph(
    parseTfjsGraph(
      JSON.parse(readFileSync(join(values.nanodet, 'nanodet.json'), 'utf8')),
      readFileSync(join(values.nanodet, 'nanodet.bin')),
    ),
  );
  for (const size of values.sizes.split(',').map(Number)) {
    for (const [name, pooled] of Object.entries(candidates(graph))) {
      const path = join(folder, 'candidate.onnx');
      writeFileSync(path, pooledModel(graph, pooled, size));
      for (const fit of ['stretch', 'letterbox-centre']) {
        const preprocess = { ...starter.preprocess, widthPx: size, heightPx: size, fit };
        await measure(`${name} ${size} ${fit}`, path, preprocess, 'features');
      }
    }
  }
  rmSync(folder, { recursive: true });
}

/** Sets of [tensor, statistic] by name. */
function candidates(graph) {
  const ofType = (opType) =>
    graph.nodes.filter((node) => node.opType === opType).map((node) => node.outputs[0]);
  const adds = ofType('Add');
  const pyramid = [adds[1], adds[0], graph.nodes.find((node) => node.opType === 'Resize').inputs[0]];
  // The last activation of each backbone stage: what the concatenation at the end of a stage takes first.
  const concats = graph.nodes.filter((node) => node.opType === 'Concat');
  const stages = [4, 7, 11].map((i) => concats[i].inputs[0]);
  return {
    'pyramid means': pyramid.map((tensor) => [tensor, 'mean']),
    'backbone means': stages.map((tensor) => [tensor, 'mean']),
    'backbone means and deviations': stages.flatMap((tensor) => [
      [tensor, 'mean'],
      [tensor, 'deviation'],
    ]),
    'last stage means': [[stages[2], 'mean']],
  };
}

function pooledModel(graph, pooled, size) {
  const nodes = [...graph.nodes];
  const add = (opType, inputs, output, attributes = {}) =>
    nodes.push({ name: output, opType, inputs, outputs: [output], attributes });
  const parts = pooled.map(([tensor, statistic], i) => {
    const over = { axes: ints([2, 3]), keepdims: int(statistic === 'mean' ? 0 : 1) };
    add('ReduceMean', [tensor], `mean_${i}`, over);
    if (statistic === 'mean') return `mean_${i}`;
    add('Sub', [tensor, `mean_${i}`], `centred_${i}`);
    add('ReduceL2', [`centred_${i}`], `deviation_${i}`, { axes: ints([2, 3]), keepdims: int(0) });
    return `deviation_${i}`;
  });
  // Each part gets the same weight.
  const scaled = parts.map((part, i) => {
    add('LpNormalization', [part], `scaled_${i}`, { axis: int(1), p: int(2) });
    return `scaled_${i}`;
  });
  add('Concat', scaled, 'features', { axis: int(1) });
  const needed = new Set(['features']);
  const kept = nodes
    .reverse()
    .filter(
      (node) =>
        node.outputs.some((name) => needed.has(name)) && node.inputs.every((name) => needed.add(name)),
    )
    .reverse();
  const initializers = new Map([...graph.initializers].filter(([name]) => needed.has(name)));
  return encodeOnnx({
    graph: {
      ...graph,
      nodes: kept,
      initializers,
      inputs: [{ ...graph.inputs[0], dims: ['batch', 3, size, size] }],
      outputs: [{ name: 'features', type: 'float32', dims: ['batch', null] }],
    },
    opset: 17,
    producerName: 'hazure',
    metadata: {},
  });
}

async function measure(name, modelPath, preprocess, output) {
  const embedder = await engine.loadEmbedder({ modelPath, preprocess, output, normalise: true });
  const rows = [];
  let milliseconds = 0;
  for (let from = 0; from < crops.length; from += BATCH) {
    const regions = crops.slice(from, from + BATCH).map(({ region }) => region);
    const start = performance.now();
    const data = await embedder.embed(regions);
    milliseconds += performance.now() - start;
    const cols = data.length / regions.length;
    regions.forEach((_, i) => rows.push(data.subarray(i * cols, (i + 1) * cols)));
  }
  await embedder.close();
  const similar = similarities(rows);
  console.log(
    `${name}: ${rows[0].length} values, kNN ${nearestVote(similar).toFixed(3)}, ` +
      `AUROC ${normalClassAuroc(similar).toFixed(3)}, ${(milliseconds / crops.length).toFixed(1)} ms a crop`,
  );
}

function similarities(rows) {
  return rows.map((a) => Float32Array.from(rows, (b) => a.reduce((sum, x, k) => sum + x * b[k], 0)));
}

function nearestVote(similar) {
  const judged = crops
    .map((crop, i) => ({ crop, i }))
    .filter(({ crop }) => perClass.get(crop.classId).length > 5);
  const hits = judged.filter(({ crop, i }) => {
    const nearest = crops
      .map((other, j) => ({ other, similarity: similar[i][j] }))
      .filter(({ other }) => other.photo !== crop.photo)
      .sort((a, b) => b.similarity - a.similarity)
      .slice(0, 5);
    const votes = new Map();
    for (const { other, similarity } of nearest) {
      votes.set(other.classId, (votes.get(other.classId) ?? 0) + 1 + similarity / 1000);
    }
    return [...votes].sort((a, b) => b[1] - a[1])[0][0] === crop.classId;
  });
  return hits.length / judged.length;
}

function normalClassAuroc(similar) {
  const aurocs = [];
  for (const [classId, members] of perClass) {
    if (members.length < 15) continue;
    const scores = { normal: [], other: [] };
    crops.forEach((crop, i) => {
      const nearest = crops
        .map((other, j) => (other.classId === classId && other.photo !== crop.photo ? similar[i][j] : -2))
        .sort((a, b) => b - a)
        .slice(0, 3);
      if (nearest[2] > -2) {
        scores[crop.classId === classId ? 'normal' : 'other'].push(
          -(nearest[0] + nearest[1] + nearest[2]) / 3,
        );
      }
    });
    if (scores.normal.length < 8) continue;
    const wins = scores.other.reduce(
      (sum, a) =>
        sum + scores.normal.filter((b) => a > b).length + scores.normal.filter((b) => a === b).length / 2,
      0,
    );
    aurocs.push(wins / scores.other.length / scores.normal.length);
  }
  return aurocs.reduce((sum, x) => sum + x, 0) / aurocs.length;
}

function group(items) {
  const groups = new Map();
  for (const item of items) groups.set(item.classId, [...(groups.get(item.classId) ?? []), item]);
  return groups;
}
