import { conceptListSchema, type ConceptList } from '@hazure/concept-matching';
import { InputError, type ClassStatisticsFile, type CropRecord } from '@hazure/contracts';
import type { RunReader } from '@hazure/run-store';
import type { BaselineReport, ConceptRow } from '../model.js';
import { fittedRows, shownCalibration } from './calibration.js';
import { commonParts, mapMethod, pickRows, reportMap, thumbnail, type Made } from './common.js';
import { groupsView } from './groups.js';
import { Notes } from './optional.js';

const SAMPLES_PER_CLASS = 6;

/** What the report of a baseline shows, gathered from its folder. */
export async function baselineReport(run: RunReader, made: Made): Promise<BaselineReport> {
  const notes = new Notes();
  const [config, statistics, timing] = [
    await run.baselineConfig(),
    await run.classStatistics(),
    await run.timing(),
  ];
  for (const { code, message } of statistics.warnings) notes.list.push(`${code}: ${message}`);
  const calibration = await shownCalibration(run);
  const [decider] = calibration.scorers;
  const { failureCount, ...common } = await commonParts(run, { config, timing }, made, notes.list);
  const pictures = await samplePictures(run, statistics);
  return {
    ...common,
    headline: {
      images: statistics.images,
      objects: statistics.objects,
      classes: statistics.classes.length,
      failures: failureCount,
      seconds: timing.totalSeconds,
    },
    classes: statistics.classes.map(({ className, objects, confidence }) => ({
      className,
      objects,
      meanConfidence: confidence.mean,
      samples: pictures.get(className) ?? [],
    })),
    map: await notes.optional('The map', () => baselineMap(run, statistics)),
    calibration: {
      scorer: decider.name,
      heldOutScores: decider.heldOut,
      threshold: decider.threshold,
      percentile: calibration.percentile,
      fittedRows: await fittedRows(run),
      calibrationRows: calibration.heldOutRows,
    },
    groups: await notes.optional('The groups', () => groupsView(run, calibration)),
    concepts: conceptRows(await concepts(run)),
  };
}

/** A few crops of each class, spread evenly over the run. */
async function samplePictures(
  run: RunReader,
  statistics: ClassStatisticsFile,
): Promise<Map<string, Uint8Array[]>> {
  const steps = new Map(
    statistics.classes.map(({ className, objects }) => [
      className,
      { every: Math.max(1, Math.floor(objects / SAMPLES_PER_CLASS)), seen: 0, files: [] as string[] },
    ]),
  );
  for await (const { className, file } of run.crops()) {
    const step = steps.get(className);
    if (!step) continue;
    const due = step.seen++ % step.every === 0;
    if (due && file !== null && step.files.length < SAMPLES_PER_CLASS) step.files.push(file);
  }
  const pictures = new Map<string, Uint8Array[]>();
  for (const [className, { files }] of steps) {
    const shown = await Promise.all(files.map((file) => thumbnail({ run, file })));
    pictures.set(
      className,
      shown.filter((picture) => picture !== null),
    );
  }
  return pictures;
}

async function baselineMap(run: RunReader, statistics: ClassStatisticsFile): Promise<BaselineReport['map']> {
  const stored = await run.baselineMap();
  const crops = await pickRows(run.crops(), new Set(stored.points.map(([row]) => row)));
  const points = stored.points.flatMap(([row, x, y]) => {
    const crop: CropRecord | undefined = crops.get(row);
    if (!crop) return [];
    const { className, cropId, file } = crop;
    return {
      xy: [x, y] as const,
      label: className,
      cropId,
      baseline: false,
      outlier: false,
      picture: { run, file },
    };
  });
  return reportMap(points, mapMethod(stored.parameters), statistics);
}

async function concepts(run: RunReader): Promise<ConceptList> {
  const parsed = conceptListSchema.safeParse(await run.rawDocument('concepts'));
  if (parsed.success) return parsed.data;
  throw new InputError(
    'ARTIFACT_INVALID',
    `${run.path('concepts')} is damaged: ${parsed.error.issues[0]?.message}`,
    {
      cause: parsed.error,
      hint: 'Learn the baseline again, or restore the folder.',
    },
  );
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
