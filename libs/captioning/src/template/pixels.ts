import type { DecodedImage, ImageRegion } from '@hazure/contracts';
import { COLOUR_NAMES, colourIndex, type ColourName } from './colour.js';

/** A box in whole pixels inside its image; x2, y2 exclusive. */
export interface WholeBox {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}

/** The region rounded outwards to whole pixels and clipped; null when nothing of it lies in the image. */
export function clipRegion({ image, box }: ImageRegion): WholeBox | null {
  if (box === null) {
    return image.widthPx > 0 && image.heightPx > 0
      ? { x1: 0, y1: 0, x2: image.widthPx, y2: image.heightPx }
      : null;
  }
  const x1 = Math.max(0, Math.floor(box.x1));
  const y1 = Math.max(0, Math.floor(box.y1));
  const x2 = Math.min(image.widthPx, Math.ceil(box.x2));
  const y2 = Math.min(image.heightPx, Math.ceil(box.y2));
  return x1 < x2 && y1 < y2 ? { x1, y1, x2, y2 } : null;
}

/** Samples per side: enough for shares of a tenth, whatever the crop's size. */
const SAMPLES = 24;

/** Of each side, the middle part where a detection's object is rather than its surroundings. */
const MIDDLE = 0.7;

/** A second colour is named when it has at least this share, and this much of the first colour's. */
const SECOND_SHARE = 0.22;
const SECOND_RATIO = 0.55;

/** The one or two colours that the middle of the box shows most, read from at most 24×24 of its pixels. */
export function mainColours(image: DecodedImage, box: WholeBox): ColourName[] {
  const width = (box.x2 - box.x1) * MIDDLE;
  const height = (box.y2 - box.y1) * MIDDLE;
  const left = box.x1 + (box.x2 - box.x1 - width) / 2;
  const top = box.y1 + (box.y2 - box.y1 - height) / 2;
  const columns = Math.max(1, Math.min(SAMPLES, Math.floor(width)));
  const rows = Math.max(1, Math.min(SAMPLES, Math.floor(height)));
  const counts = new Int32Array(COLOUR_NAMES.length);
  for (let row = 0; row < rows; row++) {
    const y = Math.floor(top + ((row + 0.5) * height) / rows);
    for (let column = 0; column < columns; column++) {
      const x = Math.floor(left + ((column + 0.5) * width) / columns);
      const at = (y * image.widthPx + x) * 3;
      counts[colourIndex(image.data[at], image.data[at + 1], image.data[at + 2])] += 1;
    }
  }
  const order = [...counts.keys()].sort((a, b) => counts[b] - counts[a]);
  const [first, second] = order;
  const total = rows * columns;
  const two = counts[second] >= SECOND_SHARE * total && counts[second] >= SECOND_RATIO * counts[first];
  return two ? [COLOUR_NAMES[first], COLOUR_NAMES[second]] : [COLOUR_NAMES[first]];
}
