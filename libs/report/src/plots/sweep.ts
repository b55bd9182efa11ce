import { InputError } from '@hazure/contracts';
import { formatNumber } from '../format.js';
import { CLASS_COLOURS, OUTLIER_COLOUR } from '../palette.js';
import { AXIS_STYLE, chartTitle, renderChart } from './charts.js';

export interface SweepSeries {
  readonly name: string;
  /** In ascending x. A null y (e.g. out of memory) breaks the line. */
  readonly points: readonly { readonly x: number; readonly y: number | null }[];
}

export interface SweepPlot {
  readonly title: string;
  readonly subtitle?: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly SweepSeries[];
  /** `line` unless told. */
  readonly kind?: 'line' | 'bar';
  /** The x value to mark as recommended, e.g. a batch size; must be one of the points. */
  readonly recommended?: number;
}

/**
 * Benchmark sweep: one line (or group of bars) per series over evenly spaced steps of x, such as images per second
 * over batch sizes 1, 2, 4, 8 ….
 *
 * @returns a PNG file
 * @throws InputError when `recommended` is none of the x values
 */
export function plotSweep(plot: SweepPlot): Buffer {
  const steps = [...new Set(plot.series.flatMap((series) => series.points.map((point) => point.x)))].sort(
    (a, b) => a - b,
  );
  const marked = plot.recommended === undefined ? -1 : steps.indexOf(plot.recommended);
  if (plot.recommended !== undefined && marked < 0) {
    throw new InputError(
      'INPUT_INVALID',
      `plotSweep: recommended ${plot.recommended} is none of ${steps.join(', ')}.`,
    );
  }
  const line = (plot.kind ?? 'line') === 'line';
  const option = {
    title: chartTitle(plot.title, plot.subtitle),
    legend: {
      show: plot.series.length > 1,
      bottom: 10,
      itemWidth: 18,
      itemHeight: 10,
      type: 'scroll' as const,
    },
    color: [...CLASS_COLOURS],
    grid: {
      left: 84,
      right: 44,
      top: plot.subtitle === undefined ? 78 : 92,
      bottom: plot.series.length > 1 ? 88 : 60,
    },
    xAxis: {
      type: 'category' as const,
      name: plot.xLabel,
      nameLocation: 'middle' as const,
      nameGap: 30,
      boundaryGap: !line,
      data: steps.map(String),
      ...AXIS_STYLE,
    },
    yAxis: {
      type: 'value' as const,
      name: plot.yLabel,
      min: 0,
      ...AXIS_STYLE,
      nameTextStyle: { ...AXIS_STYLE.nameTextStyle, align: 'left' as const, padding: [0, 0, 0, -56] },
      axisLabel: { ...AXIS_STYLE.axisLabel, formatter: formatNumber },
    },
    series: plot.series.map((series, i) => {
      const yOf = new Map(series.points.map((point) => [point.x, point.y]));
      const style = line
        ? {
            type: 'line' as const,
            symbol: 'circle',
            symbolSize: 8,
            lineStyle: { width: 2.5 },
            connectNulls: false,
          }
        : { type: 'bar' as const, barMaxWidth: 46, itemStyle: { borderRadius: [4, 4, 0, 0] } };
      return {
        name: series.name,
        ...style,
        data: steps.map((x) => yOf.get(x) ?? null),
        ...(i === 0 && marked >= 0 ? { markLine: recommendation(marked, steps[marked]) } : {}),
      };
    }),
  };
  return renderChart(option as Parameters<typeof renderChart>[0], 860, 480);
}

function recommendation(index: number, value: number): object {
  return {
    symbol: 'none',
    silent: true,
    lineStyle: { color: OUTLIER_COLOUR, type: 'dashed', width: 1.5 },
    label: {
      formatter: `recommended: ${value}`,
      position: 'insideMiddleBottom',
      color: OUTLIER_COLOUR,
      fontSize: 12,
    },
    data: [{ xAxis: index }],
  };
}
