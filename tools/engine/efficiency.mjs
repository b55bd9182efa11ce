/**
 * How much of the throughput of inference alone does the engine keep when it also preprocesses, decodes and
 * suppresses? Both in the same run, over photos decoded beforehand, alternating to be fair on a noisy machine.
 *
 *   node tools/engine/efficiency.mjs MODEL.onnx IMAGES [--batch 4] [--rounds 5] [--count 64] [--spin true|false]
 */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadEngine } from '../../libs/native-engine/dist/index.js';

const sharp = createRequire(new URL('../../apps/cli/package.json', import.meta.url))('sharp');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    batch: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    count: { type: 'string', default: '64' },
    spin: { type: 'string', default: '' },
  },
});
const [modelPath, folder] = positionals;
const batch = Number(values.batch);
const names = readdirSync(folder).filter((name) => /\.jpe?g$/i.test(name));
const images = await Promise.all(
  names.slice(0, Number(values.count)).map(async (name) => {
    const { data, info } = await sharp(join(folder, name))
      .removeAlpha()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { data, widthPx: info.width, heightPx: info.height };
  }),
);
const batches = [];
for (let at = 0; at < images.length; at += batch) batches.push(images.slice(at, at + batch));

const engine = loadEngine();
const sessionOptions = values.spin === '' ? {} : { spin: values.spin === 'true' };
const session = await engine.loadSession(modelPath, sessionOptions);
const [, , height, width] = session.inputs[0].dims;
const preprocess = {
  widthPx: width,
  heightPx: height,
  fit: 'letterbox-centre',
  channelOrder: 'rgb',
  interpolation: 'bilinear',
  scale: 1 / 255,
  mean: [0, 0, 0],
  std: [1, 1, 1],
  padValue: 114,
};
const classes = session.outputs[0].dims[1] - 4;
const detector = await engine.loadDetector({
  modelPath,
  preprocess,
  head: { kind: 'yolov8', classes },
  session: sessionOptions,
});
const options = { confidence: 0.3, iou: 0.5, maxDetections: 300 };
const tensor = {
  type: 'float32',
  dims: [batch, 3, height, width],
  data: new Float32Array(batch * 3 * height * width),
};

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

async function imagesPerSecond(work) {
  const start = performance.now();
  await work();
  return (batches.length * batch * 1000) / (performance.now() - start);
}
const ways = {
  'inference alone': async () => {
    for (let i = 0; i < batches.length; i++) await session.run({ [session.inputs[0].name]: tensor });
  },
  'one call after the other': async () => {
    for (const part of batches) await detector.detect(part, options);
  },
  'two calls in flight': async () => {
    let previous;
    for (const part of batches) {
      const current = detector.detect(part, options);
      await previous;
      previous = current;
    }
    await previous;
  },
};
const rates = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
for (const work of Object.values(ways)) await work();
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [name, work] of Object.entries(ways)) rates[name].push(await imagesPerSecond(work));
}
const alone = median(rates['inference alone']);
for (const [name, list] of Object.entries(rates)) {
  const ratios = list.map((rate, i) => rate / rates['inference alone'][i]);
  console.log(
    `${name}: ${median(list).toFixed(1)} images/s, ${median(ratios).toFixed(3)} of inference alone`,
  );
}
console.log(`batch ${batch}, ${session.device}, inference alone ${alone.toFixed(1)} images/s`);
