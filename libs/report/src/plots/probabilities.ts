import type { ConceptMatch } from '@hazure/contracts';
import { formatPercent, truncate } from '../format.js';
import { OUTLIER_COLOUR } from '../palette.js';
import { singleLine } from './canvas.js';
import { AXIS_STYLE, chartTitle, renderChartAside } from './charts.js';

export interface ProbabilityPlot {
  /** Best first or in any order; the most probable `limit` are drawn. */
  readonly matches: readonly Pick<
    ConceptMatch,
    'label' | 'probability' | 'similarity' | 'role' | 'matched'
  >[];
  /** What the crop is, e.g. its identity. */
  readonly title: string;
  readonly caption?: string;
  /** 10 unless told. */
  readonly limit?: number;
}

const MATCHED_COMMON = '#3b76d1';
const OUTSIDE_BAND = '#c3cbd8';

/**
 * Bar chart of the probabilities that a caption stands for each candidate label: blue where the similarity lies in
 * the band and the label is common, red where a potential anomaly matches, grey outside the band.
 *
 * @returns a PNG file
 */
export function plotProbabilities(plot: ProbabilityPlot): Promise<Buffer> {
  const shown = [...plot.matches].sort((a, b) => b.probability - a.probability).slice(0, plot.limit ?? 10);
  const top = Math.max(...shown.map((match) => match.probability), 1e-6);
  const option = {
    title: chartTitle(
      truncate(singleLine(plot.title), 80),
      plot.caption === undefined ? undefined : `“${truncate(singleLine(plot.caption), 96)}”`,
    ),
    grid: { left: 190, right: 150, top: 74, bottom: 40 },
    xAxis: {
      type: 'value' as const,
      min: 0,
      max: Math.min(1, top * 1.05),
      splitNumber: 4,
      ...AXIS_STYLE,
      axisLabel: {
        ...AXIS_STYLE.axisLabel,
        formatter: (v: number) => formatPercent(v, top < 0.1 ? 1 : 0),
        showMaxLabel: false,
      },
    },
    yAxis: {
      type: 'category' as const,
      inverse: true,
      data: shown.map((match) => truncate(singleLine(match.label), 60)),
      ...AXIS_STYLE,
      axisLabel: { ...AXIS_STYLE.axisLabel, width: 160, overflow: 'truncate' as const, color: '#1d2433' },
    },
    series: [
      {
        type: 'bar' as const,
        barMaxWidth: 22,
        data: shown.map((match) => ({
          value: match.probability,
          itemStyle: { color: barColour(match), borderRadius: [0, 4, 4, 0] },
          label: {
            show: true,
            position: 'right' as const,
            formatter: `${formatPercent(match.probability)}  sim ${match.similarity.toFixed(2)}`,
            color: '#667085',
            fontSize: 11,
          },
        })),
      },
    ],
  };
  return renderChartAside(option, 720, 126 + 30 * Math.max(3, shown.length));
}

function barColour(match: Pick<ConceptMatch, 'role' | 'matched'>): string {
  if (!match.matched) return OUTSIDE_BAND;
  return match.role === 'potential' ? OUTLIER_COLOUR : MATCHED_COMMON;
}
