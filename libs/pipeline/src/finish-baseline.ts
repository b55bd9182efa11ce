import { checkEffectiveSample, checkPercentile } from '@hazure/anomaly-scoring';
import type { Concept, ConceptList } from '@hazure/concept-matching';
import {
  ARTIFACTS,
  FOR_PEOPLE,
  InputError,
  type BaselineConfig,
  type BaselineStep,
  type ClassStatisticsFile,
  type MatrixAccelerator,
  type MatrixWriter,
  type ModelInfo,
  type ReferenceFile,
  type RunFolder,
} from '@hazure/contracts';
import { JoinedRows } from './extend.js';
import { writeJsonl } from './gather.js';
import { MAP_POINTS, chooseRows, mapRows, mapToJson, type EmbeddingMap } from './map.js';
import type { PhaseSummary } from './records.js';
import {
  ReferenceCollector,
  groupReference,
  type Reference,
  type ReferenceGroups,
  type RowSource,
} from './reference.js';
import type { RunContext } from './run-context.js';
import { fitBaselineScorers, type BaselineScorers } from './scoring.js';
import type { StageTimes } from './stage-times.js';
import { ClassTally } from './statistics.js';
import { writeTiming } from './timing.js';
import { RunWarnings } from './warnings.js';

/** Finds concepts related to the baseline's classes; failures are kept beside the result. */
export interface ConceptExpander {
  expand(labels: readonly string[], signal: AbortSignal): Promise<ExpandedConcepts>;
}

export interface ExpandedConcepts {
  readonly concepts: readonly Concept[];
  readonly failures: ConceptList['failures'];
  /** What named them. */
  readonly info: ModelInfo;
}

/** All that makes a baseline of embedded rows, wherever they come from. */
export interface FinishRequest extends Omit<RunContext, 'refs' | 'stages' | 'streamOptions'> {
  /** Images, crops, embeddings and failures, in order; passed over once or twice. */
  readonly source: RowSource;
  readonly times: StageTimes;
  /** Who does the matrix work of fitting; absent = WebAssembly. */
  readonly accelerator?: MatrixAccelerator | undefined;
  /** null unless `--use-concept-list`. */
  readonly expander: ConceptExpander | null;
  /** Labels of `--concept-list`. */
  readonly listedConcepts: readonly string[];
  /** How to load the same models again, kept in config.json so that `detect` can. */
  readonly modelSources: Readonly<Record<string, string>>;
  /** What found and embedded the rows, by role. */
  readonly models: Readonly<Record<string, ModelInfo>>;
  /** Where the embedder ran. */
  readonly device: string;
  readonly detectorClasses: readonly string[];
  /** Baselines that this one grew from, oldest first; absent for one learned from scratch. */
  readonly lineageOf?:
    ((totals: { readonly images: number; readonly objects: number }) => readonly BaselineStep[]) | undefined;
}

/**
 * The end of the learn phase: rows → groups, scorers, calibration, map, class statistics, concepts, report.
 * @throws InputError when the input holds no object, or too few to calibrate; InterruptedError when stopped;
 *   ConfigError for a percentile that can't be meant
 */
