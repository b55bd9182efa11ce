import type { ImageRegion } from '@hazure/contracts';

/** Whole pixels that a box touches, inside the image and at least one each way. */
export function pixelRect(region: ImageRegion): { left: number; top: number; width: number; height: number } {
  const { widthPx, heightPx } = region.image;
  const { x1, y1, x2, y2 } = region.box ?? { x1: 0, y1: 0, x2: widthPx, y2: heightPx };
  const left = Math.min(Math.max(Math.floor(x1), 0), widthPx - 1);
  const top = Math.min(Math.max(Math.floor(y1), 0), heightPx - 1);
  return {
    left,
    top,
    width: Math.max(1, Math.min(Math.ceil(x2), widthPx) - left),
    height: Math.max(1, Math.min(Math.ceil(y2), heightPx) - top),
  };
}
