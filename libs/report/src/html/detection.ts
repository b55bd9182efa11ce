import { formatCount, formatNumber, formatPercent, formatSeconds, plural, truncate } from '../format.js';
import type { DetectionReport, OutlierCard, ReportCaps } from '../model.js';
import { DEFAULT_CAPS } from '../model.js';
import { histogramSvg } from './histogram-svg.js';
import { packMap } from './map-data.js';
import type { Tile } from './page.js';
import { HELPERS, renderCommonSections, renderPage } from './page.js';
import { renderTemplate } from './templates.js';

/** Matches and neighbours shown on one card. */
const MATCHES_SHOWN = 5;
const NEIGHBOURS_SHOWN = 5;

/**
 * The report of a detection run as one HTML file that works offline.
 *
 * @param report what to show; strings may hold anything
 * @param caps what at most is embedded; the page states what was left out
 */
export function renderDetectionReport(report: DetectionReport, caps: ReportCaps = DEFAULT_CAPS): string {
  const ordered = [...report.outliers].sort((a, b) => a.pValue - b.pValue || b.score - a.score);
  const shown = ordered.slice(0, caps.outliers);
  const cards = shown.map((outlier, index) => cardView(outlier, index, caps));
  const map = report.map === null ? null : packMap(report.map, caps);
  const leftOut: string[] = [];
  if (report.headline.outliers > shown.length) {
    leftOut.push(
      `This page shows ${formatCount(shown.length)} of ${formatCount(report.headline.outliers)} outliers, lowest p-values first; all are in outlier_list.csv.`,
    );
  }
  if (map !== null && map.count < map.total) {
    leftOut.push(
      `The map shows ${formatCount(map.count)} of ${formatCount(map.total)} points: every outlier that fits, the rest evenly sampled.`,
    );
  }
  if (report.failures.length > caps.tableRows || report.headline.failures > report.failures.length) {
    leftOut.push(
      `The failures table shows the first ${formatCount(Math.min(caps.tableRows, report.failures.length))}; all are in failures.jsonl.`,
    );
  }
  const images = report.imageVerdicts;
  if (images && images.outliers > Math.min(caps.tableRows, images.rows.length)) {
    leftOut.push(
      `The image table shows ${formatCount(Math.min(caps.tableRows, images.rows.length))} of ${formatCount(images.outliers)} outlier images; all are in outlier_images.csv.`,
    );
  }
  const classes = [...report.classes].sort((a, b) => b.outliers - a.outliers || b.objects - a.objects);
  if (classes.length > caps.tableRows) {
    leftOut.push(
      `The class table shows ${formatCount(caps.tableRows)} of ${formatCount(classes.length)} classes.`,
    );
  }
  const body =
    renderTemplate('detection', {
      h: HELPERS,
      report,
      cards,
      classOptions: classOptions(shown, caps),
      card: (view: object) => renderTemplate('outlier-card', { h: HELPERS, ...view }),
      map: map === null ? null : renderTemplate('map', { h: HELPERS, map, method: report.map?.method ?? '' }),
      images: imagesSection(report, caps),
      drift: driftSection(report),
      histogram: histogramSection(report),
      classes: classes.slice(0, caps.tableRows).map((row) => ({
        ...row,
        className: truncate(row.className, 80),
        rate: row.objects > 0 ? row.outliers / row.objects : 0,
      })),
    }) + renderCommonSections(report, report.headline.failures, report.headline.seconds, caps);
  return renderPage({
    title: 'Detection report',
    kind: 'detection',
    report,
    against: report.baselineName,
    tiles: tilesOf(report),
    sections: [
      { id: 'outliers', label: 'Outliers' },
      ...(report.imageVerdicts ? [{ id: 'images', label: 'Images' }] : []),
      ...(map === null ? [] : [{ id: 'map', label: 'Map' }]),
      ...(report.scores === null ? [] : [{ id: 'scores', label: 'Scores' }]),
      ...(report.drift && report.drift.length > 0 ? [{ id: 'drift', label: 'Drift' }] : []),
      { id: 'classes', label: 'Classes' },
      { id: 'failures', label: 'Failures' },
      { id: 'timings', label: 'Timings' },
      { id: 'models', label: 'Models & settings' },
    ],
    body,
    map,
    leftOut,
    caps,
  });
}

