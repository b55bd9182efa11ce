import { InputError } from '@hazure/contracts';

/** Side of a thumbnail in pixels. */
export const THUMBNAIL_SIDE = 24;
/** Values of a thumbnail. */
export const THUMBNAIL_LENGTH = THUMBNAIL_SIDE * THUMBNAIL_SIDE;
/** Side of the pictures that are compared. */
const COMPARED_SIDE = 16;

/** Pixels of a decoded image, interleaved, rows from top to bottom. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
  /** 1 (grey), 3 (RGB) or 4 (RGBA; alpha is not looked at). Default 3. */
  readonly channels?: number;
}

/**
 * A small grey of an image, for finding near-duplicates: luma (ITU-R BT.601 weights), each of 24 × 24 cells the mean
 * of the pixels in it, whatever the image's shape; less the mean and divided by the norm, so that brightness and
 * contrast don't show. An image of one grey gives zeros.
 * @returns THUMBNAIL_LENGTH values, row by row
 * @throws InputError when the data don't fit the shape
 */
export function thumbnailOf({ data, widthPx, heightPx, channels = 3 }: Pixels): Float32Array {
  const valid = Number.isInteger(widthPx) && Number.isInteger(heightPx) && widthPx > 0 && heightPx > 0;
  if (!valid || ![1, 3, 4].includes(channels) || data.length < widthPx * heightPx * channels) {
    throw new InputError(
      'INPUT_INVALID',
      `thumbnail: expected ${widthPx} × ${heightPx} pixels of 1, 3 or 4 channels, got ${data.length} values of ${channels}`,
    );
  }
  const sums = new Float64Array(THUMBNAIL_LENGTH);
  const [red, green, blue] = channels === 1 ? [1, 0, 0] : [0.299, 0.587, 0.114];
  for (let cy = 0; cy < THUMBNAIL_SIDE; cy++) {
    const [top, bottom] = span(cy, heightPx);
    for (let cx = 0; cx < THUMBNAIL_SIDE; cx++) {
      const [left, right] = span(cx, widthPx);
      let sum = 0;
      for (let y = top; y < bottom; y++) {
        for (let x = left, at = (y * widthPx + left) * channels; x < right; x++, at += channels) {
          sum += channels === 1 ? data[at] : red * data[at] + green * data[at + 1] + blue * data[at + 2];
        }
      }
      sums[cy * THUMBNAIL_SIDE + cx] = sum / ((bottom - top) * (right - left));
    }
  }
  return Float32Array.from(normalised(sums));
}

/** Pixels of one of the cells that a side is divided into; at least one. */
function span(cell: number, sizePx: number): [number, number] {
  const from = Math.min(sizePx - 1, Math.floor((cell * sizePx) / THUMBNAIL_SIDE));
  return [from, Math.max(from + 1, Math.floor(((cell + 1) * sizePx) / THUMBNAIL_SIDE))];
}

/** Less the mean, divided by the norm; zeros where there is no contrast (less than half a grey level). */
function normalised(values: Float64Array): Float64Array {
  let mean = 0;
  for (const value of values) mean += value / values.length;
  let square = 0;
  for (let i = 0; i < values.length; i++) {
    values[i] -= mean;
    square += values[i] * values[i];
  }
  const scale = square > 1e-9 ? 1 / Math.sqrt(square) : 0;
  for (let i = 0; i < values.length; i++) values[i] *= scale;
  return values;
}

/** Part of a picture: its side as a share, and where it lies (0 = left or top, 1 = right or bottom). */
interface Window {
  readonly share: number;
  readonly x: number;
  readonly y: number;
  readonly mirrored: boolean;
}

const WHOLE: Window = { share: 1, x: 0, y: 0, mirrored: false };
const PLACES = [0, 0.5, 1];
const WINDOWS: readonly Window[] = [
  WHOLE,
  { ...WHOLE, mirrored: true },
  ...[0.9, 0.8].flatMap((share) =>
    PLACES.flatMap((x) => PLACES.map((y) => ({ share, x, y, mirrored: false }))),
  ),
];

