import { InputError } from '@hazure/contracts';
import type { MapShape } from './patch-maps.js';

/**
 * How a map's values become one score: the highest (`top` 0), or the mean of the highest share of them (0.01: of 196
 * cells, two), which one noisy cell moves less.
 */
export interface PatchPooling {
  readonly top: number;
}

/** One score of each map; values: maps of `cells` values, one after the other. */
export function poolMaps(values: Float64Array, cells: number, { top }: PatchPooling): Float64Array {
  if (!(top >= 0 && top <= 1)) {
    throw new InputError('INPUT_INVALID', `patch pooling: expected a share between 0 and 1, got ${top}`);
  }
  const kept = Math.max(1, Math.round(top * cells));
  return Float64Array.from({ length: values.length / cells }, (_, map) => {
    const highest = values.slice(map * cells, (map + 1) * cells).sort();
    let sum = 0;
    for (let i = cells - kept; i < cells; i++) sum += highest[i];
    return sum / kept;
  });
}

/** A connected part of a map above a threshold. Sides are shares of the image, 0…1; x to the right, y down. */
export interface PatchRegion {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
  /** Highest value in it. */
  readonly score: number;
  readonly cells: number;
}

/** Boxes of the connected cells (also by corners) above `threshold`, highest first. map: height·width values. */
export function regionsAbove(
  map: Float64Array,
  { height, width }: Pick<MapShape, 'height' | 'width'>,
  threshold: number,
): PatchRegion[] {
  const seen = new Uint8Array(map.length);
  const regions: PatchRegion[] = [];
  for (let start = 0; start < map.length; start++) {
    if (seen[start] || !(map[start] > threshold)) continue;
    let [left, top, right, bottom, score, cells] = [width, height, 0, 0, -Infinity, 0];
    const open = [start];
    seen[start] = 1;
    for (let cell = open.pop(); cell !== undefined; cell = open.pop()) {
      const [x, y] = [cell % width, Math.floor(cell / width)];
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
      score = Math.max(score, map[cell]);
      cells++;
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const next = ny * width + nx;
          if (seen[next] || !(map[next] > threshold)) continue;
          seen[next] = 1;
          open.push(next);
        }
      }
    }
    regions.push({
      x1: left / width,
      y1: top / height,
      x2: (right + 1) / width,
      y2: (bottom + 1) / height,
      score,
      cells,
    });
  }
  return regions.sort((a, b) => b.score - a.score);
}

/** A map as opacity 0…255 for an overlay: 0 up to `cold` (the usual value of normal cells), 255 from `hot` on. */
export function heatOf(map: Float64Array, cold: number, hot: number): Uint8Array {
  const span = hot > cold ? hot - cold : 1;
  return Uint8Array.from(map, (value) => Math.round(255 * Math.min(1, Math.max(0, (value - cold) / span))));
}
