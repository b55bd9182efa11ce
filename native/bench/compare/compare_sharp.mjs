// Times hazure's preprocessing beside what a plain Node script does: sharp resizes, JavaScript normalises to
// NCHW. Both start from decoded pixels and use one thread; rounds alternate, the shortest of each is compared.
//
//   cmake -S native -B build -DHAZURE_BUILD_BENCH=ON && cmake --build build
//   node native/bench/compare/compare_sharp.mjs build/bench/hazure_bench
import { execFileSync } from 'node:child_process';
import sharp from 'sharp';

const ROUNDS = 5;
const SHARP_CALLS = 12;

const bench = process.argv[2];
if (bench === undefined) {
  console.error('usage: node native/bench/compare/compare_sharp.mjs PATH_OF_hazure_bench');
  process.exit(2);
}
sharp.concurrency(1);
sharp.cache(false);

function noise(widthPx, heightPx) {
  const data = new Uint8Array(widthPx * heightPx * 3);
  let state = 12345;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[i] = state >>> 24;
  }
  return data;
}

/** 8-bit HWC to float CHW of 0 to 1. */
function normalise(pixels, out) {
  const plane = out.length / 3;
  for (let i = 0, p = 0; i < plane; i++) {
    out[i] = pixels[p++] / 255;
    out[plane + i] = pixels[p++] / 255;
    out[2 * plane + i] = pixels[p++] / 255;
  }
}

async function sharpMicroseconds(kind, data, widthPx, heightPx, sidePx, kernel, out) {
  const options =
    kind === 'letterbox'
      ? { fit: 'contain', background: { r: 114, g: 114, b: 114 }, kernel }
      : { fit: 'cover', kernel };
  let best = Infinity;
  for (let i = 0; i < SHARP_CALLS; i++) {
    const start = process.hrtime.bigint();
    const pixels = await sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } })
      .resize(sidePx, sidePx, options)
      .raw()
      .toBuffer();
    normalise(pixels, out);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1000);
  }
  return best;
}

console.log(`sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}; µs per image, one thread`);
for (const [kind, widthPx, heightPx, sidePx, kernel] of [
  ['letterbox', 640, 480, 640, 'linear'],
  ['letterbox', 500, 375, 640, 'linear'],
  ['letterbox', 1280, 960, 640, 'linear'],
  ['letterbox', 1920, 1080, 640, 'linear'],
  ['letterbox', 1920, 1080, 640, 'lanczos3'],
  ['crop', 300, 260, 224, 'cubic'],
  ['crop', 1280, 960, 224, 'cubic'],
]) {
  const data = noise(widthPx, heightPx);
  const out = new Float32Array(3 * sidePx * sidePx);
  let theirs = Infinity;
  let mine = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    theirs = Math.min(theirs, await sharpMicroseconds(kind, data, widthPx, heightPx, sidePx, kernel, out));
    const text = execFileSync(bench, [kind, `${widthPx}`, `${heightPx}`, `${sidePx}`], { encoding: 'utf8' });
    mine = Math.min(mine, Number(text));
  }
  const name = `${kind} ${widthPx}×${heightPx} → ${sidePx}, sharp kernel ${kernel}`;
  console.log(
    `${name.padEnd(52)} sharp + JS ${theirs.toFixed(0).padStart(6)}  hazure ${mine.toFixed(0).padStart(5)}  ${(theirs / mine).toFixed(1)}×`,
  );
}
