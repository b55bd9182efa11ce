import sharp from 'sharp';
import type {
  ClassStatisticsFile,
  CombinedParameters,
  FailureRecord,
  MapParameters,
  RunConfig,
  RunTiming,
} from '@hazure/contracts';
import type { RunReader } from '@hazure/run-store';
import { DEFAULT_CAPS, type CommonReport, type ReportMap, type Thumbnail } from '../model.js';

const THUMBNAIL_PX = 192;
const HOVER_PX = 96;

/** A picture of a run: `file` as its records name it. */
export interface Picture {
  readonly run: RunReader | null;
  readonly file: string | null;
}

/** A small JPEG of a saved crop; null when the crop is not there. */
export async function thumbnail({ run, file }: Picture, sidePx = THUMBNAIL_PX): Promise<Thumbnail> {
  if (run === null || file === null) return null;
  return run
    .bytes(file)
    .then((bytes) =>
      sharp(bytes)
        .resize({ width: sidePx, height: sidePx, fit: 'inside', withoutEnlargement: true })
        .jpeg({ quality: 80 })
        .toBuffer(),
    )
    .catch(() => null);
}

/** Pictures for hovering over some points of the map. */
async function hoverThumbnails(
  pictures: readonly Picture[],
  limit: number,
): Promise<Map<number, Uint8Array>> {
  const shown = new Map<number, Uint8Array>();
  const step = Math.max(1, Math.ceil(pictures.length / limit));
  for (let i = 0; i < pictures.length; i += step) {
    const picture = await thumbnail(pictures[i], HOVER_PX);
    if (picture) shown.set(i, picture);
  }
  return shown;
}

/** When and by which version of hazure a report was made. */
export interface Made {
  readonly at: Date;
  readonly version: string;
}

/** What both kinds of report have. `notes` may still grow until the report is rendered. */
export async function commonParts(
  run: RunReader,
  { config, timing }: { readonly config: RunConfig; readonly timing: RunTiming },
  made: Made,
  notes: readonly string[],
): Promise<CommonReport & { readonly failureCount: number }> {
  return {
    version: made.version,
    finishedAt: `${made.at.toISOString().slice(0, 19).replace('T', ' ')} UTC`,
    runName: run.name,
    imagesFolder: config.inputFolder,
    models: Object.entries(config.models).map(([role, model]) => ({ role, ...model })),
    settings: Object.entries(config.options).map(([name, value]) => ({
      name,
      value: Array.isArray(value) ? value.join(', ') : String(value),
    })),
    ...(await failures(run)),
    timings: timing.stages.map(({ stage, items, unit, seconds }) => ({
      stage,
      items,
      unit,
      seconds,
      peakMemoryBytes: null,
    })),
    notes,
  };
}

/** The first of them, as many as a page shows, and how many there are. */
async function failures(run: RunReader): Promise<{ failures: FailureRecord[]; failureCount: number }> {
  const shown: FailureRecord[] = [];
  let failureCount = 0;
  for await (const failure of run.failures()) {
    if (failureCount++ < DEFAULT_CAPS.tableRows) shown.push(failure);
  }
  return { failures: shown, failureCount };
}

export function mapMethod({ method, perplexity, iterations, klDivergence }: MapParameters): string {
  return (
    `t-SNE (${method}), perplexity ${Number(perplexity.toFixed(1))}, ${iterations} iterations, ` +
    `KL divergence ${klDivergence.toFixed(3)}`
  );
}

export function combinedMapMethod(parameters: CombinedParameters): string {
  if (parameters.how === 'joint') {
    return `${mapMethod(parameters)}; baseline and new objects in one run, since ${parameters.reason}`;
  }
  const { perplexity, iterations, baselineMap } = parameters;
  return (
    `new objects placed on the baseline's map, which did not move (perplexity ` +
    `${Number(perplexity.toFixed(1))}, ${iterations} steps); that map: ${mapMethod(baselineMap)}`
  );
}

/** A point of the map with what a reader sees of it. */
export interface MapPoint {
  readonly xy: readonly [number, number];
  readonly label: string;
  readonly cropId: string;
  readonly baseline: boolean;
  readonly outlier: boolean;
  readonly picture: Picture;
}

/** @param baselineStatistics null when the baseline's folder is gone */
export async function reportMap(
  points: readonly MapPoint[],
  method: string,
  baselineStatistics: Pick<ClassStatisticsFile, 'classes'> | null,
): Promise<ReportMap> {
  return {
    ...(baselineStatistics && {
      baselineClasses: baselineStatistics.classes.map(({ className }) => className),
    }),
    points: Float32Array.from(points.flatMap(({ xy }) => [...xy])),
    labels: points.map(({ label }) => label),
    cropIds: points.map(({ cropId }) => cropId),
    baseline: points.map(({ baseline }) => baseline),
    outliers: points.map(({ outlier }) => outlier),
    thumbnails: await hoverThumbnails(
      points.map(({ picture }) => picture),
      DEFAULT_CAPS.mapThumbnails,
    ),
    method,
  };
}

/** Records of some rows of a stream, by row. */
export async function pickRows<T>(
  records: AsyncIterable<T>,
  rows: ReadonlySet<number>,
): Promise<Map<number, T>> {
  const picked = new Map<number, T>();
  let row = 0;
  for await (const record of records) {
    if (rows.has(row)) picked.set(row, record);
    row++;
  }
  return picked;
}
