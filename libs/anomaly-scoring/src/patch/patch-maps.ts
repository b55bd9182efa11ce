import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix, MatrixAccelerator } from '@hazure/contracts';
import { firstNonFinite, Random } from '@hazure/numerics';

/** Cells of a feature map: `height × width` positions, each with `channels` values. */
export interface MapShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Feature maps of some images (crops, tiles), one after the other, cells row by row, channels last. */
export interface PatchMaps extends MapShape {
  /** count × height × width × channels. */
  readonly data: Float32Array;
  readonly count: number;
}

/** @throws InputError unless the maps have `shape`, the data their length, and every value is finite */
export function assertMaps(maps: PatchMaps, shape: MapShape): void {
  const { height, width, channels } = shape;
  if (maps.height !== height || maps.width !== width || maps.channels !== channels) {
    throw new InputError(
      'INPUT_INVALID',
      `patch maps: expected ${height} × ${width} cells of ${channels} channels, got ${maps.height} × ${maps.width} of ${maps.channels}`,
    );
  }
  const length = maps.count * height * width * channels;
  if (!(length > 0) || maps.data.length !== length) {
    throw new InputError(
      'INPUT_INVALID',
      `patch maps: expected ${length} values for ${maps.count} maps of at least one cell and channel, got ${maps.data.length}`,
    );
  }
  const at = firstNonFinite(maps.data);
  if (at >= 0) {
    const map = Math.floor(at / (height * width * channels));
    throw new InputError('INPUT_INVALID', `patch maps: map ${map} holds ${maps.data[at]}, expected numbers`);
  }
}

/** All cells as rows: count·height·width × channels. Shares the maps' memory. */
export function cellsOf({ data, count, height, width, channels }: PatchMaps): EmbeddingMatrix {
  return { data, rows: count * height * width, cols: channels };
}

/** `[N, C, H, W]`, as convolutional networks give maps, to channels last. */
export function channelsLast(data: Float32Array, count: number, shape: MapShape): PatchMaps {
  const { height, width, channels } = shape;
  const cells = height * width;
  const turned = new Float32Array(data.length);
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < channels; c++) {
      const from = (n * channels + c) * cells;
      for (let cell = 0, at = n * cells * channels + c; cell < cells; cell++, at += channels) {
        turned[at] = data[from + cell];
      }
    }
  }
  return { data: turned, count, height, width, channels };
}

/**
 * Mean over the 3 × 3 cells around each cell (fewer at the border): a cell then speaks of its neighbourhood, and a
 * shift of half a cell changes it less (PatchCore's locally aware patches, arXiv 2106.08265, section 3.1).
 */
export function neighbourhoodMeans(maps: PatchMaps): PatchMaps {
  const { count, height, width, channels } = maps;
  const across = averaged(maps.data, { lines: count * height, length: width, stride: channels });
  const data = averaged(across, { lines: count, length: height, stride: width * channels });
  return { ...maps, data };
}

/** Means of three neighbours along one axis: `lines` times `length` stretches of `stride` values. */
function averaged(
  data: Float32Array,
  { lines, length, stride }: { readonly lines: number; readonly length: number; readonly stride: number },
): Float32Array {
  const result = new Float32Array(data.length);
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < length; i++) {
      const first = Math.max(0, i - 1);
      const last = Math.min(length - 1, i + 1);
      const to = (line * length + i) * stride;
      for (let k = first; k <= last; k++) {
        const from = (line * length + k) * stride;
        for (let c = 0; c < stride; c++) result[to + c] += data[from + c];
      }
      const share = 1 / (last - first + 1);
      for (let c = 0; c < stride; c++) result[to + c] *= share;
    }
  }
  return result;
}

/**
 * Maps of several layers on one grid, channels joined: each is resampled bilinearly (cell centres aligned, edges
 * repeated) to height × width, as PaDiM (arXiv 2011.08785) and PatchCore join layers.
 *
 * @throws InputError for no layers, or layers of different numbers of images
 */
