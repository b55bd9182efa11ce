/**
 * Proves the engine on a CUDA machine with Node: what the doctor says, results of real models on CUDA and TensorRT
 * against the CPU, images per second of every stage, memory per batch, and recovery from a batch that does not fit.
 *
 *   node tools/gpu-validate/node.mjs [--images DIR] [--detector M] [--embedder M] [--only cuda|tensorrt]
 *                                    [--batches 1,8,32] [--seconds 3] [--json FILE]
 *   node tools/gpu-validate/node.mjs --device cpu      proves this script where there is no GPU: another CPU session
 *                                                      stands for it, and running out of memory is made up
 *
 * Needs `npm run setup`, and `hazure doctor --fetch-gpu` for sessions on the GPU. Models are registry names or .onnx
 * files; the starter models are the default. Without --images the pictures are made up: raw outputs are compared in
 * either case, but made-up pictures show few objects.
 * Exit code: 0 all passed; 1 something failed, or a provider can't be used although there is a GPU; 2 no GPU.
 * For machines without Node see tools/gpu-validate/native.sh.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { REGISTRY, describeDetector, describeEmbedder } from '../../libs/models/dist/index.js';
import { loadEngine } from '../../libs/native-engine/dist/index.js';
import { SharpImageDecoder } from '../../libs/vision/dist/index.js';
import { TOLERANCES, compareBoxes, leastCosine, rawDifference } from './compare.mjs';
import { limited, memoryOf, rate, recovery } from './measure.mjs';

const { starter } = REGISTRY.packs;
const { values: flags } = parseArgs({
  options: {
    images: { type: 'string' },
    detector: { type: 'string', default: starter.detector },
    embedder: { type: 'string', default: starter.embedder },
    device: { type: 'string', default: 'gpu' },
    only: { type: 'string' },
    batches: { type: 'string', default: '1,8,32' },
    seconds: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
});
const batches = flags.batches.split(',').map(Number);
const seconds = Number(flags.seconds);
const pretend = flags.device === 'cpu';
const DETECT = { confidence: 0.25, iou: 0.5, maxDetections: 300 };
const IMAGES = 32;

const report = { checks: [], rates: [], memory: [], recovery: [] };
let failures = 0;
function check(passed, text) {
  report.checks.push({ passed, text });
  if (!passed) failures += 1;
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${text}`);
}

// ---- The machine
const bin = fileURLToPath(new URL('../../apps/cli/bin/hazure.mjs', import.meta.url));
const doctor = spawnSync(process.execPath, [bin, 'doctor'], { encoding: 'utf8' });
console.log(doctor.stdout);
if (doctor.status !== 0) {
  console.error('The engine does not work here; the doctor says why.');
  process.exit(1);
}
const engine = loadEngine();
const { cuda } = engine.info();
if (!pretend && cuda.devices.length === 0) {
  console.error(`No GPU to validate: ${cuda.unavailable}. (--device cpu proves the script itself.)`);
  process.exit(2);
}

/** What is held against the CPU. */
const CANDIDATES = pretend
  ? [{ title: 'cpu, one thread', tolerance: 'exact', session: { device: 'cpu', threads: 1 } }]
  : [
      { title: 'cuda fp32', tolerance: 'fp32', session: { device: 'cuda', cuda: { tf32: false } } },
      { title: 'cuda tf32', tolerance: 'tf32', session: { device: 'cuda' } },
      {
        title: 'cuda, through the host',
        tolerance: 'fp32',
        session: { device: 'cuda', cuda: { tf32: false, deviceTensors: false } },
      },
      { title: 'cuda graphs', tolerance: 'tf32', session: { device: 'cuda', cuda: { graphs: true } } },
      { title: 'tensorrt fp32', tolerance: 'tf32', session: { device: 'tensorrt', precision: 'fp32' } },
      { title: 'tensorrt fp16', tolerance: 'fp16', session: { device: 'tensorrt', precision: 'fp16' } },
    ].filter(({ session }) => !flags.only || session.device === flags.only);
const memoryDevice = pretend ? 'host' : 'cuda:0';
const withProfile = (session) =>
  session.device === 'tensorrt'
    ? {
        ...session,
        tensorrt: { batch: { min: 1, optimal: Math.max(...batches), max: 2 * Math.max(...batches) } },
      }
    : session;

