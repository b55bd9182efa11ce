import { ConformalCalibration } from '@hazure/anomaly-scoring';
import type { ClassStatisticsFile, CombinedMapFile, CropRecord, ObjectResult } from '@hazure/contracts';
import type { RunReader } from '@hazure/run-store';
import { DEFAULT_CAPS, type DetectionReport, type ReportMap } from '../model.js';
import { shownCalibration } from './calibration.js';
import { combinedMapMethod, commonParts, pickRows, reportMap, type Made, type MapPoint } from './common.js';
import { Notes, baselineOf } from './optional.js';
import { imageVerdicts } from './image-verdicts.js';
import { outlierCard } from './outlier-cards.js';
import { ScannedResults } from './scan-results.js';

/** What the report of a detection run shows, gathered from its folder and, where still there, its baseline's. */
export async function detectionReport(run: RunReader, made: Made): Promise<DetectionReport> {
  const notes = new Notes();
  const [config, statistics, timing] = [
    await run.detectionConfig(),
    await run.statistics(),
    await run.timing(),
  ];
  const baseline = await baselineOf(config.baselineFolder, notes);
  const normal =
    baseline && (await notes.optional("The baseline's statistics", () => baseline.classStatistics()));
  const baselineCounts = new Map(normal?.classes.map((each) => [each.className, each.objects]));
  for (const { code, message } of statistics.warnings) notes.list.push(`${code}: ${message}`);
  const map = await notes.optional('The map', () => run.combinedMap());
  const scanned = await ScannedResults.of(run, new Set(map?.new.map(([row]) => row)), DEFAULT_CAPS.outliers);

  const cards: DetectionReport['outliers'][number][] = [];
  for (const object of scanned.outliers)
    cards.push(await outlierCard(object, run, baseline, config.inputFolder));
  const { failureCount: _, ...common } = await commonParts(run, { config, timing }, made, notes.list);
  return {
    ...common,
    baselineName: config.baseline,
    headline: {
      images: statistics.images,
      objects: statistics.objects,
      outliers: statistics.outliers,
      failures: statistics.failures,
      seconds: timing.totalSeconds,
    },
    outliers: cards,
    imageVerdicts: await imageVerdicts(run, statistics),
    drift: statistics.drift,
    map: map && (await detectionMap({ run, baseline, map, objects: scanned.picked, normal, notes })),
    scores: await scoreHistogram(baseline, scanned, Number(config.options['thresholdPercentile']), notes),
    classes: statistics.classes.map((each) => ({
      className: each.className,
      objects: each.objects,
      outliers: each.outliers,
      meanScore: scanned.meanScore(each.className),
      baselineObjects: baselineCounts.get(each.className) ?? 0,
    })),
  };
}

async function detectionMap(input: {
  readonly run: RunReader;
  readonly baseline: RunReader | null;
  readonly map: CombinedMapFile;
  readonly objects: ReadonlyMap<number, ObjectResult>;
  readonly normal: ClassStatisticsFile | null;
  readonly notes: Notes;
}): Promise<ReportMap> {
  const { run, baseline, map, objects, normal, notes } = input;
  const rows = new Set(map.baseline.map(([row]) => row));
  const normals =
    (baseline && (await notes.optional("The baseline's crops", () => pickRows(baseline.crops(), rows)))) ??
    new Map<number, CropRecord>();
  const old = map.baseline.map(([row, x, y]): MapPoint => {
    const crop = normals.get(row);
    return {
      xy: [x, y],
      label: crop?.className ?? '',
      cropId: crop?.cropId ?? `baseline ${row}`,
      baseline: true,
      outlier: false,
      picture: { run: baseline, file: crop?.file ?? null },
    };
  });
  const fresh = map.new.flatMap(([row, x, y]): MapPoint[] => {
    const object = objects.get(row);
    if (!object) return [];
    const { className, cropId, verdict, outlierFile, file } = object;
    return [
      {
        xy: [x, y],
        label: className,
        cropId,
        baseline: false,
        outlier: verdict.outlier,
        picture: { run, file: outlierFile ?? file },
      },
    ];
  });
  return reportMap([...old, ...fresh], combinedMapMethod(map.parameters), normal);
}

async function scoreHistogram(
  baseline: RunReader | null,
  scanned: ScannedResults,
  percentile: number,
  notes: Notes,
): Promise<DetectionReport['scores']> {
  const calibration = baseline && (await notes.optional('The calibration', () => shownCalibration(baseline)));
  const decider = calibration?.scorers.find(({ name }) => name === scanned.scorer);
  if (!decider) return null;
  return {
    scorer: scanned.scorer,
    heldOutBaseline: decider.heldOut,
    newCrops: scanned.scores,
    threshold: new ConformalCalibration(decider.heldOut).threshold(percentile) ?? decider.threshold,
    percentile,
  };
}
