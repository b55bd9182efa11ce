import {
  countedUnit,
  formatBytes,
  formatCount,
  formatNumber,
  formatPercent,
  formatSeconds,
  plural,
  truncate,
} from '../format.js';
import type { CommonReport, FailureRow, ReportCaps, TimingRow } from '../model.js';
import { cspHash, dataUrl, scriptJson } from './embed.js';
import type { MapPayload } from './map-data.js';
import { readAsset, renderTemplate } from './templates.js';

/** Characters shown of folder and model names. */
const NAME_LENGTH = 200;

/** Helpers that every template gets as `it.h`. */
export const HELPERS = {
  count: formatCount,
  number: formatNumber,
  percent: formatPercent,
  seconds: formatSeconds,
  bytes: formatBytes,
  plural,
  countedUnit,
  dataUrl,
} as const;

export interface PageParts {
  readonly title: string;
  readonly kind: 'detection' | 'baseline';
  readonly report: CommonReport;
  /** Name of the baseline that a detection was compared with. */
  readonly against?: string;
  readonly tiles: readonly Tile[];
  readonly sections: readonly { readonly id: string; readonly label: string }[];
  readonly body: string;
  readonly map: MapPayload | null;
  /** Sentences on what was left out of the page. */
  readonly leftOut: readonly string[];
  readonly caps: ReportCaps;
}

export interface Tile {
  readonly label: string;
  readonly value: string;
  readonly detail?: string;
  readonly tone?: 'accent' | 'bad';
}

/** Puts a page together: one file, no network, and a policy that lets only its own script run. */
export function renderPage(parts: PageParts): string {
  const scripts = [readAsset('client/map.js'), readAsset('client/outliers.js')].join('\n');
  const { report, caps } = parts;
  return renderTemplate('layout', {
    ...parts,
    h: HELPERS,
    report: {
      ...report,
      runName: truncate(report.runName, NAME_LENGTH),
      imagesFolder: truncate(report.imagesFolder, NAME_LENGTH),
      notes: report.notes.map((note) => truncate(note, caps.textLength)),
    },
    against: parts.against === undefined ? '' : truncate(parts.against, NAME_LENGTH),
    css: readAsset('report.css'),
    script: scripts,
    csp: `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src ${cspHash(scripts)}; base-uri 'none'; form-action 'none'`,
    data: scriptJson({ map: parts.map }),
  });
}

/** Tables of failures, timings, models and settings: the same in both kinds of report. */
export function renderCommonSections(
  report: CommonReport,
  failureCount: number,
  totalSeconds: number,
  caps: ReportCaps,
): string {
  return [
    renderTemplate('failures', { h: HELPERS, ...failureTable(report.failures, failureCount, caps) }),
    renderTemplate('timings', {
      h: HELPERS,
      rows: timingRows(report.timings),
      hasMemory: report.timings.some((row) => row.peakMemoryBytes !== null),
      stageSeconds: report.timings.reduce((sum, row) => sum + row.seconds, 0),
      totalSeconds,
    }),
    renderTemplate('models-settings', {
      h: HELPERS,
      models: report.models.map((model) => ({
        ...model,
        name: truncate(model.name, NAME_LENGTH),
        licence: model.licence === null ? null : truncate(model.licence, NAME_LENGTH),
        device: truncate(model.device, NAME_LENGTH),
      })),
      settings: report.settings.map(({ name, value }) => ({
        name: truncate(name, NAME_LENGTH),
        value: truncate(value, caps.textLength),
      })),
    }),
  ].join('\n');
}

function failureTable(failures: readonly FailureRow[], total: number, caps: ReportCaps): object {
  const byCode = new Map<string, number>();
  for (const failure of failures) {
    const key = `${failure.stage} · ${failure.code}`;
    byCode.set(key, (byCode.get(key) ?? 0) + 1);
  }
  return {
    total,
    groups: [...byCode].sort((a, b) => b[1] - a[1]),
    rows: failures.slice(0, caps.tableRows).map((failure) => ({
      ...failure,
      imageId: truncate(failure.imageId, caps.textLength),
      message: truncate(failure.message, caps.textLength),
    })),
  };
}

function timingRows(timings: readonly TimingRow[]): object[] {
  const longest = Math.max(...timings.map((row) => row.seconds), 1e-9);
  return timings.map((row) => ({
    ...row,
    rate: row.items === null || row.seconds <= 0 ? null : row.items / row.seconds,
    share: row.seconds / longest,
  }));
}
