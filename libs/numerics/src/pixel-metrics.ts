import { InputError } from '@hazure/contracts';

/** An anomaly map and what it should show, both `height × width`, row-major. */
export interface LabelledMap {
  /** Higher = more anomalous. */
  readonly scores: Float32Array;
  /** Not 0 = anomalous. */
  readonly mask: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface PixelMetrics {
  /** Area under the ROC curve over the pixels of all maps, ties counted half. */
  readonly auroc: number;
  readonly averagePrecision: number;
  /**
   * Mean share of each anomalous region (8-connected) that is flagged, as a function of the false positive rate,
   * integrated up to `limit` and divided by it (per-region overlap; Bergmann et al. 2020, "Uninformed Students").
   */
  readonly aupro: number;
  readonly limit: number;
  readonly images: number;
  readonly pixels: number;
  readonly anomalousPixels: number;
  readonly regions: number;
}

/** Distinct scores are kept apart up to this many; more are counted in bins of neighbouring float32 values. */
const BINS = 2 ** 20;
/** Of the field's benchmarks. */
const DEFAULT_LIMIT = 0.3;

/**
 * Pixel AUROC, average precision and AUPRO over any number of maps, in memory that does not grow with them: two passes,
 * the first for the range of scores. Scores are binned by the order of their float32 bits, so no scale is assumed;
 * exact where all scores lie within 2²⁰ consecutive float32 values of each other, else to that resolution.
 *
 * @param maps called twice; the same maps both times
 * @param limit highest false positive rate that AUPRO looks at, 0 < limit ≤ 1
 * @throws InputError for maps whose sizes don't fit, scores that are not finite, or without both kinds of pixels
 */
export async function pixelMetrics(
  maps: () => Iterable<LabelledMap> | AsyncIterable<LabelledMap>,
  limit: number = DEFAULT_LIMIT,
): Promise<PixelMetrics> {
  if (!(limit > 0 && limit <= 1)) {
    throw new InputError('INPUT_INVALID', `limit: expected a rate above 0 and up to 1, got ${limit}`);
  }
  const range = await keyRange(maps);
  const counts = new PixelCounts(range);
  for await (const map of maps()) counts.add(map);
  return counts.summary(limit);
}

/** Order of float32 values as unsigned integers. */
function keysOf(scores: Float32Array): Uint32Array {
  // −0 and 0 are equal scores
  const keys = new Uint32Array(Float32Array.from(scores, (score) => score + 0).buffer);
  for (let i = 0; i < keys.length; i++) keys[i] = keys[i] >>> 31 === 1 ? ~keys[i] : keys[i] | 0x80000000;
  return keys;
}

interface KeyRange {
  readonly lowest: number;
  readonly highest: number;
}

async function keyRange(maps: () => Iterable<LabelledMap> | AsyncIterable<LabelledMap>): Promise<KeyRange> {
  let [lowest, highest] = [2 ** 32, -1];
  let number = 0;
  for await (const { scores, mask, width, height } of maps()) {
    if (scores.length !== width * height || mask.length !== scores.length) {
      throw new InputError(
        'INPUT_INVALID',
        `map ${number}: expected ${width} × ${height} scores and labels, got ${scores.length} and ${mask.length}`,
      );
    }
    const bad = scores.findIndex((score) => !Number.isFinite(score));
    if (bad >= 0) {
      throw new InputError(
        'INPUT_INVALID',
        `map ${number}: expected finite scores, got ${scores[bad]} in pixel ${bad}`,
      );
    }
    for (const key of keysOf(scores)) {
      if (key < lowest) lowest = key;
      if (key > highest) highest = key;
    }
    number++;
  }
  return { lowest, highest };
}

class PixelCounts {
  private readonly normal = new Float64Array(BINS);
  private readonly anomalous = new Float64Array(BINS);
  /** Share of regions: each pixel counts for one divided by its region's size. */
  private readonly shares = new Float64Array(BINS);
  private readonly scale: number;
  private images = 0;
  private regions = 0;

  constructor(private readonly range: KeyRange) {
    const span = range.highest - range.lowest + 1;
    this.scale = span <= BINS ? 1 : BINS / span;
  }

  add({ scores, mask, width, height }: LabelledMap): void {
    this.images++;
    const { regionOf, sizes } = connectedRegions(mask, width, height);
    this.regions += sizes.length;
    const keys = keysOf(scores);
    for (let i = 0; i < keys.length; i++) {
      const bin = Math.floor((keys[i] - this.range.lowest) * this.scale);
      if (mask[i] === 0) this.normal[bin]++;
      else {
        this.anomalous[bin]++;
        this.shares[bin] += 1 / sizes[regionOf[i]];
      }
    }
  }

  summary(limit: number): PixelMetrics {
    const sum = (counts: Float64Array): number => counts.reduce((total, count) => total + count, 0);
    const [normals, anomalies] = [sum(this.normal), sum(this.anomalous)];
    if (normals === 0 || anomalies === 0) {
      throw new InputError(
        'INPUT_INVALID',
        `masks: expected normal and anomalous pixels, got ${normals} and ${anomalies}`,
      );
    }
    let [alarms, found, overlap, area, precisions, proArea] = [0, 0, 0, 0, 0, 0];
    for (let bin = BINS - 1; bin >= 0; bin--) {
      const [more, hits] = [this.normal[bin], this.anomalous[bin]];
      if (more === 0 && hits === 0) continue;
      area += more * (found + hits / 2);
      const [rate, overlapBefore] = [alarms / normals, overlap];
      alarms += more;
      found += hits;
      overlap += this.shares[bin] / this.regions;
      if (hits > 0) precisions += (hits * found) / (found + alarms);
      proArea += trapezoid(rate, alarms / normals, overlapBefore, overlap, limit);
    }
    return {
      auroc: area / (normals * anomalies),
      averagePrecision: precisions / anomalies,
      aupro: proArea / limit,
      limit,
      images: this.images,
      pixels: normals + anomalies,
      anomalousPixels: anomalies,
      regions: this.regions,
    };
  }
}

/** Area under a line from (x1, y1) to (x2, y2), as far as x = limit. */
function trapezoid(x1: number, x2: number, y1: number, y2: number, limit: number): number {
  if (x1 >= limit || x2 === x1) return 0;
  const end = Math.min(x2, limit);
  const yEnd = y1 + ((y2 - y1) * (end - x1)) / (x2 - x1);
  return ((end - x1) * (y1 + yEnd)) / 2;
}

/**
 * 8-connected regions of a mask.
 * @param mask `height × width`, row-major; not 0 = inside
 * @returns region of each pixel, −1 outside, and the pixels of each region
 */
export function connectedRegions(
  mask: Uint8Array,
  width: number,
  height: number,
): { readonly regionOf: Int32Array; readonly sizes: readonly number[] } {
  const regionOf = new Int32Array(mask.length).fill(-1);
  const sizes: number[] = [];
  const open: number[] = [];
  for (let start = 0; start < mask.length; start++) {
    if (mask[start] === 0 || regionOf[start] >= 0) continue;
    const region = sizes.length;
    let size = 0;
    regionOf[start] = region;
    open.push(start);
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      size++;
      const x = at % width;
      const y = (at - x) / width;
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const next = ny * width + nx;
          if (mask[next] === 0 || regionOf[next] >= 0) continue;
          regionOf[next] = region;
          open.push(next);
        }
      }
    }
    sizes.push(size);
  }
  return { regionOf, sizes };
}
