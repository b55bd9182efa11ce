import sharp from 'sharp';
import type { CropEncoder, ImageRegion } from '@hazure/contracts';
import { shownRegion } from './masks.js';
import { pixelRect } from './pixel-rect.js';

export const CROP_JPEG_QUALITY = 90;

/** Cuts regions out of decoded pixels and writes them as JPEG. */
export class SharpCropEncoder implements CropEncoder {
  async encode(region: ImageRegion, maxSidePx?: number): Promise<Uint8Array> {
    const shown = shownRegion(region);
    const { data, widthPx, heightPx } = shown.image;
    const rect = region.mask ? { left: 0, top: 0, width: widthPx, height: heightPx } : pixelRect(region);
    const crop = sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } }).extract(rect);
    if (maxSidePx !== undefined && Math.max(rect.width, rect.height) > maxSidePx) {
      crop.resize({ width: maxSidePx, height: maxSidePx, fit: 'inside' });
    }
    return crop.jpeg({ quality: CROP_JPEG_QUALITY }).toBuffer();
  }
}
