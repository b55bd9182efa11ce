import type { PatchRegion } from '@hazure/anomaly-scoring';
import { InputError, type ImageRegion } from '@hazure/contracts';
import sharp from 'sharp';
import { shownRegion } from './masks.js';
import { pixelRect } from './pixel-rect.js';

/** How opaque the hottest cell is, so that what is below stays visible. */
const MOST_OPACITY = 0.6;

export interface HeatmapOptions {
  readonly height: number;
  readonly width: number;
  /** Boxes to draw, as shares of the region. */
  readonly regions?: readonly PatchRegion[];
  /** Larger crops are shrunk to this. */
  readonly maxSidePx?: number;
}

/**
 * A crop with its anomaly map over it, as PNG: from see-through over yellow to red where the map is hottest.
 *
 * @param heat `height × width` cells of 0…255 (`heatOf`), over the whole region
 * @throws InputError where the cells are not as many
 */
export async function heatmapPng(
  region: ImageRegion,
  heat: Uint8Array,
  { height, width, regions = [], maxSidePx = 512 }: HeatmapOptions,
): Promise<Uint8Array> {
  if (heat.length !== height * width || heat.length === 0) {
    throw new InputError('INPUT_INVALID', `heatmap: expected ${height} × ${width} cells, got ${heat.length}`);
  }
  const shown = shownRegion(region);
  const { data, widthPx, heightPx } = shown.image;
  const rect = region.mask ? { left: 0, top: 0, width: widthPx, height: heightPx } : pixelRect(region);
  const scale = Math.min(1, maxSidePx / Math.max(rect.width, rect.height));
  const size = {
    width: Math.max(1, Math.round(rect.width * scale)),
    height: Math.max(1, Math.round(rect.height * scale)),
  };
  const crop = await sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } })
    .extract(rect)
    .resize({ ...size, fit: 'fill' })
    .png()
    .toBuffer();
  const overlay = await sharp(coloured(heat), { raw: { width, height, channels: 4 } })
    .resize({ ...size, fit: 'fill', kernel: 'cubic' })
    .png()
    .toBuffer();
  return sharp(crop)
    .composite([{ input: overlay }, { input: Buffer.from(boxesSvg(regions, size)) }])
    .png()
    .toBuffer();
}

function coloured(heat: Uint8Array): Uint8Array {
  const rgba = new Uint8Array(heat.length * 4);
  heat.forEach((value, cell) =>
    rgba.set([255, 220 - Math.round(0.86 * value), 0, Math.round(MOST_OPACITY * value)], 4 * cell),
  );
  return rgba;
}

function boxesSvg(
  regions: readonly PatchRegion[],
  { width, height }: { width: number; height: number },
): string {
  const boxes = regions.map(({ x1, y1, x2, y2 }) => {
    const [x, y] = [x1 * width, y1 * height];
    return `<rect x="${x + 1}" y="${y + 1}" width="${Math.max(1, (x2 - x1) * width - 2)}" height="${Math.max(1, (y2 - y1) * height - 2)}"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><g fill="none" stroke="#00a0ff" stroke-width="2">${boxes.join('')}</g></svg>`;
}