export async function finishBaseline(request: FinishRequest): Promise<PhaseSummary> {
  const { folder, options, times, source } = request;
  const warnings = new RunWarnings(request.logger, request.earlierWarnings);
  warnings.addFinding(checkPercentile(options.thresholdPercentile));

  const { tally, failures, collector } = await writeRecords(request);
  const { images, objects, classes: perClass } = tally.summary();
  if (source instanceof JoinedRows) sayChanged(source, warnings);
  if (objects === 0) throw noObjects(images, failures, request);
  const reference = await collector.finish(source, options.seed);
  if (reference.rows !== null) warnings.add('BASELINE_SAMPLED', sampledText(reference));
  const groups = await times.measure('groups', 'objects', reference.embeddings.rows, () =>
    groupReference(reference, options),
  );
  const scorers = await times.measure('fit', 'objects', reference.embeddings.rows, () =>
    fitBaselineScorers({ reference, groups, options, accelerator: request.accelerator }),
  );
  for (const note of scorers.notes) warnings.add('SCORER_SAMPLED', note);
  checkSample(scorers, groups, options, warnings);
  const classes = perClass.map(({ className }) => className);
  const { concepts, words } = await times.measure('concepts', 'classes', classes.length, () =>
    collectConcepts(request, classes),
  );
  const map = await times.measure('map', 'points', Math.min(reference.crops.length, MAP_POINTS), () =>
    mapRows(reference.embeddings, chooseRows(reference.crops.length, MAP_POINTS, options.seed), {
      seed: options.seed,
      signal: request.signal,
      onProgress: (done, total) => request.progress.update({ stage: 'map', done, total, unit: 'steps' }),
    }),
  );
  request.progress.finish('map');

  await writeArtifacts({ request, tally, reference, groups, scorers, concepts, words, map, warnings });
  const seconds = await writeTiming(folder, times, { images, objects });
  await folder.writeText(FOR_PEOPLE.report, await request.presenter.reportHtml(folder.path));
  await folder.finish(
    {
      kind: 'baseline',
      hazureVersion: request.hazureVersion,
      createdAt: request.clock.now().toISOString(),
      seed: options.seed,
      resumeKey: request.resumeKey,
      device: request.device,
      models: { ...request.models, ...words },
      versions: request.versions,
      counts: { images, objects, failures },
      lineage: request.lineageOf?.({ images, objects }) ?? [],
    },
    { dropShards: options.cleanupTempFiles },
  );
  return { folder: folder.path, images, objects, failures, seconds };
}

/** Writes what grows with the images as shards pass by, and keeps of it what fitting needs. */
async function writeRecords({
  folder,
  source,
}: FinishRequest): Promise<{ tally: ClassTally; failures: number; collector: ReferenceCollector }> {
  const tally = new ClassTally();
  const collector = new ReferenceCollector();
  const images = await folder.openJsonl(ARTIFACTS.images.file);
  const crops = await folder.openJsonl(ARTIFACTS.crops.file);
  const failureLines = await folder.openJsonl(ARTIFACTS.failures.file);
  let matrix: MatrixWriter | null = null;
  let failures = 0;
  for await (const shard of source.read()) {
    for (const image of shard.images) {
      tally.addImage(image);
      await images.write(image);
    }
    for (const crop of shard.crops) {
      tally.addCrop(crop);
      await crops.write(crop);
    }
    for (const failure of shard.failures) await failureLines.write(failure);
    failures += shard.failures.length;
    if (shard.embeddings.rows > 0) {
      matrix ??= await folder.openMatrix(ARTIFACTS.features.file, shard.embeddings.cols);
      await matrix.append(shard.embeddings.data);
    }
    collector.add(shard);
  }
  for (const writer of [images, crops, failureLines, ...(matrix ? [matrix] : [])]) await writer.close();
  return { tally, failures, collector };
}

function sayChanged({ changed }: JoinedRows, warnings: RunWarnings): void {
  const { renamedImages, missingPictures } = changed;
  if (renamedImages > 0) {
    warnings.add(
      'IMAGE_IDS_RENAMED',
      `${renamedImages} added images have ids that the baseline has already; theirs got "added…/" before them.`,
    );
  }
  if (missingPictures > 0) {
    warnings.add('CROPS_MISSING', `${missingPictures} saved crops of the runs that were joined are gone.`);
  }
}

function sampledText({ embeddings, images, totalRows }: Reference): string {
  return (
    `The baseline has ${totalRows} objects; scorers are fitted to ${embeddings.rows} of them, ` +
    `all objects of ${images.length} images that the seed chose.`
  );
}

/** Says where what was learned from is worth less than it looks. */
function checkSample(
  { fitted }: BaselineScorers,
  { report }: ReferenceGroups,
  { thresholdPercentile: percentile }: FinishRequest['options'],
  warnings: RunWarnings,
): void {
  const findings = checkEffectiveSample({
    percentile,
    rows: fitted.heldOutRows,
    groups: report.groups,
    effectiveRows: fitted.effectiveRows,
    largestGroup: report.largestGroup,
  });
  for (const finding of findings) warnings.addFinding(finding);
}

