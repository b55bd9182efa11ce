import type { ConceptList } from '@hazure/concept-matching';
import { DEFAULT_CAPS, type BaselineReport, type ConceptRow } from '../model.js';
import type {
  BaselineMapFile,
  CalibrationFile,
  ConfigFile,
  RunArtifacts,
  ScorersFile,
  StatisticsFile,
  StoredCrop,
  TimingFile,
} from '@hazure/run-store';
import { commonParts, hoverThumbnails, mapMethod, reportMap, thumbnail, type Made } from './common.js';

const SAMPLES_PER_CLASS = 6;

/** What the report of a baseline shows, gathered from its folder. */
export async function baselineReport(artifacts: RunArtifacts, made: Made): Promise<BaselineReport> {
  const config = await artifacts.json<ConfigFile>('config.json');
  const statistics = await artifacts.json<StatisticsFile>('class_statistics.json');
  const timing = await artifacts.json<TimingFile>('timing.json');
  const calibration = await artifacts.json<CalibrationFile>('calibration.json');
  const scorers = await artifacts.json<ScorersFile>('scorers.json');
  const concepts = await artifacts.json<ConceptList>('concepts.json');
  const crops = await artifacts.jsonl<StoredCrop>('crops.jsonl');
  const common = await commonParts(artifacts, config, timing, made);
  const [decider] = calibration.scorers;
  return {
    ...common,
    headline: {
      images: statistics.images,
      objects: statistics.objects,
      classes: statistics.classes.length,
      failures: common.failures.length,
      seconds: timing.totalSeconds,
    },
    classes: await Promise.all(
      statistics.classes.map(async ({ className, objects, confidence }) => ({
        className,
        objects,
        meanConfidence: confidence.mean,
        samples: await samples(artifacts, crops, className),
      })),
    ),
    map: await baselineMap(artifacts, crops, statistics),
    calibration: {
      scorer: decider.name,
      heldOutScores: decider.heldOut,
      threshold: decider.threshold,
      percentile: calibration.percentile,
      fittedRows: scorers.features.rows - scorers.calibrationRows.length,
      calibrationRows: calibration.heldOutRows,
    },
    concepts: conceptRows(concepts),
  };
}

async function samples(
  artifacts: RunArtifacts,
  crops: readonly StoredCrop[],
  className: string,
): Promise<Uint8Array[]> {
  const own = crops.filter((crop) => crop.className === className && crop.file !== null);
  const step = Math.max(1, Math.floor(own.length / SAMPLES_PER_CLASS));
  const pictures: Uint8Array[] = [];
  for (let i = 0; i < own.length && pictures.length < SAMPLES_PER_CLASS; i += step) {
    const picture = await thumbnail(artifacts, own[i].file);
    if (picture) pictures.push(picture);
  }
  return pictures;
}

async function baselineMap(
  artifacts: RunArtifacts,
  crops: readonly StoredCrop[],
  statistics: StatisticsFile,
): Promise<BaselineReport['map']> {
  const stored = await artifacts.optionalJson<BaselineMapFile>('tsne_map.json');
  if (!stored) return null;
  const points = stored.points.map(([row, x, y]) => ({
    xy: [x, y] as const,
    label: crops[row].className,
    cropId: crops[row].cropId,
    baseline: false,
    outlier: false,
    file: crops[row].file,
  }));
  const pictures = await hoverThumbnails(
    points.map(({ file }) => ({ artifacts, file })),
    DEFAULT_CAPS.mapThumbnails,
  );
  return reportMap(points, mapMethod(stored.parameters), pictures, statistics);
}

function conceptRows({ classes, listed, expansions }: ConceptList): ConceptRow[] {
  return [
    ...classes.map((label) => ({ label, origin: 'class', parent: null, role: 'common' })),
    ...listed.map((label) => ({ label, origin: 'file', parent: null, role: 'common' })),
    ...expansions.map(({ label, parent, relation, source }) => ({
      label,
      origin: `${relation} (${source})`,
      parent,
      role: 'common',
    })),
  ];
}
