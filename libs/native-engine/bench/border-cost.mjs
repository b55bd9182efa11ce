/**
 * What the border costs: calls as hazure makes them, by two builds of the addon in turn, in one process each.
 *
 *   node libs/native-engine/bench/border-cost.mjs --before OTHER/hazure.node [--after FILE] [--rounds 7] [--model FILE.onnx]
 *
 * Prints one JSON line per workload: median milliseconds a call of each build, the least processor time a call of all
 * rounds (for a machine that others use, too), and their ratios (after ÷ before). The builds take turns, so that a machine that slows down slows both. `copied` is pixels in memory that JavaScript could
 * take away, which the border copies; `shared` the same pixels in a SharedArrayBuffer, which it holds.
 */
import { fork } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const repository = join(here, '../../..');

function bundledRuntime() {
  const bin = join(dirname(require.resolve('onnxruntime-node/package.json')), 'bin');
  for (const version of readdirSync(bin)) {
    const library = join(bin, version, process.platform, process.arch, 'libonnxruntime.so.1');
    if (existsSync(library)) return library;
  }
  throw new Error('no libonnxruntime for this machine');
}

function picture(widthPx, heightPx, shared) {
  const bytes = widthPx * heightPx * 3;
  const data = new Uint8Array(shared ? new SharedArrayBuffer(bytes) : bytes);
  for (let i = 0, state = 1; i < bytes; i++)
    data[i] = (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24;
  return { data, widthPx, heightPx };
}

const spec = (side) => ({
  widthPx: side,
  heightPx: side,
  fit: 'letterbox-centre',
  channelOrder: 'rgb',
  interpolation: 'bilinear',
  scale: 1 / 255,
  mean: [0, 0, 0],
  std: [1, 1, 1],
  padValue: 114,
});

/** Name → one call. */
async function workloads(binding, model) {
  const made = {};
  for (const [size, width, height] of [
    ['640x480', 640, 480],
    ['1080p', 1920, 1080],
  ]) {
    for (const kind of ['copied', 'shared']) {
      const image = picture(width, height, kind === 'shared');
      const crops = Array.from({ length: 8 }, (_, i) => ({
        image,
        box: { x1: 40 * i, y1: 20 * i, x2: 40 * i + 120, y2: 20 * i + 160 },
      }));
      made[`preprocess to 640, ${size}, ${kind}`] = () =>
        binding.preprocess([{ image, box: null }], spec(640));
      made[`preprocess 8 crops to 224, ${size}, ${kind}`] = () => binding.preprocess(crops, spec(224));
      if (!model) continue;
      const { handle } = await binding.loadDetector({
        modelPath: model,
        preprocess: spec(640),
        head: { kind: 'yolov8', classes: 80 },
        session: { device: 'cpu' },
      });
      const options = { confidence: 0.3, iou: 0.5, maxDetections: 300 };
      made[`detect, ${size}, ${kind}`] = () => binding.detect(handle, [image], options);
    }
  }
  const { handle } = await binding.loadEmbedder({
    modelPath: join(repository, 'native/tests/models/embedder.onnx'),
    preprocess: spec(224),
    output: 'features',
    normalise: true,
    session: { device: 'cpu' },
  });
  const image = picture(640, 480, false);
  const crops = Array.from({ length: 8 }, (_, i) => ({
    image,
    box: { x1: 40 * i, y1: 20 * i, x2: 40 * i + 120, y2: 20 * i + 160 },
  }));
  made['embed 8 crops with a small model, 640x480, copied'] = () => binding.embed(handle, crops);
  return made;
}

async function serve({ addon, runtime, model }) {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  const binding = require(addon);
  binding.openRuntime(runtime, null);
  const calls = await workloads(binding, model);
  process.on('message', async ({ name, count }) => {
    for (let i = 0; i < 2; i++) await calls[name]();
    const times = [];
    const used = process.cpuUsage();
    for (let i = 0; i < count; i++) {
      const began = performance.now();
      await calls[name]();
      times.push(performance.now() - began);
    }
    const { user, system } = process.cpuUsage(used);
    process.send({ times, cpuMs: (user + system) / 1000 / count });
  });
  process.send({ names: Object.keys(calls) });
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

async function main() {
  const { values } = parseArgs({
    options: {
      before: { type: 'string' },
      after: { type: 'string', default: join(repository, 'native/build/Release/hazure.node') },
      rounds: { type: 'string', default: '7' },
      model: { type: 'string' },
    },
  });
  if (!values.before) throw new Error('--before: the addon to compare with');
  const runtime = process.env.HAZURE_ONNXRUNTIME ?? bundledRuntime();
  const children = [values.before, values.after].map((addon) =>
    fork(fileURLToPath(import.meta.url), [
      '--serve',
      JSON.stringify({ addon, runtime, model: values.model }),
    ]),
  );
  const reply = (child) => new Promise((resolve) => child.once('message', resolve));
  const [{ names }] = await Promise.all(children.map(reply));
  for (const name of names) {
    const times = [[], []];
    const cpu = [[], []];
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) {
        const answered = reply(children[which]);
        children[which].send({ name, count: name.startsWith('detect') ? 5 : 40 });
        const answer = await answered;
        times[which].push(...answer.times);
        cpu[which].push(answer.cpuMs);
      }
    }
    const rounded = (value) => Math.round(value * 1000) / 1000;
    const [before, after] = times.map(median);
    const [cpuBefore, cpuAfter] = cpu.map((each) => Math.min(...each));
    const wall = { beforeMs: rounded(before), afterMs: rounded(after), ratio: rounded(after / before) };
    const processor = {
      before: rounded(cpuBefore),
      after: rounded(cpuAfter),
      ratio: rounded(cpuAfter / cpuBefore),
    };
    console.log(JSON.stringify({ name, ...wall, cpuMs: processor }));
  }
  for (const child of children) child.disconnect();
}

if (process.argv[2] === '--serve') await serve(JSON.parse(process.argv[3]));
else await main();
