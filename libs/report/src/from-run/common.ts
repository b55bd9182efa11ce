import sharp from 'sharp';
import type { CommonReport, ReportMap, Thumbnail } from '../model.js';
import type { CombinedParameters, MapParameters } from '@hazure/contracts';
import type { ConfigFile, RunArtifacts, StatisticsFile, TimingFile } from '@hazure/run-store';

const THUMBNAIL_PX = 192;
const HOVER_PX = 96;

/** A small JPEG of a saved crop; null when the crop is not there. */
export async function thumbnail(
  artifacts: RunArtifacts,
  file: string | null,
  sidePx = THUMBNAIL_PX,
): Promise<Thumbnail> {
  const bytes = await artifacts.bytes(file);
  if (bytes === null) return null;
  return sharp(bytes)
    .resize({ width: sidePx, height: sidePx, fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: 80 })
    .toBuffer()
    .catch(() => null);
}

/** Pictures for hovering over some points of the map. */
export async function hoverThumbnails(
  files: readonly { readonly artifacts: RunArtifacts; readonly file: string | null }[],
  limit: number,
): Promise<Map<number, Uint8Array>> {
  const pictures = new Map<number, Uint8Array>();
  const step = Math.max(1, Math.ceil(files.length / limit));
  for (let i = 0; i < files.length; i += step) {
    const picture = await thumbnail(files[i].artifacts, files[i].file, HOVER_PX);
    if (picture) pictures.set(i, picture);
  }
  return pictures;
}

/** When and by which version of hazure a report was made. */
export interface Made {
  readonly at: Date;
  readonly version: string;
}

export async function commonParts(
  artifacts: RunArtifacts,
  config: ConfigFile,
  timing: TimingFile,
  made: Made,
): Promise<CommonReport> {
  return {
    version: made.version,
    finishedAt: `${made.at.toISOString().slice(0, 19).replace('T', ' ')} UTC`,
    runName: artifacts.name,
    imagesFolder: config.inputFolder,
    models: Object.entries(config.models).map(([role, model]) => ({ role, ...model })),
    settings: Object.entries(config.options).map(([name, value]) => ({
      name,
      value: Array.isArray(value) ? value.join(', ') : String(value),
    })),
    failures: await artifacts.failures(),
    timings: timing.stages.map(({ stage, items, unit, seconds }) => ({
      stage,
      items,
      unit,
      seconds,
      peakMemoryBytes: null,
    })),
    notes: [],
  };
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

export function reportMap(
  points: readonly {
    readonly xy: readonly [number, number];
    readonly label: string;
    readonly cropId: string;
    readonly baseline: boolean;
    readonly outlier: boolean;
  }[],
  method: string,
  thumbnails: ReadonlyMap<number, Uint8Array>,
  /** null when the baseline's folder is gone. */
  baselineStatistics: StatisticsFile | null,
): ReportMap {
  return {
    ...(baselineStatistics && {
      baselineClasses: baselineStatistics.classes.map(({ className }) => className),
    }),
    points: Float32Array.from(points.flatMap(({ xy }) => [...xy])),
    labels: points.map(({ label }) => label),
    cropIds: points.map(({ cropId }) => cropId),
    baseline: points.map(({ baseline }) => baseline),
    outliers: points.map(({ outlier }) => outlier),
    thumbnails,
    method,
  };
}
