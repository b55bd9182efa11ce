import { InputError } from '@hazure/contracts';
import type { SKRSContext2D } from '@napi-rs/canvas';
import { createCanvas, ImageData } from '@napi-rs/canvas';
import { formatCount, plural } from '../format.js';
import type { ClassStyles } from '../palette.js';
import { BASELINE_COLOUR, OUTLIER_COLOUR, styleClasses } from '../palette.js';
import { drawText, FRAME, INK, MUTED_INK, newCanvas } from './canvas.js';
import { rasteriseDensity } from './map-raster.js';

export interface MapPlot {
  /** Positions on the map, `n × 2`, row-major. Points that are not finite are left out and counted. */
  readonly points: Float32Array | Float64Array;
  /** Class name of each point. */
  readonly labels: readonly string[];
  /** The baseline's classes, most frequent first; they decide the colours. Default: the labels, by frequency. */
  readonly baselineClasses?: readonly string[];
  /** Points to ring. */
  readonly outliers?: ArrayLike<boolean | number>;
  /** True (or 1) for points of the baseline in a combined map: they are drawn faded, beneath the new ones. */
  readonly baseline?: ArrayLike<boolean | number>;
  readonly title: string;
  /** 1600 × 1200 unless told. */
  readonly widthPx?: number;
  readonly heightPx?: number;
}

/** Above this many points, dots are drawn as density. Chosen by eye: 4,000 dots of 7 px begin to hide each other. */
const DENSITY_FROM = 4000;
/** Points on the margin keep their whole dot and ring. */
const INSET_PX = 28;
const LEGEND_PX = 330;
const MARGIN_PX = 36;
const HEADER_PX = 112;

interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Draws a two-dimensional map of embeddings (t-SNE): classes in colours with a legend of the most frequent 15,
 * outliers ringed, the baseline faded. Readable at 100 and at 1,000,000 points: dots for small sets, density for
 * large ones. Both axes share one scale.
 *
 * @returns a PNG file
 * @throws InputError when `labels`, `outliers` or `baseline` do not have one entry per point
 */
export function plotMap(plot: MapPlot): Buffer {
  const n = countPoints(plot);
  const widthPx = plot.widthPx ?? 1600;
  const heightPx = plot.heightPx ?? 1200;
  const { canvas, context } = newCanvas(widthPx, heightPx);
  const area: Area = {
    x: MARGIN_PX,
    y: HEADER_PX,
    width: widthPx - LEGEND_PX - 2 * MARGIN_PX,
    height: heightPx - HEADER_PX - MARGIN_PX,
  };
  const { positions, finite } = project(plot.points, n, area);
  const is = (flags: ArrayLike<boolean | number> | undefined, i: number): boolean => Boolean(flags?.[i]);
  const behind = finite.filter((i) => is(plot.baseline, i));
  const front = finite.filter((i) => !is(plot.baseline, i));
  const rings = finite.filter((i) => is(plot.outliers, i));
  const classes = styleClasses(plot.labels, plot.baselineClasses);

  drawFrame(context, area);
  const combined = behind.length > 0 && front.length > 0;
  drawPoints(context, area, positions, combined ? behind : finite, classes, combined);
  if (combined) drawPoints(context, area, positions, front, classes, false);
  drawPoints(context, area, positions, rings, classes, false); // again: no crowd may hide an outlier
  drawRings(context, area, positions, rings);

  drawText(context, plot.title, MARGIN_PX, 46, {
    sizePx: 30,
    bold: true,
    maxWidthPx: widthPx - 2 * MARGIN_PX,
  });
  const facts = [plural(n, 'point')];
  if (combined)
    facts.push(`${formatCount(behind.length)} baseline (faded)`, `${formatCount(front.length)} new`);
  if (plot.outliers !== undefined) facts.push(plural(rings.length, 'outlier'));
  if (finite.length < n) facts.push(`${formatCount(n - finite.length)} without a finite position left out`);
  drawText(context, facts.join('  ·  '), MARGIN_PX, 86, { sizePx: 20, colour: MUTED_INK });
  drawLegend(
    context,
    widthPx - LEGEND_PX,
    HEADER_PX + 6,
    heightPx - MARGIN_PX,
    classes,
    combined,
    rings.length,
  );
  if (finite.length === 0) {
    const centre = { sizePx: 22, colour: MUTED_INK, align: 'center' } as const;
    drawText(context, 'No points to show', area.x + area.width / 2, area.y + area.height / 2, centre);
  }
  return canvas.toBuffer('image/png');
}

function countPoints(plot: MapPlot): number {
  const n = plot.points.length / 2;
  const lengths: [string, number | undefined][] = [
    ['labels', plot.labels.length],
    ['outliers', plot.outliers?.length],
    ['baseline', plot.baseline?.length],
  ];
  for (const [name, length] of lengths) {
    if (length !== undefined && length !== n) {
      throw new InputError(
        'INPUT_INVALID',
        `plotMap needs one entry of ${name} per point: ${n} points (${plot.points.length} coordinates), ${length} ${name}.`,
        { hint: 'Pass points as n × 2 coordinates and every list with n entries, in the same order.' },
      );
    }
  }
  return n;
}