// ---- Pictures
/** Noise on gradients with a few plain rectangles. */
function madeUp(seed) {
  const [widthPx, heightPx] = [480 + 16 * (seed % 7), 360 + 16 * (seed % 5)];
  const data = new Uint8Array(widthPx * heightPx * 3);
  let state = seed + 1;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const pixel = Math.floor(i / 3);
    const [x, y] = [pixel % widthPx, Math.floor(pixel / widthPx)];
    const inside = (x >> 6) % 3 === seed % 3 && (y >> 6) % 2 === 0;
    data[i] = inside ? (seed * 53 + (i % 3) * 80) % 256 : (x + y + (state >>> 26)) % 256;
  }
  return { data, widthPx, heightPx };
}
async function photos(folder) {
  const decoder = new SharpImageDecoder();
  const names = readdirSync(folder).filter((name) => /\.(jpe?g|png|webp)$/i.test(name));
  return Promise.all(
    names
      .sort()
      .slice(0, IMAGES)
      .map((id, index) => decoder.decode({ id, path: join(folder, id), index, bytes: 0 })),
  );
}
const images = flags.images
  ? await photos(flags.images)
  : Array.from({ length: IMAGES }, (_, seed) => madeUp(seed));
if (images.length === 0) {
  console.error(`No images in ${flags.images}`);
  process.exit(1);
}
const regions = images.map((image) => ({ image, box: null }));
console.log(
  `${images.length} ${flags.images ? 'photos' : 'made-up pictures'}, batches of ${batches.join(', ')}`,
);

// ---- Models
const detectorModel = await describeDetector(flags.detector);
const embedderModel = await describeEmbedder(flags.embedder);
const load = {
  detector: (session) =>
    engine.loadDetector({
      modelPath: detectorModel.model.path,
      preprocess: detectorModel.preprocess,
      head: detectorModel.head,
      session,
    }),
  embedder: (session) =>
    engine.loadEmbedder({
      modelPath: embedderModel.model.path,
      preprocess: embedderModel.preprocess,
      output: embedderModel.output,
      normalise: embedderModel.normalise,
      session,
    }),
};

/** Every output of both models for a few pictures, fed as the CPU preprocessed them; from there no graph replays. */
async function rawOutputs({ cuda, ...others }) {
  const session = { ...others, cuda: { ...cuda, graphs: false } };
  const outputs = [];
  for (const { model, preprocess } of [detectorModel, embedderModel]) {
    const loaded = await engine.loadSession(model.path, session);
    const count = loaded.inputs[0].dims[0] > 0 ? loaded.inputs[0].dims[0] : 4;
    const { data } = await engine.preprocess(regions.slice(0, count), preprocess);
    if (data.length === 3 * count * preprocess.widthPx * preprocess.heightPx) {
      const dims = [count, 3, preprocess.heightPx, preprocess.widthPx];
      const run = await loaded.run({ [loaded.inputs[0].name]: { type: 'float32', dims, data } });
      for (const [name, tensor] of Object.entries(run)) {
        if (tensor.type === 'float32') outputs.push({ name: `${model.name}.${name}`, data: tensor.data });
      }
    }
    await loaded.close();
  }
  return outputs;
}

async function results(session) {
  const detector = await load.detector(session);
  const boxes = [];
  for (const image of images) boxes.push(...(await detector.detect([image], DETECT)));
  const all = await detector.detect(images.slice(0, Math.max(...batches)), DETECT);
  const description = `${detector.device} ${detector.precision} (${detector.deviceReason})`;
  await detector.close();
  const embedder = await load.embedder(session);
  // Once more, and then again: a graph is captured the second time and replayed the third.
  if (session.cuda?.graphs) for (let i = 0; i < 2; i++) await embedder.embed(regions);
  const rows = await embedder.embed(regions);
  const { dimensions } = embedder;
  await embedder.close();
  return { description, boxes, all, rows, dimensions, raw: await rawOutputs(session) };
}

