import { join } from 'node:path';
import sharp from 'sharp';
import { ConformalCalibration } from '@hazure/anomaly-scoring';
import type { ObjectResult } from '@hazure/contracts';
import { DEFAULT_CAPS, type DetectionReport, type OutlierCard, type SceneView } from '../model.js';
import type {
  CalibrationFile,
  CombinedMapFile,
  ConfigFile,
  ResultsFile,
  StatisticsFile,
  StoredCrop,
  TimingFile,
} from '@hazure/run-store';
import { RunArtifacts } from '@hazure/run-store';
import {
  combinedMapMethod,
  commonParts,
  hoverThumbnails,
  reportMap,
  thumbnail,
  type Made,
} from './common.js';

const SCENE_PX = 420;

/** What the report of a detection run shows, gathered from its folder and, where still there, its baseline's. */
export async function detectionReport(artifacts: RunArtifacts, made: Made): Promise<DetectionReport> {
  const config = await artifacts.json<ConfigFile>('config.json');
  const results = await artifacts.json<ResultsFile>('detection_results.json');
  const statistics = await artifacts.json<StatisticsFile>('statistics.json');
  const timing = await artifacts.json<TimingFile>('timing.json');
  const baseline = new RunArtifacts(config.baselineFolder ?? '');
  const baselineStatistics = await baseline.optionalJson<StatisticsFile>('class_statistics.json');
  const baselineCounts = new Map(baselineStatistics?.classes.map((each) => [each.className, each.objects]));

  const outliers = results.objects
    .filter(({ verdict }) => verdict.outlier)
    .sort(
      (a, b) =>
        a.verdict.feature.pValue - b.verdict.feature.pValue ||
        b.verdict.feature.score - a.verdict.feature.score,
    )
    .slice(0, DEFAULT_CAPS.outliers);
  const cards: OutlierCard[] = [];
  for (const object of outliers)
    cards.push(await outlierCard(object, artifacts, baseline, config.inputFolder));

  return {
    ...(await commonParts(artifacts, config, timing, made)),
    baselineName: config.baseline ?? '',
    headline: {
      images: statistics.images,
      objects: statistics.objects,
      outliers: statistics.outliers ?? 0,
      failures: statistics.failures ?? 0,
      seconds: timing.totalSeconds,
    },
    outliers: cards,
    map: await detectionMap(artifacts, baseline, results, baselineStatistics),
    scores: await scoreHistogram(baseline, results, Number(config.options['thresholdPercentile'])),
    classes: statistics.classes.map((each) => ({
      className: each.className,
      objects: each.objects,
      outliers: each.outliers ?? 0,
      meanScore: mean(
        results.objects
          .filter(({ className }) => className === each.className)
          .map(({ verdict }) => verdict.feature.score),
      ),
      baselineObjects: baselineCounts.get(each.className) ?? 0,
    })),
  };
}

async function outlierCard(
  object: ObjectResult,
  artifacts: RunArtifacts,
  baseline: RunArtifacts,
  inputFolder: string,
): Promise<OutlierCard> {
  const { verdict } = object;
  return {
    cropId: object.cropId,
    imageId: object.imageId,
    className: object.className,
    confidence: object.confidence,
    score: verdict.feature.score,
    pValue: verdict.feature.pValue,
    featureOutlier: verdict.feature.outlier,
    reason: verdict.reason,
    semantic: verdict.semantic && {
      outlier: verdict.semantic.outlier,
      reason: verdict.semantic.reason,
      caption: verdict.semantic.caption.text,
      captionSource: verdict.semantic.caption.source,
      matches: verdict.semantic.matches,
    },
    thumbnail: await thumbnail(artifacts, object.outlierFile ?? object.file),
    scene: await scene(object, inputFolder),
    neighbours: await Promise.all(
      object.nearestNormals.map(async ({ cropId, className, distance, file }) => ({
        cropId,
        className,
        distance,
        thumbnail: await thumbnail(baseline, file),
      })),
    ),
  };
}

/** The whole image, small, with the object's place in it; null when the image has moved. */
async function scene(object: ObjectResult, inputFolder: string): Promise<SceneView | null> {
  const { box, imageWidthPx, imageHeightPx } = object;
  try {
    const jpeg = await sharp(join(inputFolder, object.imageId))
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .resize({ width: SCENE_PX, height: SCENE_PX, fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality: 72 })
      .toBuffer();
    return {
      jpeg,
      box: {
        x: box.x1 / imageWidthPx,
        y: box.y1 / imageHeightPx,
        width: (box.x2 - box.x1) / imageWidthPx,
        height: (box.y2 - box.y1) / imageHeightPx,
      },
    };
  } catch {
    return null;
  }
}

async function detectionMap(
  artifacts: RunArtifacts,
  baseline: RunArtifacts,
  results: ResultsFile,
  baselineStatistics: StatisticsFile | null,
): Promise<DetectionReport['map']> {
  const stored = await artifacts.optionalJson<CombinedMapFile>('tsne_map.json');
  if (!stored) return null;
  const normals = await baseline.jsonl<StoredCrop>('crops.jsonl');
  const old = stored.baseline.map(([row, x, y]) => ({
    xy: [x, y] as const,
    label: normals[row]?.className ?? '',
    cropId: normals[row]?.cropId ?? `baseline ${row}`,
    baseline: true,
    outlier: false,
    source: { artifacts: baseline, file: normals[row]?.file ?? null },
  }));
  const fresh = stored.new.map(([row, x, y]) => {
    const object = results.objects[row];
    return {
      xy: [x, y] as const,
      label: object.className,
      cropId: object.cropId,
      baseline: false,
      outlier: object.verdict.outlier,
      source: { artifacts, file: object.outlierFile ?? object.file },
    };
  });
  const points = [...old, ...fresh];
  const pictures = await hoverThumbnails(
    points.map(({ source }) => source),
    DEFAULT_CAPS.mapThumbnails,
  );
  return reportMap(points, combinedMapMethod(stored.parameters), pictures, baselineStatistics);
}

async function scoreHistogram(
  baseline: RunArtifacts,
  results: ResultsFile,
  percentile: number,
): Promise<DetectionReport['scores']> {
  const calibration = await baseline.optionalJson<CalibrationFile>('calibration.json');
  const decider = calibration?.scorers.find(({ name }) => name === results.scorer);
  if (!decider) return null;
  return {
    scorer: results.scorer,
    heldOutBaseline: decider.heldOut,
    newCrops: results.objects.map(({ verdict }) => verdict.feature.score),
    threshold: new ConformalCalibration(decider.heldOut).threshold(percentile) ?? decider.threshold,
    percentile,
  };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
