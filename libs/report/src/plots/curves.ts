import { CLASS_COLOURS, OUTLIER_COLOUR } from '../palette.js';
import { AXIS_STYLE, chartTitle, renderChart } from './charts.js';

/** Points of one scorer, from the highest threshold down; rates 0…1. */
export interface CurveSeries {
  readonly name: string;
  readonly points: readonly {
    readonly falsePositiveRate: number;
    readonly recall: number;
    readonly precision: number;
  }[];
}

export interface CurvesPlot {
  readonly title: string;
  readonly subtitle?: string;
  readonly series: readonly CurveSeries[];
  /** Where the run's own threshold lies. */
  readonly verdict?: {
    readonly falsePositiveRate: number | null;
    readonly recall: number | null;
    readonly precision: number | null;
  };
}

/** ROC on the left, precision over recall on the right. @returns a PNG file */
export function plotCurves({ title, subtitle, series, verdict }: CurvesPlot): Buffer {
  const axis = (name: string, gridIndex: number, gap: number): object => ({
    ...AXIS_STYLE,
    type: 'value' as const,
    name,
    gridIndex,
    min: 0,
    max: 1,
    nameLocation: 'middle' as const,
    nameGap: gap,
  });
  const lines = series.flatMap(({ name, points }, i) => {
    const style = {
      name,
      type: 'line' as const,
      symbol: 'none',
      lineStyle: { width: 2.2 },
      itemStyle: { color: CLASS_COLOURS[i % CLASS_COLOURS.length] },
    };
    const roc = [[0, 0], ...points.map(({ falsePositiveRate, recall }) => [falsePositiveRate, recall])];
    return [
      { ...style, xAxisIndex: 0, yAxisIndex: 0, data: roc },
      {
        ...style,
        xAxisIndex: 1,
        yAxisIndex: 1,
        // a step: between two thresholds no third one can be had
        step: 'start' as const,
        data: points.map(({ recall, precision }) => [recall, precision]),
      },
    ];
  });
  const at = (index: number, x: number | null | undefined, y: number | null | undefined): object[] =>
    typeof x === 'number' && typeof y === 'number'
      ? [
          {
            name: 'verdicts of the run',
            type: 'scatter' as const,
            symbol: 'diamond',
            symbolSize: 13,
            itemStyle: { color: OUTLIER_COLOUR },
            xAxisIndex: index,
            yAxisIndex: index,
            data: [[x, y]],
          },
        ]
      : [];
  const option = {
    title: chartTitle(title, subtitle),
    legend: { bottom: 10, itemWidth: 18, itemHeight: 10, type: 'scroll' as const },
    grid: [
      { left: 64, width: 370, top: 84, bottom: 96 },
      { left: 524, width: 370, top: 84, bottom: 96 },
    ],
    xAxis: [axis('false positive rate', 0, 28), axis('recall', 1, 28)],
    yAxis: [axis('recall (true positive rate)', 0, 38), axis('precision', 1, 38)],
    series: [
      ...lines,
      ...at(0, verdict?.falsePositiveRate, verdict?.recall),
      ...at(1, verdict?.recall, verdict?.precision),
    ],
  };
  return renderChart(option as Parameters<typeof renderChart>[0], 940, 520);
}
