import { truncate } from '../format.js';
import type { ReportCaps, ReportMap } from '../model.js';
import { styleClasses } from '../palette.js';
import { base64, dataUrl } from './embed.js';

const STEPS = 65535;
/** Characters kept of a class name. */
const LABEL_LENGTH = 80;
const FLAG_BASELINE = 1;
const FLAG_OUTLIER = 2;

/** The map as the page's script reads it. Positions are 16-bit steps of the map's own square, base64-encoded. */
export interface MapPayload {
  readonly count: number;
  readonly total: number;
  /** Uint16 little-endian `count × 2`, base64. Both axes share one scale; y grows upwards. */
  readonly positions: string;
  /** Uint8 per point: index into `classes`. */
  readonly styles: string;
  /** Uint8 per point: 1 baseline, 2 outlier. */
  readonly flags: string;
  readonly classes: readonly { readonly label: string; readonly colour: string; readonly count: number }[];
  readonly labels: readonly string[];
  /** Index into `labels` per point. */
  readonly labelOf: readonly number[];
  readonly ids: readonly string[];
  /** Picture by crop identity. */
  readonly thumbnails: Readonly<Record<string, string>>;
  readonly combined: boolean;
  /** How many of the points shown are outliers. */
  readonly outliers: number;
}

/**
 * Samples and packs a map for the page. Up to `caps.mapPoints` points are kept: outliers first, the others evenly
 * spaced in their order, so that the same run always shows the same points.
 *
 * @returns null when no point has a finite position
 */
export function packMap(map: ReportMap, caps: ReportCaps): MapPayload | null {
  const n = map.points.length / 2;
  const finite: number[] = [];
  for (let i = 0; i < n; i++) {
    if (Number.isFinite(map.points[2 * i]) && Number.isFinite(map.points[2 * i + 1])) finite.push(i);
  }
  if (finite.length === 0) return null;
  const kept = samplePoints(finite, map.outliers, caps.mapPoints);
  const classes = styleClasses(map.labels, map.baselineClasses);
  const labels = [...new Set(kept.map((i) => map.labels[i]))];
  const labelIndex = new Map(labels.map((label, i) => [label, i]));
  const thumbnails: Record<string, string> = {};
  let pictures = 0;
  for (const i of kept) {
    const jpeg = map.thumbnails?.get(i);
    if (jpeg === undefined || pictures >= caps.mapThumbnails) continue;
    thumbnails[map.cropIds[i]] = dataUrl(jpeg);
    pictures++;
  }
  const flags = kept.map((i) => (map.baseline[i] ? FLAG_BASELINE : 0) | (map.outliers[i] ? FLAG_OUTLIER : 0));
  const behind = flags.filter((flag) => flag & FLAG_BASELINE).length;
  return {
    count: kept.length,
    total: finite.length,
    positions: base64(quantise(map.points, kept)),
    styles: base64(Uint8Array.from(kept, (i) => classes.styleOf[i])),
    flags: base64(Uint8Array.from(flags)),
    classes: classes.styles.map((style) => ({ ...style, label: truncate(style.label, LABEL_LENGTH) })),
    labels: labels.map((label) => truncate(label, LABEL_LENGTH)),
    labelOf: kept.map((i) => labelIndex.get(map.labels[i]) ?? 0),
    ids: kept.map((i) => map.cropIds[i]),
    thumbnails,
    combined: behind > 0 && behind < kept.length,
    outliers: flags.filter((flag) => flag & FLAG_OUTLIER).length,
  };
}

/** Every outlier that fits, then evenly spaced others; in ascending order. */
export function samplePoints(
  indices: readonly number[],
  outliers: ArrayLike<boolean | number>,
  limit: number,
): number[] {
  if (indices.length <= limit) return [...indices];
  const ringed = indices.filter((i) => Boolean(outliers[i]));
  const plain = indices.filter((i) => !outliers[i]);
  const kept = spaced(ringed, limit);
  kept.push(...spaced(plain, limit - kept.length));
  return kept.sort((a, b) => a - b);
}

function spaced(indices: readonly number[], limit: number): number[] {
  if (indices.length <= limit) return [...indices];
  return Array.from({ length: limit }, (_, k) => indices[Math.floor((k * indices.length) / limit)]);
}

function quantise(points: Float32Array | Float64Array, kept: readonly number[]): Uint8Array {
  let [minX, maxX, minY, maxY] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const i of kept) {
    minX = Math.min(minX, points[2 * i]);
    maxX = Math.max(maxX, points[2 * i]);
    minY = Math.min(minY, points[2 * i + 1]);
    maxY = Math.max(maxY, points[2 * i + 1]);
  }
  const span = Math.max(maxX - minX, maxY - minY) || 1;
  const bytes = Buffer.alloc(kept.length * 4);
  kept.forEach((i, row) => {
    const x = 0.5 + (points[2 * i] - (minX + maxX) / 2) / span;
    const y = 0.5 + (points[2 * i + 1] - (minY + maxY) / 2) / span;
    bytes.writeUInt16LE(Math.round(Math.min(1, Math.max(0, x)) * STEPS), row * 4);
    bytes.writeUInt16LE(Math.round(Math.min(1, Math.max(0, y)) * STEPS), row * 4 + 2);
  });
  return bytes;
}