export function joinLayers(
  layers: readonly PatchMaps[],
  { height, width }: Pick<MapShape, 'height' | 'width'>,
): PatchMaps {
  const count = layers[0]?.count ?? 0;
  if (layers.length === 0 || layers.some((layer) => layer.count !== count)) {
    throw new InputError(
      'INPUT_INVALID',
      `patch maps: expected layers of the same images, got ${layers.map((layer) => layer.count).join(', ') || 'none'}`,
    );
  }
  const channels = layers.reduce((sum, layer) => sum + layer.channels, 0);
  const data = new Float32Array(count * height * width * channels);
  let offset = 0;
  for (const layer of layers) {
    // Rows first, then columns: separable, so a cell takes as many products as both together.
    const stretched = resampled(layer.data, {
      lines: count,
      from: layer.height,
      to: height,
      stride: layer.width * layer.channels,
    });
    const both = resampled(stretched, {
      lines: count * height,
      from: layer.width,
      to: width,
      stride: layer.channels,
    });
    for (let cell = 0; cell < count * height * width; cell++) {
      const from = cell * layer.channels;
      data.set(both.subarray(from, from + layer.channels), cell * channels + offset);
    }
    offset += layer.channels;
  }
  return { data, count, height, width, channels };
}

/** Along one axis: `lines` times `from` stretches of `stride` values become `to` of them. */
function resampled(
  data: Float32Array,
  axis: { readonly lines: number; readonly from: number; readonly to: number; readonly stride: number },
): Float32Array {
  const { lines, from, to, stride } = axis;
  if (from === to) return data;
  const shares = taps(from, to);
  const result = new Float32Array(lines * to * stride);
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < to; i++) {
      const at = (line * to + i) * stride;
      for (const [cell, share] of shares[i]) {
        const source = (line * from + cell) * stride;
        for (let c = 0; c < stride; c++) result[at + c] += share * data[source + c];
      }
    }
  }
  return result;
}

/** Which source cells make each target cell, and with what shares. A finer source is averaged: no cell is lost. */
function taps(from: number, to: number): [number, number][][] {
  const scale = from / to;
  const reach = Math.max(1, scale);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale - 0.5;
    const shares = new Map<number, number>();
    for (let k = Math.ceil(centre - reach); k <= Math.floor(centre + reach); k++) {
      const share = 1 - Math.abs(k - centre) / reach;
      if (share <= 0) continue;
      const cell = Math.min(from - 1, Math.max(0, k));
      shares.set(cell, (shares.get(cell) ?? 0) + share);
    }
    const total = [...shares.values()].reduce((sum, share) => sum + share, 0);
    return [...shares].map(([cell, share]): [number, number] => [cell, share / total]);
  });
}

/** How many values of a cell stay, and the draw behind it. */
export interface ProjectionSpec {
  readonly from: number;
  readonly to: number;
  readonly seed: number;
}

/** Most channels by default: PaDiM loses little from 100 random dimensions on. */
export const DEFAULT_CHANNELS = 64;

/**
 * A random orthonormal projection of the channels: `to` rows drawn from a normal distribution, made orthonormal by
 * Gram and Schmidt twice over. It keeps distances in expectation up to a factor, from any channels, without looking at
 * data (PaDiM draws channels instead). null where there is nothing to reduce.
 */
export function projectionFactor({ from, to, seed }: ProjectionSpec): Float64Array | null {
  if (to >= from) return null;
  const random = new Random(seed);
  const factor = new Float64Array(to * from);
  for (let i = 0; i < to; i++) {
    const row = factor.subarray(i * from, (i + 1) * from);
    for (let j = 0; j < from; j++) row[j] = random.nextNormal();
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < i; k++) {
        const other = factor.subarray(k * from, (k + 1) * from);
        let product = 0;
        for (let j = 0; j < from; j++) product += row[j] * other[j];
        for (let j = 0; j < from; j++) row[j] -= product * other[j];
      }
    }
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    for (let j = 0; j < from; j++) row[j] /= norm;
  }
  return factor;
}

/** Maps with fewer channels: each cell times `factor` (`to × from`); the maps themselves where it is null. */
export async function projectMaps(
  maps: PatchMaps,
  factor: Float64Array | null,
  accelerator: MatrixAccelerator,
): Promise<PatchMaps> {
  if (factor === null) return maps;
  const rank = factor.length / maps.channels;
  const projected = await accelerator.transform({
    rows: cellsOf(maps),
    origin: new Float64Array(maps.channels),
    factor,
    rank,
    triangular: false,
  });
  return { ...maps, channels: rank, data: new Float32Array(projected) };
}
