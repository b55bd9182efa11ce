import sharp from 'sharp';
import type { CropPixels } from '../openai/crop-image.js';

/** Sides of what Qwen2-VL sees are multiples of 28: patches of 14, merged two by two. */
const STEP_PX = 28;
/** 56×56 is the least that it takes. */
const LEAST_PX = 2 * STEP_PX;

/** Width and height as the model wants them: at most `maxSidePx`, rounded to its steps. */
export function modelSize(widthPx: number, heightPx: number, maxSidePx: number): [number, number] {
  const scale = Math.min(1, maxSidePx / Math.max(widthPx, heightPx));
  const side = (px: number): number =>
    Math.max(
      LEAST_PX,
      Math.min(Math.floor(maxSidePx / STEP_PX), Math.round((px * scale) / STEP_PX)) * STEP_PX,
    );
  return [side(widthPx), side(heightPx)];
}

/** The crop in the size that the model wants, antialiased; transformers.js then resizes nothing. */
export async function modelImage(
  { widthPx, heightPx, data }: CropPixels,
  maxSidePx: number,
): Promise<{ data: Uint8Array; widthPx: number; heightPx: number }> {
  const [width, height] = modelSize(widthPx, heightPx, maxSidePx);
  const resized = await sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } })
    .resize({ width, height, fit: 'fill', kernel: 'cubic' })
    .raw()
    .toBuffer();
  return { data: new Uint8Array(resized), widthPx: width, heightPx: height };
}