function noObjects(images: number, failures: number, request: FinishRequest): InputError {
  return new InputError(
    'INPUT_EMPTY',
    `No object was found in the ${images} readable images of ${request.inputFolder}` +
      (failures > 0 ? ` (${failures} could not be read)` : ''),
    {
      hint: 'Lower option confThres, give another option detector, or "none" as the detector to judge whole images.',
    },
  );
}

/** The concept list, and the model that named its expansions. */
async function collectConcepts(
  request: FinishRequest,
  classes: readonly string[],
): Promise<{ readonly concepts: ConceptList; readonly words: Record<string, ModelInfo> }> {
  const labels = [...new Set([...classes, ...request.listedConcepts])];
  const expanded = (await request.expander?.expand(labels, request.signal)) ?? null;
  for (const { parent, message } of expanded?.failures ?? []) {
    request.logger.warn(`No concepts could be found for "${parent}": ${message}`);
  }
  return {
    concepts: {
      format: ARTIFACTS.concepts.format,
      classes: [...classes],
      listed: [...request.listedConcepts],
      expansions: [...(expanded?.concepts ?? [])],
      failures: [...(expanded?.failures ?? [])],
    },
    words: expanded ? { concepts: expanded.info } : {},
  };
}

async function writeArtifacts(input: {
  readonly request: FinishRequest;
  readonly tally: ClassTally;
  readonly reference: Reference;
  readonly groups: ReferenceGroups;
  readonly scorers: BaselineScorers;
  readonly concepts: ConceptList;
  readonly words: Readonly<Record<string, ModelInfo>>;
  readonly map: EmbeddingMap;
  readonly warnings: RunWarnings;
}): Promise<void> {
  const { request, tally, reference, groups, scorers, concepts, words, map, warnings } = input;
  const { folder, options } = request;
  const config: BaselineConfig = {
    format: ARTIFACTS.config.format,
    phase: 'learn',
    inputFolder: request.inputFolder,
    options,
    modelSources: { ...request.modelSources },
    models: { ...request.models, ...words },
    detectorClasses: [...request.detectorClasses],
    embeddingDimensions: reference.embeddings.cols,
  };
  await folder.writeJson(ARTIFACTS.config.file, config);
  for (const [name, value] of Object.entries(scorers.artifacts())) await folder.writeJson(name, value);
  const statistics: ClassStatisticsFile = {
    format: ARTIFACTS.classStatistics.format,
    ...tally.summary(),
    warnings: [...warnings.list],
  };
  await folder.writeJson(ARTIFACTS.classStatistics.file, statistics);
  await folder.writeJson(ARTIFACTS.concepts.file, concepts);
  await writeReference(folder, reference, groups);
  await folder.writeJson(ARTIFACTS.baselineMap.file, mapToJson(map, reference.rows));
  await folder.writeBytes(
    FOR_PEOPLE.baselineMapPlot,
    await request.presenter.mapPng({
      title:
        map.rows.length < reference.totalRows
          ? `t-SNE of the baseline (${map.rows.length} of ${reference.totalRows} objects)`
          : 't-SNE of the baseline',
      xy: map.xy,
      classNames: Array.from(map.rows, (row) => reference.crops[row].className),
      baselineClasses: concepts.classes,
      outliers: Array.from(map.rows, () => false),
      isNew: Array.from(map.rows, () => false),
    }),
  );
}

async function writeReference(
  folder: RunFolder,
  { embeddings, crops, rows, totalRows }: Reference,
  { groupOf, report }: ReferenceGroups,
): Promise<void> {
  const file: ReferenceFile = {
    format: ARTIFACTS.reference.format,
    totalRows,
    rows: rows === null ? null : [...rows],
    groups: Array.from(groupOf),
    grouping: { ...report },
  };
  await folder.writeText(ARTIFACTS.reference.file, `${JSON.stringify(file)}\n`);
  if (rows === null) return;
  const matrix = await folder.openMatrix(ARTIFACTS.referenceFeatures.file, embeddings.cols);
  await matrix.append(embeddings.data);
  await matrix.close();
  await writeJsonl(folder, ARTIFACTS.referenceCrops.file, crops);
}