function imagesSection({ imageVerdicts: view }: DetectionReport, caps: ReportCaps): string | null {
  if (!view) return null;
  const rows = view.rows.slice(0, caps.tableRows).map((row) => ({
    ...row,
    imageId: truncate(row.imageId, caps.textLength),
    cropId: row.cropId === null ? null : truncate(row.cropId, caps.textLength),
  }));
  return renderTemplate('images', { h: HELPERS, view, rows });
}

function driftSection({ drift }: DetectionReport): string | null {
  if (!drift || drift.length === 0) return null;
  return renderTemplate('drift', { h: HELPERS, rows: drift });
}

function tilesOf({ headline, imageVerdicts }: DetectionReport): Tile[] {
  const rate = headline.seconds > 0 ? `${formatNumber(headline.images / headline.seconds)} images / s` : '';
  const share =
    headline.objects > 0 ? `${formatPercent(headline.outliers / headline.objects)} of objects` : '';
  return [
    { label: 'outliers', value: formatCount(headline.outliers), detail: share, tone: 'accent' },
    {
      label: 'objects',
      value: formatCount(headline.objects),
      detail: perImage(headline.objects, headline.images),
    },
    {
      label: 'images',
      value: formatCount(headline.images),
      detail: imageVerdicts ? `${formatCount(imageVerdicts.outliers)} of them outliers` : '',
    },
    {
      label: headline.failures === 1 ? 'failure' : 'failures',
      value: formatCount(headline.failures),
      detail: headline.failures === 0 ? 'every input was processed' : 'inputs not processed',
      ...(headline.failures > 0 ? { tone: 'bad' as const } : {}),
    },
    { label: 'time', value: formatSeconds(headline.seconds), detail: rate },
  ];
}

export function perImage(objects: number, images: number): string {
  return images > 0 ? `${formatNumber(objects / images)} per image` : '';
}

/** What a card's template reads: short texts, sides, and bars as percentages. */
function cardView(outlier: OutlierCard, index: number, caps: ReportCaps): object {
  const { semantic } = outlier;
  const sides = [outlier.featureOutlier ? 'feature' : '', semantic?.outlier ? 'semantic' : ''].filter(
    Boolean,
  );
  const matches = [...(semantic?.matches ?? [])]
    .sort((a, b) => b.probability - a.probability)
    .slice(0, MATCHES_SHOWN);
  const top = Math.max(...matches.map((match) => match.probability), 1e-9);
  return {
    ...outlier,
    index,
    side: sides.length === 2 ? 'both' : (sides[0] ?? 'none'),
    className: truncate(outlier.className, 60),
    reason: truncate(outlier.reason, caps.textLength),
    shortImageId: truncate(outlier.imageId, 160),
    caption: semantic === null ? null : truncate(semantic.caption, caps.textLength),
    matches: matches.map((match) => ({
      ...match,
      label: truncate(match.label, 60),
      bar: match.probability / top,
    })),
    neighbours: outlier.neighbours.slice(0, NEIGHBOURS_SHOWN).map((neighbour) => ({
      ...neighbour,
      className: truncate(neighbour.className, 60),
    })),
  };
}

function classOptions(outliers: readonly OutlierCard[], caps: ReportCaps): { name: string; label: string }[] {
  const counts = new Map<string, number>();
  for (const { className } of outliers) {
    const name = truncate(className, 60);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, caps.tableRows)
    .map(([name, count]) => ({ name, label: `${name} (${formatCount(count)})` }));
}

function histogramSection({ scores }: DetectionReport): string | null {
  if (scores === null) return null;
  const drawn = histogramSvg(
    [
      { name: 'held-out baseline', scores: scores.heldOutBaseline },
      { name: 'new crops', scores: scores.newCrops },
    ],
    scores.threshold,
  );
  const legend = [
    `held-out baseline (${formatCount(scores.heldOutBaseline.length)})`,
    `new crops (${formatCount(scores.newCrops.length)})`,
  ];
  const text = `A crop is a feature outlier when its ${scores.scorer} score is above the threshold, the ${formatNumber(scores.percentile)}th percentile of ${plural(scores.heldOutBaseline.length, 'held-out baseline score')}: about ${formatNumber(100 - scores.percentile)}% false alarms on data like the baseline.`;
  return renderTemplate('histogram', {
    h: HELPERS,
    title: 'Anomaly scores',
    text,
    legend,
    ...(drawn ?? { svg: null, overflow: false }),
  });
}
