/**
 * Does the engine leak? 200 session loads and 100 000 preprocess calls, with the resident memory written down along
 * the way. Ends with 1 when the last quarter's mean lies more than 5% and 24 MiB above the second quarter's (the first
 * fills arenas and caches).
 *
 *   node --expose-gc libs/native-engine/bench/soak.mjs [--loads 200] [--calls 100000]
 */
import { setImmediate } from 'node:timers';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { loadEngine } from '../dist/index.js';

const { values } = parseArgs({
  options: { loads: { type: 'string', default: '200' }, calls: { type: 'string', default: '100000' } },
});
const MIB = 2 ** 20;
const engine = loadEngine();
const model = fileURLToPath(new URL('../../../native/tests/models/embedder.onnx', import.meta.url));
const preprocess = {
  widthPx: 64,
  heightPx: 64,
  fit: 'letterbox-centre',
  channelOrder: 'rgb',
  interpolation: 'bilinear',
  scale: 1 / 255,
  mean: [0, 0, 0],
  std: [1, 1, 1],
  padValue: 114,
};
const image = { data: new Uint8Array(96 * 72 * 3).fill(77), widthPx: 96, heightPx: 72 };
const regions = [{ image, box: null }];

const loadOnce = {
  session: async () => {
    const session = await engine.loadSession(model);
    await session.run({ image: { type: 'float32', dims: [1, 3, 8, 8], data: new Float32Array(192) } });
    return session;
  },
  embedder: async () => {
    const embedder = await engine.loadEmbedder({
      modelPath: model,
      preprocess,
      output: 'features',
      normalise: true,
    });
    await embedder.embed(regions);
    return embedder;
  },
  refused: async () => {
    await engine.loadSession(`${model}.none`).catch(() => undefined);
    return { close: async () => {} };
  },
};

/** Runs `work` so many times and compares the resident memory of two quarters. */
async function soak(title, times, work) {
  const samples = [];
  const every = Math.max(1, Math.floor(times / 80));
  for (let i = 0; i < times; i++) {
    await work(i);
    if (i % every === 0) {
      globalThis.gc?.();
      await new Promise((settled) => setImmediate(settled));
      samples.push(process.memoryUsage.rss() / MIB);
    }
  }
  const mean = (part) => part.reduce((sum, value) => sum + value, 0) / part.length;
  const quarter = Math.floor(samples.length / 4);
  const second = mean(samples.slice(quarter, 2 * quarter));
  const last = mean(samples.slice(-quarter));
  const flat = last <= second * 1.05 || last - second < 24;
  console.log(
    `${flat ? 'flat' : 'GROWS'}  ${title}: ${times} times, resident ${samples[0].toFixed(0)} MiB at first, ` +
      `${second.toFixed(0)} MiB in the second quarter, ${last.toFixed(0)} MiB in the last`,
  );
  return flat;
}

if (globalThis.gc === undefined) console.log('(run with --expose-gc for a steadier reading)');
const kinds = Object.keys(loadOnce);
const results = [
  await soak('model loads, used and closed', Number(values.loads), async (i) => {
    const loaded = await loadOnce[kinds[i % kinds.length]]();
    await loaded.close();
  }),
  await soak('model loads, left to the garbage collector', Number(values.loads), async (i) => {
    await loadOnce[kinds[i % 2]]();
  }),
  await soak('preprocess calls', Number(values.calls), () => engine.preprocess(regions, preprocess)),
];
process.exitCode = results.every(Boolean) ? 0 : 1;
