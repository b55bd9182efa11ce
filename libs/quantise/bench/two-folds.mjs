/**
 * What int8 costs and gives on labelled photos that it was not calibrated on: two folds of coco128, calibrated on one and
 * judged on the other, results pooled. For a detector mean average precision, for an embedder the cosine on the labelled
 * objects; speed as the library measures it (processor time, one core).
 *
 *   node libs/quantise/bench/two-folds.mjs [MODEL …] [--images 16] [--keep DIR] [--max-loss X] [--reduced] [--sensitivity]
 *
 * MODEL is a path or a registry name; default: the shared models and the starter's detector. Build first.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeDetector, describeEmbedder } from '@hazure/models';
import { loadEngine } from '@hazure/native-engine';
import { detectorSource, embedderSource, quantiseModel, vectorAgreement } from '@hazure/quantise';
import { cocoFolds, decode, detectAll, labelsOf, meanAveragePrecision, sharedModel } from './lib.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    images: { type: 'string', default: '16' },
    keep: { type: 'string' },
    'max-loss': { type: 'string' },
    reduced: { type: 'boolean', default: false },
    sensitivity: { type: 'boolean', default: false },
  },
});
const names = positionals.length
  ? positionals
  : [
      ...['yolov8n.onnx', 'yolox_nano.onnx'].map(sharedModel),
      'nanodet',
      sharedModel('mobilenet_v2_features.onnx'),
    ];
const engine = loadEngine();
const folds = await cocoFolds();
const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'hazure-folds-'));

/** Whole photos for a detector, labelled objects for an embedder. */
function regionsOf(refs, role, most = Infinity) {
  return async function* regions() {
    let given = 0;
    for (const ref of refs) {
      const image = await decode(ref);
      const boxes =
        role === 'detector'
          ? [null]
          : labelsOf(ref, image)
              .map(({ box }) => box)
              .slice(0, 4);
      for (const box of boxes) {
        if (given++ >= most) return;
        yield { image, box };
      }
    }
  };
}

async function quantise(source, fold) {
  const { role } = source.subject;
  const out = join(folder, `${source.name.replace(/\W/g, '_')}-${fold}.onnx`);
  const most = Number(values.images);
  const report = await quantiseModel({
    engine,
    source,
    calibration: regionsOf(folds[fold], role, most),
    heldOut: regionsOf(folds[1 - fold], role, most),
    out,
    overwrite: true,
    sensitivity: values.sensitivity,
    ...(values['max-loss'] ? { maxLoss: Number(values['max-loss']) } : {}),
    ...(values.reduced ? { reducedRange: true } : {}),
    cpuMicros: () => process.cpuUsage().user + process.cpuUsage().system,
  });
  console.log(
    `  fold ${fold}:`,
    JSON.stringify({ ...report, sensitivity: report.sensitivity.slice(0, 5), float: report.float.length }),
  );
  return { out, report };
}

async function embedAll(modelPath, config, refs) {
  const embedder = await engine.loadEmbedder({ ...config, modelPath });
  const vectors = [];
  for await (const region of regionsOf(refs, 'embedder')()) vectors.push(await embedder.embed([region]));
  await embedder.close();
  return vectors;
}

for (const name of names) {
  const isEmbedder = /mobilenet|clip|dino|embed/i.test(name);
  const source = isEmbedder
    ? embedderSource(await describeEmbedder(name))
    : detectorSource(await describeDetector(name));
  console.log(source.name);
  const made = [await quantise(source, 0), await quantise(source, 1)];
  const speed = made.map(({ report }) => `${report.speed.speedup.toFixed(2)}×`).join(' / ');
  if (isEmbedder) {
    const exact = [];
    const rounded = [];
    for (const fold of [0, 1]) {
      exact.push(...(await embedAll(source.path, source.subject.config, folds[1 - fold])));
      rounded.push(...(await embedAll(made[fold].out, source.subject.config, folds[1 - fold])));
    }
    const { mean, least, vectors } = vectorAgreement(exact, rounded);
    console.log(`  ${vectors} objects: cosine mean ${mean.toFixed(4)}, least ${least.toFixed(4)}; ${speed}`);
    continue;
  }
  const pooled = async (pathOf) => {
    const parts = [];
    for (const fold of [0, 1])
      parts.push(await detectAll(engine, pathOf(fold), folds[1 - fold], 1000 * fold));
    return meanAveragePrecision(
      parts.flatMap(({ truth }) => truth),
      parts.flatMap(({ found }) => found),
    );
  };
  const fp32 = await pooled(() => name);
  const int8 = await pooled((fold) => made[fold].out);
  const line = ({ ap50, ap5095 }) => `${ap50.toFixed(4)} / ${ap5095.toFixed(4)}`;
  console.log(`  mAP50 / mAP50-95: fp32 ${line(fp32)}, int8 ${line(int8)}; ${speed}`);
}
if (!values.keep) rmSync(folder, { recursive: true });