/** Weights that cut a window out of a thumbnail and bring it to the compared size, bilinearly. */
function sampling({ share, x, y, mirrored }: Window): { at: Int32Array; by: Float64Array } {
  const at = new Int32Array(COMPARED_SIDE * COMPARED_SIDE * 4);
  const by = new Float64Array(at.length);
  const axis = (i: number, place: number): readonly [number, number] => {
    const centre = THUMBNAIL_SIDE * (place * (1 - share) + (share * (i + 0.5)) / COMPARED_SIDE) - 0.5;
    const low = Math.min(THUMBNAIL_SIDE - 2, Math.max(0, Math.floor(centre)));
    return [low, Math.min(1, Math.max(0, centre - low))];
  };
  for (let row = 0, k = 0; row < COMPARED_SIDE; row++) {
    const [top, down] = axis(row, y);
    for (let column = 0; column < COMPARED_SIDE; column++) {
      const [left, across] = axis(mirrored ? COMPARED_SIDE - 1 - column : column, x);
      for (const [dy, dx] of [
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
      ]) {
        at[k] = (top + dy) * THUMBNAIL_SIDE + left + dx;
        by[k++] = (dy === 1 ? down : 1 - down) * (dx === 1 ? across : 1 - across);
      }
    }
  }
  return { at, by };
}

const SAMPLINGS = WINDOWS.map(sampling);

function view(thumbnail: Float32Array, window: number): Float64Array {
  const { at, by } = SAMPLINGS[window];
  const values = new Float64Array(COMPARED_SIDE * COMPARED_SIDE);
  for (let i = 0, k = 0; i < values.length; i++) {
    for (let end = k + 4; k < end; k++) values[i] += by[k] * thumbnail[at[k]];
  }
  return normalised(values);
}

function product(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Views kept at a time: 20 KB a thumbnail. */
const MOST_KEPT = 2000;

/** Compares thumbnails of many images; views made of one are kept for the next comparison. */
export class ThumbnailComparer {
  private readonly kept = new Map<number, Float64Array[]>();

  /** thumbnails: images × THUMBNAIL_LENGTH. */
  constructor(private readonly thumbnails: Float32Array) {}

  /** Correlation of the whole pictures. */
  plain(a: number, b: number): number {
    let sum = 0;
    for (let k = 0, i = a * THUMBNAIL_LENGTH, j = b * THUMBNAIL_LENGTH; k < THUMBNAIL_LENGTH; k++)
      sum += this.thumbnails[i++] * this.thumbnails[j++];
    return sum;
  }

  /** As `thumbnailCorrelation`, of images a and b. */
  correlation(a: number, b: number): number {
    const [first, second] = [this.views(a), this.views(b)];
    let best = product(first[0], second[0]);
    for (let window = 1; window < WINDOWS.length; window++) {
      best = Math.max(best, product(first[window], second[0]));
      if (!WINDOWS[window].mirrored) best = Math.max(best, product(first[0], second[window]));
    }
    return best;
  }

  private views(image: number): Float64Array[] {
    const known = this.kept.get(image);
    if (known) return known;
    if (this.kept.size >= MOST_KEPT) this.kept.clear();
    const thumbnail = this.thumbnails.subarray(image * THUMBNAIL_LENGTH, (image + 1) * THUMBNAIL_LENGTH);
    const views = WINDOWS.map((_, window) => view(thumbnail, window));
    this.kept.set(image, views);
    return views;
  }
}

/**
 * Highest correlation of two thumbnails, −1…1, over the whole pictures, one mirrored, and either one being a crop of
 * the other (90% or 80% of its sides, at nine places). 0 where one has no contrast.
 */
export function thumbnailCorrelation(a: Float32Array, b: Float32Array): number {
  const both = new Float32Array(2 * THUMBNAIL_LENGTH);
  both.set(a);
  both.set(b, THUMBNAIL_LENGTH);
  return new ThumbnailComparer(both).correlation(0, 1);
}
