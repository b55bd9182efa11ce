import { formatCount, formatNumber, formatSeconds, plural, truncate } from '../format.js';
import type { BaselineReport, ConceptRow, ReportCaps } from '../model.js';
import { DEFAULT_CAPS } from '../model.js';
import { perImage } from './detection.js';
import { histogramSvg } from './histogram-svg.js';
import { packMap } from './map-data.js';
import { HELPERS, renderCommonSections, renderPage } from './page.js';
import { renderTemplate } from './templates.js';

const SAMPLES_SHOWN = 6;
/** Classes whose sample crops are embedded. */
const SAMPLED_CLASSES = 40;

/**
 * The report of a baseline run as one HTML file that works offline.
 *
 * @param report what to show; strings may hold anything
 * @param caps what at most is embedded; the page states what was left out
 */
export function renderBaselineReport(report: BaselineReport, caps: ReportCaps = DEFAULT_CAPS): string {
  const map = report.map === null ? null : packMap(report.map, caps);
  const leftOut: string[] = [];
  if (map !== null && map.count < map.total) {
    leftOut.push(
      `The map shows ${formatCount(map.count)} of ${formatCount(map.total)} points, evenly sampled.`,
    );
  }
  if (report.classes.length > caps.tableRows) {
    leftOut.push(
      `The class table shows ${formatCount(caps.tableRows)} of ${formatCount(report.classes.length)} classes; all are in class_statistics.json.`,
    );
  }
  if (report.concepts.length > caps.tableRows) {
    leftOut.push(
      `${formatCount(caps.tableRows)} of ${formatCount(report.concepts.length)} concepts are shown; all are in concepts.json.`,
    );
  }
  if (report.failures.length > caps.tableRows || report.headline.failures > report.failures.length) {
    leftOut.push(
      `The failures table shows the first ${formatCount(Math.min(caps.tableRows, report.failures.length))}; all are in failures.jsonl.`,
    );
  }
  const classes = [...report.classes].sort((a, b) => b.objects - a.objects).slice(0, caps.tableRows);
  const most = Math.max(...classes.map((row) => row.objects), 1);
  const { headline } = report;
  const body =
    renderTemplate('baseline', {
      h: HELPERS,
      report,
      classes: classes.map((row, i) => ({
        ...row,
        className: truncate(row.className, 80),
        bar: row.objects / most,
        share: headline.objects > 0 ? row.objects / headline.objects : 0,
        samples: i < SAMPLED_CLASSES ? row.samples.slice(0, SAMPLES_SHOWN) : [],
      })),
      map: map === null ? null : renderTemplate('map', { h: HELPERS, map, method: report.map?.method ?? '' }),
      calibration: calibrationSection(report),
      groups: report.groups ? renderTemplate('groups', { h: HELPERS, view: report.groups }) : null,
      concepts: groupConcepts(report.concepts.slice(0, caps.tableRows)),
      conceptCount: report.concepts.length,
    }) + renderCommonSections(report, headline.failures, headline.seconds, caps);
  return renderPage({
    title: 'Baseline report',
    kind: 'baseline',
    report,
    tiles: [
      {
        label: 'objects',
        value: formatCount(headline.objects),
        detail: perImage(headline.objects, headline.images),
        tone: 'accent',
      },
      { label: 'images', value: formatCount(headline.images) },
      { label: headline.classes === 1 ? 'class' : 'classes', value: formatCount(headline.classes) },
      {
        label: headline.failures === 1 ? 'failure' : 'failures',
        value: formatCount(headline.failures),
        detail: headline.failures === 0 ? 'every input was processed' : 'inputs not processed',
        ...(headline.failures > 0 ? { tone: 'bad' as const } : {}),
      },
      { label: 'time', value: formatSeconds(headline.seconds) },
    ],
    sections: [
      { id: 'classes', label: 'Classes' },
      ...(map === null ? [] : [{ id: 'map', label: 'Map' }]),
      ...(report.calibration === null ? [] : [{ id: 'scores', label: 'Calibration' }]),
      ...(report.groups ? [{ id: 'groups', label: 'Groups' }] : []),
      ...(report.concepts.length === 0 ? [] : [{ id: 'concepts', label: 'Concepts' }]),
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

function calibrationSection({ calibration }: BaselineReport): string | null {
  if (calibration === null) return null;
  const { scorer, threshold, percentile, fittedRows, calibrationRows } = calibration;
  const drawn = histogramSvg([{ name: 'held-out', scores: calibration.heldOutScores }], threshold);
  const text = `The ${scorer} scorer was fitted on ${plural(fittedRows, 'crop')} and calibrated on ${plural(calibrationRows, 'held-out score')}. A new crop that scores above ${formatNumber(threshold)}, the ${formatNumber(percentile)}th percentile of the held-out scores, is a feature outlier: about ${formatNumber(100 - percentile)}% false alarms on data like this.`;
  return renderTemplate('histogram', {
    h: HELPERS,
    title: 'Calibration',
    text,
    legend: [`held-out baseline (${formatCount(calibrationRows)})`],
    ...(drawn ?? { svg: null, overflow: false }),
  });
}

interface ConceptGroup {
  readonly title: string;
  readonly role: string;
  readonly labels: string[];
}

/** Concepts under the label that they were expanded from, or under their origin. */
function groupConcepts(concepts: readonly ConceptRow[]): ConceptGroup[] {
  const groups = new Map<string, ConceptGroup>();
  for (const { label, origin, parent, role } of concepts) {
    const title = parent === null ? (ORIGIN_TITLES[origin] ?? origin) : `like ${truncate(parent, 60)}`;
    const key = `${role} ${title}`;
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { title, role, labels: [] }));
    group.labels.push(truncate(label, 60));
  }
  return [...groups.values()];
}

const ORIGIN_TITLES: Readonly<Record<string, string>> = {
  class: 'classes found in the baseline',
  file: 'from the concept list',
  potential: 'potential anomalies to look for',
  expansion: 'expanded',
};
