import { formatCount, formatNumber } from '../format.js';
import type { HistogramSeries } from '../histogram.js';
import { binScores } from '../histogram.js';

const WIDTH = 960;
const HEIGHT = 300;
const LEFT = 48;
const RIGHT = 16;
const TOP = 30;
const BOTTOM = 36;
const BINS = 64;

/**
 * The score histogram as SVG shapes; colours come from the page's CSS classes (`series-0`, `series-1`, `threshold`),
 * so that it follows the light or dark theme. Holds numbers only: nothing in it needs escaping.
 *
 * @returns null when no score is finite
 */
export function histogramSvg(
  series: readonly HistogramSeries[],
  threshold: number,
): { svg: string; overflow: boolean } | null {
  const histogram = binScores(series, BINS, [threshold]);
  if (histogram === null) return null;
  const { edges, shares } = histogram;
  const low = edges[0];
  const high = edges[BINS];
  const peak = niceCeiling(Math.max(...shares.map((share) => Math.max(...share))));
  const x = (value: number): number => LEFT + ((value - low) / (high - low || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (share: number): number => HEIGHT - BOTTOM - (share / peak) * (HEIGHT - TOP - BOTTOM);
  const parts: string[] = [];
  for (let k = 0; k <= 4; k++) {
    const share = (peak * k) / 4;
    parts.push(
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${f(y(share))}" y2="${f(y(share))}"/>`,
      `<text class="tick" text-anchor="end" x="${LEFT - 8}" y="${f(y(share) + 4)}">${formatNumber(share * 100)}%</text>`,
    );
  }
  for (const value of ticks(low, high)) {
    parts.push(
      `<text class="tick" text-anchor="middle" x="${f(x(value))}" y="${HEIGHT - BOTTOM + 20}">${formatNumber(value)}</text>`,
    );
  }
  shares.forEach((share, s) => {
    let path = `M${f(x(low))} ${f(y(0))}`;
    for (let i = 0; i < BINS; i++) path += `V${f(y(share[i]))}H${f(x(edges[i + 1]))}`;
    parts.push(`<path class="series-${s}" d="${path}V${f(y(0))}Z"/>`);
  });
  const at = x(threshold);
  const anchor = at > WIDTH * 0.8 ? 'end' : at < WIDTH * 0.2 ? 'start' : 'middle';
  parts.push(
    `<line class="threshold" x1="${f(at)}" x2="${f(at)}" y1="${TOP - 6}" y2="${HEIGHT - BOTTOM}"/>`,
    `<text class="threshold-label" text-anchor="${anchor}" x="${f(at)}" y="${TOP - 13}">threshold ${formatNumber(threshold)}</text>`,
  );
  const label = `Histogram of ${formatCount(histogram.counts.reduce((a, b) => a + b, 0))} scores, threshold ${formatNumber(threshold)}`;
  const svg = `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">${parts.join('')}</svg>`;
  return { svg, overflow: histogram.overflow };
}

/** Rounds up to a value that divides into four readable steps. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return (
    [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 12]
      .map((step) => step * power)
      .find((step) => step >= value * 0.999) ?? value
  );
}

/** About six round values inside the range. */
function ticks(low: number, high: number): number[] {
  const raw = (high - low) / 6;
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step =
    [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw) ?? raw;
  const values: number[] = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) values.push(Number((k * step).toPrecision(12)));
  return values;
}

const f = (value: number): string => String(Math.round(value * 10) / 10);
