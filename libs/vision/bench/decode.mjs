#!/usr/bin/env node
/**
 * JPEG decoding and crop encoding, the engine's libjpeg-turbo against sharp: processor time per image over all threads
 * of the process, one image at a time, both in turn within each round; and how far their pixels differ.
 *
 *   node libs/vision/bench/decode.mjs [FOLDER] [--rounds 5] [--json]
 *
 * FOLDER: JPEG photos, default ../shared/data/coco128/images. 1080p pictures are made of them: nine photos each,
 * quality 85, 4:2:0.
 */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { loadEngine } from '@hazure/native-engine';
import {
  EngineCropEncoder,
  EngineImageDecoder,
  SharpCropEncoder,
  SharpImageDecoder,
  walkImages,
} from '@hazure/vision';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '5' }, json: { type: 'boolean', default: false } },
});
const folder = positionals[0] ?? '../shared/data/coco128/images';
const rounds = Number(values.rounds);
const engine = loadEngine();
const { path: library } = engine.jpeg();
if (library === null)
  throw new Error('No libjpeg-turbo was found: `hazure doctor` says where it is looked for.');
const native = new EngineImageDecoder(engine);
const reference = new SharpImageDecoder();

/** Milliseconds of processor time and of the clock. */
async function timed(work) {
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { cpu: (user + system) / 1000, wall: performance.now() - wall };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** Both contenders in turn; medians per item and the median of the ratios within a round. */
async function compare(items, ours, theirs) {
  const times = { ours: [], theirs: [] };
  for (let round = 0; round <= rounds; round++) {
    const pair = {};
    for (const [name, run] of round % 2
      ? [
          ['theirs', theirs],
          ['ours', ours],
        ]
      : [
          ['ours', ours],
          ['theirs', theirs],
        ]) {
      globalThis.gc?.();
      pair[name] = await timed(async () => {
        for (const item of items) await run(item);
      });
    }
    if (round === 0) continue; // fills caches
    times.ours.push(pair.ours);
    times.theirs.push(pair.theirs);
  }
  const per = (name, kind) => median(times[name].map((time) => time[kind])) / items.length;
  return {
    items: items.length,
    engineCpuMs: per('ours', 'cpu'),
    sharpCpuMs: per('theirs', 'cpu'),
    cpuRatio: median(times.ours.map(({ cpu }, i) => times.theirs[i].cpu / cpu)),
    wallRatio: median(times.ours.map(({ wall }, i) => times.theirs[i].wall / wall)),
  };
}

/** Largest and mean difference of the pixels that both give. */
async function differences(refs) {
  let largest = 0;
  let sum = 0;
  let samples = 0;
  let differing = 0;
  for (const ref of refs) {
    const [a, b] = await Promise.all([native.decode(ref), reference.decode(ref)]);
    if (a.widthPx !== b.widthPx || a.heightPx !== b.heightPx) throw new Error(`${ref.id}: sizes differ`);
    let here = 0;
    for (let i = 0; i < a.data.length; i++) {
      const difference = Math.abs(a.data[i] - b.data[i]);
      here = Math.max(here, difference);
      sum += difference;
    }
    samples += a.data.length;
    largest = Math.max(largest, here);
    if (here > 0) differing += 1;
  }
  return { images: refs.length, differing, largest, mean: sum / samples };
}

/** Pictures of 1920×1080 made of nine photos each. */
async function makePictures(refs, target, count) {
  const made = [];
  for (let n = 0; n < count; n++) {
    const tiles = await Promise.all(
      Array.from({ length: 9 }, async (_, i) => ({
        input: await sharp(refs[(9 * n + i) % refs.length].path)
          .resize(640, 360, { fit: 'cover' })
          .toBuffer(),
        left: 640 * (i % 3),
        top: 360 * Math.floor(i / 3),
      })),
    );
    const path = join(target, `made-${n}.jpg`);
    await writeFile(
      path,
      await sharp({ create: { width: 1920, height: 1080, channels: 3, background: '#000' } })
        .composite(tiles)
        .jpeg({ quality: 85 })
        .toBuffer(),
    );
    made.push({ index: n, id: `made-${n}.jpg`, path, bytes: (await stat(path)).size });
  }
  return made;
}

/** Crops of about 300 pixels a side, and how large both encoders make them. */
async function crops(refs) {
  const regions = [];
  for (const ref of refs.slice(0, 32)) {
    const image = await reference.decode(ref);
    const side = Math.min(300, image.widthPx, image.heightPx);
    const [x, y] = [(image.widthPx - side) / 2, (image.heightPx - side) / 2];
    regions.push({ image, box: { x1: x, y1: y, x2: x + side, y2: y + side } });
  }
  const [ours, theirs] = [new EngineCropEncoder(engine), new SharpCropEncoder()];
  const size = async (encoder) =>
    (await Promise.all(regions.map((region) => encoder.encode(region)))).reduce(
      (sum, { length }) => sum + length,
      0,
    );
  const bytesRatio = (await size(ours)) / (await size(theirs));
  const times = await compare(
    regions,
    (region) => ours.encode(region),
    (region) => theirs.encode(region),
  );
  return { ...times, bytesRatio };
}

const scratch = await mkdtemp(join(tmpdir(), 'hazure-decode-'));
try {
  const photos = (await walkImages(folder)).filter(({ path }) => /\.jpe?g$/i.test(path));
  for (const { path } of photos) await readFile(path); // into the page cache
  const pictures = await makePictures(photos, scratch, 16);
  const decode = (refs) =>
    compare(
      refs,
      // as the pipeline does: an image goes back when its last stage is done
      async (ref) => native.release(await native.decode(ref)),
      (ref) => reference.decode(ref),
    );
  const result = {
    library,
    photos: { ...(await decode(photos)), ...(await differences(photos)) },
    pictures1080p: { ...(await decode(pictures)), ...(await differences(pictures)) },
    crops: await crops(photos),
    leftToSharp: Object.fromEntries(native.tally.sharp),
  };
  if (values.json) console.log(JSON.stringify(result, null, 2));
  else {
    console.log(`libjpeg-turbo: ${library}`);
    for (const [name, { engineCpuMs, sharpCpuMs, cpuRatio, wallRatio, ...rest }] of Object.entries(
      result,
    ).slice(1, 4)) {
      console.log(
        `${name.padEnd(14)} engine ${engineCpuMs.toFixed(2)} ms, sharp ${sharpCpuMs.toFixed(2)} ms of processor time: ` +
          `${cpuRatio.toFixed(2)}×; by the clock ${wallRatio.toFixed(2)}×; ${JSON.stringify(rest)}`,
      );
    }
    console.log('left to sharp: ', result.leftToSharp);
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}