/** Fits the points into the area with one scale for both axes, y upwards. */
function project(
  points: Float32Array | Float64Array,
  n: number,
  area: Area,
): { positions: Float32Array; finite: Int32Array } {
  let [minX, maxX, minY, maxY] = [Infinity, -Infinity, Infinity, -Infinity];
  const kept: number[] = [];
  for (let i = 0; i < n; i++) {
    const x = points[2 * i];
    const y = points[2 * i + 1];
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    kept.push(i);
    if (x < minX) minX = x;
    if (x > maxX) maxX = x;
    if (y < minY) minY = y;
    if (y > maxY) maxY = y;
  }
  const width = area.width - 2 * INSET_PX;
  const height = area.height - 2 * INSET_PX;
  const spanX = maxX - minX || 1;
  const spanY = maxY - minY || 1;
  const scale = Math.min(width / spanX, height / spanY);
  const positions = new Float32Array(2 * n);
  for (const i of kept) {
    positions[2 * i] = area.width / 2 + (points[2 * i] - (minX + maxX) / 2) * scale;
    positions[2 * i + 1] = area.height / 2 - (points[2 * i + 1] - (minY + maxY) / 2) * scale;
  }
  return { positions, finite: Int32Array.from(kept) };
}

function drawFrame(context: SKRSContext2D, area: Area): void {
  context.fillStyle = '#fafbfc';
  context.strokeStyle = FRAME;
  context.lineWidth = 1.5;
  context.beginPath();
  context.roundRect(area.x, area.y, area.width, area.height, 10);
  context.fill();
  context.stroke();
}

function drawPoints(
  context: SKRSContext2D,
  area: Area,
  positions: Float32Array,
  indices: Int32Array,
  classes: ClassStyles,
  faded: boolean,
): void {
  if (indices.length === 0) return;
  const colours = classes.styles.map((style) => style.colour);
  if (indices.length > DENSITY_FROM) {
    const { width: widthPx, height: heightPx } = area;
    const floorAlpha = faded ? 0.45 : 0.6;
    const rgba = rasteriseDensity({
      positions,
      indices,
      colours,
      styleOf: classes.styleOf,
      widthPx,
      heightPx,
      floorAlpha,
    });
    const layer = createCanvas(widthPx, heightPx);
    layer.getContext('2d').putImageData(new ImageData(rgba, widthPx, heightPx), 0, 0);
    context.globalAlpha = faded ? 0.6 : 1;
    context.drawImage(layer, area.x, area.y);
    context.globalAlpha = 1;
    return;
  }
  const radius = dotRadius(indices.length);
  // Interleaved, not class by class: no class may cover another only because it is drawn later.
  for (const i of indices) {
    const x = area.x + positions[2 * i];
    const y = area.y + positions[2 * i + 1];
    context.globalAlpha = faded ? 0.28 : 0.82;
    context.fillStyle = colours[classes.styleOf[i]];
    context.beginPath();
    context.arc(x, y, faded ? radius * 0.85 : radius, 0, 2 * Math.PI);
    context.fill();
    if (!faded) {
      context.globalAlpha = 0.9;
      context.strokeStyle = '#ffffff';
      context.lineWidth = 1;
      context.stroke();
    }
  }
  context.globalAlpha = 1;
}

/** 9 px for a handful of points, 3 px for thousands. */
function dotRadius(count: number): number {
  return Math.max(3.2, Math.min(9, 9 * (100 / Math.max(100, count)) ** 0.28));
}

function drawRings(context: SKRSContext2D, area: Area, positions: Float32Array, rings: Int32Array): void {
  const radius = Math.max(5, Math.min(15, 15 * (60 / Math.max(60, rings.length)) ** 0.3));
  for (const [colour, widthPx] of [
    ['#ffffff', 5],
    [OUTLIER_COLOUR, rings.length > 1000 ? 1.6 : 2.6],
  ] as const) {
    if (colour === '#ffffff' && rings.length > 1000) continue;
    context.strokeStyle = colour;
    context.lineWidth = widthPx;
    for (const i of rings) {
      context.beginPath();
      context.arc(area.x + positions[2 * i], area.y + positions[2 * i + 1], radius, 0, 2 * Math.PI);
      context.stroke();
    }
  }
}

function drawLegend(
  context: SKRSContext2D,
  x: number,
  y: number,
  bottom: number,
  classes: ClassStyles,
  combined: boolean,
  rings: number,
): void {
  const right = x + LEGEND_PX - MARGIN_PX;
  let row = y + 14;
  const step = Math.min(38, (bottom - y - 120) / Math.max(1, classes.styles.length));
  drawText(context, 'Class', x, row, { sizePx: 18, colour: MUTED_INK });
  drawText(context, combined ? 'all points' : 'points', right, row, {
    sizePx: 18,
    colour: MUTED_INK,
    align: 'right',
  });
  row += 38;
  for (const { label, colour, count } of classes.styles) {
    dot(context, x + 9, row, 9, colour);
    drawText(context, formatCount(count), right, row, { sizePx: 20, colour: MUTED_INK, align: 'right' });
    const maxWidthPx = right - (x + 30) - context.measureText(formatCount(count)).width - 16;
    drawText(context, label, x + 30, row, { sizePx: 20, colour: INK, maxWidthPx });
    row += step;
  }
  row += 16;
  if (rings > 0) {
    context.strokeStyle = OUTLIER_COLOUR;
    context.lineWidth = 2.6;
    context.beginPath();
    context.arc(x + 9, row, 10, 0, 2 * Math.PI);
    context.stroke();
    drawText(context, 'outlier', x + 30, row, { sizePx: 20 });
    drawText(context, formatCount(rings), right, row, { sizePx: 20, colour: MUTED_INK, align: 'right' });
    row += step;
  }
  if (combined) {
    context.globalAlpha = 0.4;
    dot(context, x + 9, row, 8, BASELINE_COLOUR);
    context.globalAlpha = 1;
    drawText(context, 'faded: baseline', x + 30, row, { sizePx: 20 });
  }
}

function dot(context: SKRSContext2D, x: number, y: number, radius: number, colour: string): void {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}
