/**
 * Image embeddings of the engine against transformers.js on the same model folder, twice: each doing its own
 * preprocessing, and with transformers.js given pictures that Pillow has resized and cropped as CLIP's authors do.
 * Needs Pillow (python3-pil) for the second.
 *
 *   node libs/vision/bench/compare-clip.mjs MODEL_FOLDER IMAGE…
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { loadEngine } from '@hazure/native-engine';

const PILLOW = `
import sys
from PIL import Image
out = sys.argv[1]
for n, path in enumerate(sys.argv[2:]):
    image = Image.open(path).convert('RGB')
    w, h = image.size
    w, h = (224, int(224 * h / w)) if w <= h else (int(224 * w / h), 224)
    left, top = int(round((w - 224) / 2.0)), int(round((h - 224) / 2.0))
    image.resize((w, h), Image.BICUBIC).crop((left, top, left + 224, top + 224)).save(f'{out}/{n}.png')
`;

const [folder, ...paths] = process.argv.slice(2);
const temporary = mkdtempSync(join(tmpdir(), 'compare-clip-'));
// One decoder for all three, as JPEG decoders differ in the last bit.
const decoded = await Promise.all(
  paths.map(async (path, n) => {
    const pixels = sharp(path).rotate().toColourspace('srgb').removeAlpha();
    const png = join(temporary, `source-${n}.png`);
    await pixels.clone().png().toFile(png);
    const { data, info } = await pixels.raw().toBuffer({ resolveWithObject: true });
    return { png, image: { data, widthPx: info.width, heightPx: info.height } };
  }),
);
const reference = (images) =>
  JSON.parse(
    execFileSync(
      process.execPath,
      [fileURLToPath(new URL('transformers-clip.mjs', import.meta.url)), folder],
      {
        input: JSON.stringify({ images }),
        maxBuffer: 1 << 28,
      },
    ),
  ).imageEmbeds;

const embedder = await loadEngine().loadEmbedder({
  modelPath: join(folder, 'onnx', 'vision_model.onnx'),
  preprocess: {
    widthPx: 224,
    heightPx: 224,
    fit: 'centre-crop',
    resizeShortestPx: 224,
    channelOrder: 'rgb',
    interpolation: 'bicubic-antialias',
    scale: 1 / 255,
    mean: [0.48145466, 0.4578275, 0.40821073],
    std: [0.26862954, 0.26130258, 0.27577711],
    padValue: 0,
  },
  output: 'image_embeds',
  normalise: true,
});
const columns = embedder.dimensions;
const ours = [];
for (const { image } of decoded) ours.push(await embedder.embed([{ image, box: null }]));

const report = (what, embeds) => {
  const cosines = embeds.map((row, n) => row.reduce((sum, value, i) => sum + value * ours[n][i], 0));
  const sorted = [...cosines].sort((a, b) => a - b);
  console.log(
    JSON.stringify({
      against: what,
      images: cosines.length,
      dimensions: columns,
      worst: sorted[0],
      worstImage: paths[cosines.indexOf(sorted[0])],
      median: sorted[sorted.length >> 1],
    }),
  );
};
report('transformers.js with its own preprocessing', reference(decoded.map(({ png }) => png)));
execFileSync('/usr/bin/python3', ['-c', PILLOW, temporary, ...decoded.map(({ png }) => png)]);
report(
  'transformers.js on pictures prepared by Pillow',
  reference(decoded.map((_, n) => join(temporary, `${n}.png`))),
);
await embedder.close();
