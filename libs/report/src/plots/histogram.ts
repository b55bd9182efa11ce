import { formatCount, formatNumber, formatPercent } from '../format.js';
import type { HistogramSeries } from '../histogram.js';
import { binScores } from '../histogram.js';
import { BASELINE_COLOUR, CLASS_COLOURS, OUTLIER_COLOUR } from '../palette.js';
import { AXIS_STYLE, chartTitle, renderChart } from './charts.js';

export interface ScoreHistogramPlot {
  /** One or two sets of scores, e.g. held-out baseline and new crops. */
  readonly series: readonly HistogramSeries[];
  /** Score above which a crop is an outlier; null draws no line. */
  readonly threshold: number | null;
  readonly title: string;
  readonly xLabel?: string;
}

/**
 * Histogram of anomaly scores, each set as shares of its own size, with the threshold as a line.
 *
 * @returns a PNG file
 */
export function plotScoreHistogram(plot: ScoreHistogramPlot): Buffer {
  const histogram = binScores(plot.series, 60, plot.threshold === null ? [] : [plot.threshold]);
  const colours =
    plot.series.length === 1 ? [CLASS_COLOURS[0]] : [BASELINE_COLOUR, CLASS_COLOURS[0], CLASS_COLOURS[1]];
  const facts = plot.series.map((series, i) => `${series.name}: ${formatCount(histogram?.counts[i] ?? 0)}`);
  if (histogram?.overflow) facts.push('scores beyond the right end are in the last bar');
  const option = {
    title: chartTitle(plot.title, facts.join('  ·  ')),
    legend: { show: plot.series.length > 1, right: 24, top: 16, itemWidth: 14, itemHeight: 10 },
    color: colours,
    grid: { left: 72, right: 36, top: 84, bottom: 56 },
    xAxis: {
      type: 'value' as const,
      name: plot.xLabel ?? 'anomaly score',
      nameLocation: 'middle' as const,
      nameGap: 32,
      min: histogram?.edges[0] ?? 0,
      max: histogram?.edges.at(-1) ?? 1,
      ...AXIS_STYLE,
      splitLine: { show: false },
      axisLabel: {
        ...AXIS_STYLE.axisLabel,
        formatter: formatNumber,
        showMinLabel: false,
        showMaxLabel: false,
      },
    },
    yAxis: {
      type: 'value' as const,
      ...AXIS_STYLE,
      axisLabel: { ...AXIS_STYLE.axisLabel, formatter: (v: number) => formatPercent(v, 0) },
    },
    series: plot.series.map((series, i) => ({
      name: series.name,
      type: 'line' as const,
      step: 'end' as const,
      symbol: 'none',
      lineStyle: { width: 1.5 },
      areaStyle: { opacity: 0.35 },
      data: histogram === null ? [] : staircase(histogram.edges, histogram.shares[i]),
      ...(i === 0 && plot.threshold !== null ? { markLine: thresholdLine(plot.threshold) } : {}),
    })),
  };
  return renderChart(option, 800, 420);
}

/** Points of a step line (`step: 'end'`) over the bins, down to zero at both ends. */
function staircase(edges: Float64Array, shares: Float64Array): [number, number][] {
  const points: [number, number][] = [[edges[0], 0]];
  for (let i = 0; i < shares.length; i++) points.push([edges[i], shares[i]]);
  points.push([edges[shares.length], shares[shares.length - 1]], [edges[shares.length], 0]);
  return points;
}

function thresholdLine(threshold: number): object {
  return {
    symbol: 'none',
    lineStyle: { color: OUTLIER_COLOUR, width: 2, type: 'dashed' },
    label: {
      formatter: `threshold ${formatNumber(threshold)}`,
      color: OUTLIER_COLOUR,
      position: 'end',
      fontSize: 12,
    },
    data: [{ xAxis: threshold }],
  };
}
