import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DecodedImage } from '@hazure/contracts';
import type { Engine, PreprocessSpec } from '@hazure/native-engine';
import sharp from 'sharp';
import { SharpImageDecoder, walkImages } from '../src/index.js';
import { cocoFolder } from './shared-data.js';

/** The first real photos beside the checkout, decoded. */
export async function photos(count: number): Promise<DecodedImage[]> {
  const decoder = new SharpImageDecoder();
  const refs = (await walkImages(join(cocoFolder, 'images'))).slice(0, count);
  return Promise.all(refs.map((ref) => decoder.decode(ref)));
}

/**
 * A photo with its shortest side at `shortestPx`, by the engine's own antialiased bicubic. The longer side is even: of
 * an odd excess CLIP's centre crop (torchvision's) rounds the half pixel, and transformers.js cuts it off.
 */
export async function shrink(engine: Engine, image: DecodedImage, shortestPx: number): Promise<DecodedImage> {
  const { widthPx: width, heightPx: height } = image;
  const even = (px: number): number => 2 * Math.floor((px * shortestPx) / Math.min(width, height) / 2 + 1e-9);
  const [widthPx, heightPx] = width <= height ? [shortestPx, even(height)] : [even(width), shortestPx];
  const spec: PreprocessSpec = {
    widthPx,
    heightPx,
    fit: 'stretch',
    channelOrder: 'rgb',
    interpolation: 'bicubic-antialias',
    scale: 1,
    mean: [0, 0, 0],
    std: [1, 1, 1],
    padValue: 0,
  };
  const values = await engine.preprocess([{ image, box: null }], spec);
  const plane = widthPx * heightPx;
  const data = new Uint8Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let channel = 0; channel < 3; channel++) {
      data[3 * i + channel] = Math.min(255, Math.max(0, Math.round(values.data[channel * plane + i])));
    }
  }
  return { ...image, widthPx, heightPx, data };
}

/** Images as PNG files, in order. */
export async function pngFiles(images: readonly DecodedImage[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'photos-'));
  return Promise.all(
    images.map(async ({ data, widthPx, heightPx }, i) => {
      const path = join(folder, `${i}.png`);
      await sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } })
        .png({ compressionLevel: 1 })
        .toFile(path);
      return path;
    }),
  );
}

/** Cosine of row i of `a` and the unit row `b[i]`. */
export const cosines = (a: Float32Array, b: readonly number[][]): number[] =>
  b.map((row, i) => row.reduce((sum, value, k) => sum + value * a[i * row.length + k], 0));
