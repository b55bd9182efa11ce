import {
  ARTIFACTS,
  FOR_PEOPLE,
  InputError,
  type BaselineConfig,
  type ClassStatisticsFile,
  type MatrixAccelerator,
  type ModelInfo,
  type RunPresenter,
} from '@hazure/contracts';
import type { Concept, ConceptList } from '@hazure/concept-matching';
import { gatherShards, writeFailures, writeJsonl, type Gathered } from './gather.js';
import { MAP_POINTS, chooseRows, mapRows, mapToJson, type EmbeddingMap } from './map.js';
import { streamObjects } from './objects.js';
import { manifestHead, modelsOf, type RunContext } from './run-context.js';
import type { PhaseSummary } from './records.js';
import { StageTimes } from './stage-times.js';
import { fitBaselineScorers, type BaselineScorers } from './scoring.js';
import { writeTiming } from './timing.js';

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

export interface LearnRequest extends RunContext {
  /** Who does the matrix work of fitting; absent = WebAssembly. */
  readonly accelerator?: MatrixAccelerator | undefined;
  /** null unless `--use-concept-list`. */
  readonly expander: ConceptExpander | null;
  /** Labels of `--concept-list`. */
  readonly listedConcepts: readonly string[];
  /** How to load the same models again, kept in config.json so that `detect` can. */
  readonly modelSources: Readonly<Record<string, string>>;
}

/**
 * The learn phase: images → objects → scorers, calibration, map, class statistics, concepts.
 * Throws InputError when the folder holds no object, or too few to calibrate; InterruptedError when stopped.
 */
export async function learnBaseline(request: LearnRequest): Promise<PhaseSummary> {
  const { folder, options } = request;
  const times = new StageTimes(request.clock);
  await streamObjects({ ...request, options: request.streamOptions, times });

  const gathered = await gatherShards(folder);
  const { crops, embeddings, failures } = gathered;
  const images = gathered.images.length;
  if (crops.length === 0) throw noObjects(images, failures.length, request);
  const scorers = await times.measure('fit', 'objects', crops.length, () =>
    fitBaselineScorers({ embeddings, crops, options, accelerator: request.accelerator }),
  );
  for (const note of scorers.notes) request.logger.warn(note);
  const classes = gathered.tally.summary().classes.map(({ className }) => className);
  const { concepts, words } = await times.measure('concepts', 'classes', classes.length, () =>
    collectConcepts(request, classes),
  );
  const map = await times.measure('map', 'points', Math.min(crops.length, MAP_POINTS), () =>
    mapRows(embeddings, chooseRows(crops.length, MAP_POINTS, options.seed), {
      seed: options.seed,
      signal: request.signal,
      onProgress: (done, total) => request.progress.update({ stage: 'map', done, total, unit: 'steps' }),
    }),
  );
  request.progress.finish('map');

  await writeArtifacts({ request, gathered, scorers, concepts, words, map });
  const seconds = await writeTiming(folder, times, { images, objects: crops.length });
  await folder.writeText(FOR_PEOPLE.report, await request.presenter.reportHtml(folder.path));
  await folder.finish(
    manifestHead(request, 'baseline', { images, objects: crops.length, failures: failures.length }, words),
    { dropShards: options.cleanupTempFiles },
  );
  return { folder: folder.path, images, objects: crops.length, failures: failures.length, seconds };
}

function noObjects(images: number, failures: number, request: LearnRequest): InputError {
  return new InputError(
    'INPUT_EMPTY',
    `No object was found in the ${images} readable images of ${request.inputFolder}` +
      (failures > 0 ? ` (${failures} could not be read)` : ''),
    { hint: 'Lower --conf-thres, give another --detector, or use --detector none to judge whole images.' },
  );
}

/** The concept list, and the model that named its expansions. */
async function collectConcepts(
  request: LearnRequest,
  classes: readonly string[],
): Promise<{ readonly concepts: ConceptList; readonly words: Record<string, ModelInfo> }> {
  const labels = [...new Set([...classes, ...request.listedConcepts])];
  const expanded = (await request.expander?.expand(labels, request.signal)) ?? null;
  for (const { parent, message } of expanded?.failures ?? []) {
    request.logger.warn(`No concepts could be found for "${parent}": ${message}`);
  }
  return {
    concepts: {
      version: 1,
      classes: [...classes],
      listed: [...request.listedConcepts],
      expansions: [...(expanded?.concepts ?? [])],
      failures: [...(expanded?.failures ?? [])],
    },
    words: expanded ? { concepts: expanded.info } : {},
  };
}

async function writeArtifacts(input: {
  readonly request: LearnRequest;
  readonly gathered: Gathered;
  readonly scorers: BaselineScorers;
  readonly concepts: ConceptList;
  readonly words: Readonly<Record<string, ModelInfo>>;
  readonly map: EmbeddingMap;
}): Promise<void> {
  const { request, gathered, scorers, concepts, words, map } = input;
  const { folder, options } = request;
  const { crops, embeddings } = gathered;
  const config: BaselineConfig = {
    format: ARTIFACTS.config.format,
    phase: 'learn',
    inputFolder: request.inputFolder,
    options,
    modelSources: { ...request.modelSources },
    models: modelsOf(request.stages, words),
    detectorClasses: [...request.stages.detector.classNames],
    embeddingDimensions: embeddings.cols,
  };
  await folder.writeJson(ARTIFACTS.config.file, config);
  await writeJsonl(folder, ARTIFACTS.images.file, gathered.images);
  await writeJsonl(folder, ARTIFACTS.crops.file, crops);
  const matrix = await folder.openMatrix(ARTIFACTS.features.file, embeddings.cols);
  await matrix.append(embeddings.data);
  await matrix.close();
  for (const [name, value] of Object.entries(scorers.artifacts())) await folder.writeJson(name, value);
  const statistics: ClassStatisticsFile = {
    format: ARTIFACTS.classStatistics.format,
    ...gathered.tally.summary(),
  };
  await folder.writeJson(ARTIFACTS.classStatistics.file, statistics);
  await folder.writeJson(ARTIFACTS.concepts.file, concepts);
  await folder.writeJson(ARTIFACTS.baselineMap.file, mapToJson(map));
  await writeFailures(folder, gathered.failures);
  await folder.writeBytes(
    FOR_PEOPLE.baselineMapPlot,
    await plotBaseline(request.presenter, gathered, concepts.classes, map),
  );
}

function plotBaseline(
  presenter: RunPresenter,
  { crops }: Gathered,
  baselineClasses: readonly string[],
  map: EmbeddingMap,
): Promise<Uint8Array> {
  return presenter.mapPng({
    title: 't-SNE of the baseline',
    xy: map.xy,
    classNames: Array.from(map.rows, (row) => crops[row].className),
    baselineClasses,
    outliers: Array.from(map.rows, () => false),
    isNew: Array.from(map.rows, () => false),
  });
}