/** Images per second of the stages, memory by batch, and recovery, of one way to run. */
async function figures(title, session) {
  const detector = await load.detector(session);
  const detect = (batch) => detector.detect(batch, DETECT);
  for (const row of await memoryOf(engine, memoryDevice, batches, images, detect)) {
    report.memory.push({ title, ...row });
    console.log(
      `       ${title}: the first batch of ${row.batchSize} took ${(row.bytes / 2 ** 20).toFixed(0)} MiB`,
    );
  }
  const embedder = await load.embedder(session);
  const embed = (batch) => embedder.embed(batch.map((image) => ({ image, box: null })));
  const pixels = (batch) =>
    engine.preprocess(
      batch.map((image) => ({ image, box: null })),
      detectorModel.preprocess,
    );
  for (const batchSize of batches) {
    const row = {
      title,
      batchSize,
      preprocessOnCpu: await rate(images, batchSize, seconds, pixels),
      detect: await rate(images, batchSize, seconds, detect),
      embed: await rate(images, batchSize, seconds, embed),
    };
    report.rates.push(row);
    const stages = Object.entries(row).filter(([, value]) => typeof value === 'number');
    const text = stages
      .filter(([name]) => name !== 'batchSize')
      .map(([name, value]) => `${name} ${value.toFixed(1)}`);
    console.log(`       ${title}, batch ${batchSize}: images/s ${text.join(', ')}`);
  }
  await detector.close();
  await embedder.close();
}

/** A batch that does not fit: the arena is kept small on the GPU; on the CPU the shortage is made up. */
async function recovers(title, session, wanted) {
  const roomBytes = 512 * 2 ** 20;
  const cramped = pretend ? session : { ...session, cuda: { ...session.cuda, memoryLimitBytes: roomBytes } };
  const detector = await load.detector(cramped);
  const call = limited((batch) => detector.detect(batch, DETECT), pretend ? 5 : null);
  const initial = pretend ? images.length : 1024;
  const items = Array.from({ length: 2 * initial }, (_, i) => images[i % images.length]);
  const same = (a, b) => compareBoxes([a], [b], DETECT.confidence, 2e-3).alone === 0;
  const found = await recovery(items, initial, call, wanted, same);
  await detector.close();
  report.recovery.push({ title, ...found });
  check(
    found.shrankTo.length > 0 && found.same,
    `${title}: ${items.length} images from a batch of ${initial}, which went down to ${found.shrankTo.join(', ') || 'nothing smaller'}; results ${found.same ? 'the same' : 'DIFFER'}`,
  );
}

// ---- All together
const cpu = await results({ device: 'cpu' });
for (const { title, tolerance, session } of CANDIDATES) {
  const bounds = TOLERANCES[tolerance];
  const asked = withProfile(session);
  try {
    const came = await results(asked);
    console.log(`       ${title}: ${came.description}`);
    for (const { name, data } of came.raw) {
      const difference = rawDifference(data, cpu.raw.find((output) => output.name === name).data);
      check(difference <= bounds.raw, `${title}: ${name} within ${difference.toExponential(1)} of its range`);
    }
    const boxes = compareBoxes(came.boxes, cpu.boxes, DETECT.confidence, bounds.confidence);
    check(
      boxes.alone === 0 && boxes.worst <= bounds.confidence,
      `${title}: ${boxes.boxes} boxes, ${boxes.alone} without a partner, confidence within ${boxes.worst.toExponential(1)}`,
    );
    const batched = compareBoxes(
      came.all,
      came.boxes.slice(0, came.all.length),
      DETECT.confidence,
      bounds.confidence,
    );
    check(batched.alone === 0, `${title}: a batch of ${came.all.length} gives what single images give`);
    const cosine = leastCosine(came.rows, cpu.rows, cpu.dimensions);
    check(
      cosine >= bounds.cosine,
      `${title}: ${came.rows.length / cpu.dimensions} embeddings, least cosine ${cosine.toFixed(7)}`,
    );
    await figures(title, asked);
    if (session.device !== 'tensorrt') await recovers(title, asked, came.boxes);
  } catch (error) {
    check(false, `${title}: ${error.message}${error.hint ? ` → ${error.hint}` : ''}`);
  }
}
if (!pretend) await figures('cpu', { device: 'cpu' });
if (flags.json) writeFileSync(flags.json, `${JSON.stringify({ info: engine.info(), ...report }, null, 2)}\n`);
console.log(failures === 0 ? 'All passed.' : `${failures} of ${report.checks.length} checks FAILED.`);
process.exitCode = failures === 0 ? 0 : 1;
