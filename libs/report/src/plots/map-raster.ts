import { rgbOf } from '../palette.js';

export interface RasterInput {
  /** Pixel positions inside the raster, `n × 2`. */
  readonly positions: Float32Array;
  /** Which points to draw, as indices into `positions`. */
  readonly indices: Int32Array;
  /** Colour (`#rrggbb`) of each point by its style index. */
  readonly colours: readonly string[];
  readonly styleOf: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
  /** Opacity of a single lone point, 0…1. */
  readonly floorAlpha: number;
}

/** Weights of one point's 5 × 5 footprint: a soft dot of about 3 px. */
const SPLAT = [
  0.0, 0.2, 0.35, 0.2, 0.0, 0.2, 0.8, 1, 0.8, 0.2, 0.35, 1, 1, 1, 0.35, 0.2, 0.8, 1, 0.8, 0.2, 0, 0.2, 0.35,
  0.2, 0,
];

/**
 * Draws many points as density, as datashader does: every pixel gets the mean colour of the points that cover it,
 * and an opacity that grows with the logarithm of their number, so that a lone point stays visible and a crowd of
 * thousands does not become one flat blob.
 *
 * @returns straight-alpha RGBA, `heightPx × widthPx × 4`
 */
export function rasteriseDensity(input: RasterInput): Uint8ClampedArray {
  const { positions, indices, styleOf, widthPx, heightPx, floorAlpha } = input;
  const palette = input.colours.map(rgbOf);
  const pixels = widthPx * heightPx;
  const weight = new Float32Array(pixels);
  const red = new Float32Array(pixels);
  const green = new Float32Array(pixels);
  const blue = new Float32Array(pixels);
  for (const index of indices) {
    const column = Math.round(positions[2 * index]) - 2;
    const row = Math.round(positions[2 * index + 1]) - 2;
    if (!(column >= 0 && row >= 0 && column + 5 <= widthPx && row + 5 <= heightPx)) continue;
    const [r, g, b] = palette[styleOf[index]];
    for (let dy = 0; dy < 5; dy++) {
      const start = (row + dy) * widthPx + column;
      for (let dx = 0; dx < 5; dx++) {
        const w = SPLAT[dy * 5 + dx];
        weight[start + dx] += w;
        red[start + dx] += w * r;
        green[start + dx] += w * g;
        blue[start + dx] += w * b;
      }
    }
  }
  return shade(weight, red, green, blue, floorAlpha);
}

function shade(
  weight: Float32Array,
  red: Float32Array,
  green: Float32Array,
  blue: Float32Array,
  floorAlpha: number,
): Uint8ClampedArray {
  let top = 1;
  for (const w of weight) if (w > top) top = w;
  const scale = top > 1 ? (1 - floorAlpha) / Math.log(top) : 0;
  const rgba = new Uint8ClampedArray(weight.length * 4);
  for (let p = 0; p < weight.length; p++) {
    const w = weight[p];
    if (w === 0) continue;
    const alpha = w >= 1 ? floorAlpha + scale * Math.log(w) : floorAlpha * w;
    rgba[4 * p] = red[p] / w;
    rgba[4 * p + 1] = green[p] / w;
    rgba[4 * p + 2] = blue[p] / w;
    rgba[4 * p + 3] = 255 * alpha;
  }
  return rgba;
}
