import { createHash } from 'node:crypto';
import { InputError, type ImageRegion } from '@hazure/contracts';
import sharp from 'sharp';
import { clipRegion } from '../template/pixels.js';

/** A crop's own pixels, 8-bit RGB rows without gaps. */
export interface CropPixels {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly data: Uint8Array;
}

/**
 * Copies a region's pixels out of its image: the copy is small, while the whole image would be copied by the encoder.
 *
 * @throws InputError INPUT_INVALID when the region lies outside its image
 */
export function cropPixels(region: ImageRegion): CropPixels {
  const { image } = region;
  const box = clipRegion(region);
  if (box === null) {
    throw new InputError(
      'INPUT_INVALID',
      `A box inside ${image.widthPx}×${image.heightPx} pixels expected, got ${JSON.stringify(region.box)}`,
    );
  }
  const widthPx = box.x2 - box.x1;
  const heightPx = box.y2 - box.y1;
  const data = new Uint8Array(widthPx * heightPx * 3);
  for (let row = 0; row < heightPx; row++) {
    const start = ((box.y1 + row) * image.widthPx + box.x1) * 3;
    data.set(image.data.subarray(start, start + widthPx * 3), row * widthPx * 3);
  }
  return { widthPx, heightPx, data };
}

/**
 * sha256 over `salt` and the crop's size and pixels: the same crop asked for in the same way has the same key, in
 * whatever file, place or run.
 */
export function cropKey({ widthPx, heightPx, data }: CropPixels, salt: string): string {
  return createHash('sha256').update(`${salt}\0${widthPx}x${heightPx}\0`).update(data).digest('hex');
}

/** The crop as a JPEG whose longer side is at most `maxSidePx`; smaller ones keep their size. */
export function cropJpeg({ widthPx, heightPx, data }: CropPixels, maxSidePx: number): Promise<Buffer> {
  return sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } })
    .resize({ width: maxSidePx, height: maxSidePx, fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: 90 })
    .toBuffer();
}

/** `data:image/jpeg;base64,…`, as vision servers take images. */
export function dataUrl(jpeg: Buffer): string {
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
}
