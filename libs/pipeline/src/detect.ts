import { checkPercentile } from '@hazure/anomaly-scoring';
import {
  ARTIFACTS,
  FOR_PEOPLE,
  type CombinedMapFile,
  type DetectionConfig,
  type DetectionStatistics,
} from '@hazure/contracts';
import { candidatesOf } from './candidates.js';
import { CaptionJudge } from './caption-verdicts.js';
import { combinedMap, type RowReader } from './combined-map.js';
import { judgedCrops } from './judge-images.js';
import { checkStreamed, judgedBy } from './judged-by.js';
import { JudgedRun } from './judged-run.js';
import { streamObjects } from './objects.js';
import type { RowPart } from './reference.js';
import { checkPlausibility, promisedShare, type Drift } from './plausibility.js';
import type { CombinedMap, DetectRequest, DetectSummary } from './records.js';
import { manifestHead, modelsOf } from './run-context.js';
import { ClassTally } from './statistics.js';
import { checkFinished } from './sources.js';
import { StageTimes } from './stage-times.js';
import { writeTiming } from './timing.js';
import { RunWarnings } from './warnings.js';
import { placesOnMap, withoutDescription, writeRecords } from './write-results.js';

/**
 * The detect phase: images → objects → feature scores and captions → both verdicts, fused → report. What comes after the
 * stream of images passes over the shards twice: numbers of every object, from which all verdicts follow, then records.
 * @throws InterruptedError when stopped; ConfigError for a false discovery rate that the baseline can't resolve
 */
export async function detectOutliers(request: DetectRequest): Promise<DetectSummary> {
  const { folder, options, baseline } = request;
  const times = new StageTimes(request.clock, folder.shards.earlierTimes);
  const warnings = new RunWarnings(request.logger, request.earlierWarnings);
  warnings.addFinding(checkPercentile(options.thresholdPercentile));
  await checkFinished(folder.shards, request.refs, warnings);
  if (request.onObject) checkStreamed(request);
  const candidates = candidatesOf(baseline, request.stages.detector.classNames, options);
  if (candidates.length === 0) {
    warnings.add(
      'NO_LABELS',
      'There is no label to compare captions with, so words decide nothing: ' +
        'the baseline has no expanded or listed concepts, and option potentialClasses names none.',
    );
  }
  const captions = new CaptionJudge(candidates, request.similarity, options);
  await streamObjects({
    ...request,
    options: request.streamOptions,
    times,
    onPart: partListener(request, captions),
  });

  const run = new JudgedRun(request);
  const counted = await firstPass(request, run, captions, times);
  const by = judgedBy(request, warnings);
  run.decide(by);
  const fresh: RowReader = {
    rows: run.objects,
    take: (rows) => folder.readMatrixRows(ARTIFACTS.features.file, rows),
  };
  const drift = await times.measure('plausibility', 'objects', run.objects, () =>
    checkPlausibility({ request, run, judgedBy: by, fresh, warnings }),
  );
  const map = await times.measure('map', 'points', run.objects, () =>
    combinedMap(request, fresh, run.outlierRows()),
  );
  request.progress.finish('map');
  const unplotted = await writeRecords({ request, run, captions, candidates, map, times });
  if (unplotted > 0) {
    warnings.add(
      'PLOTS_LIMITED',
      `${unplotted} outliers have no probability plot: option probabilityPlots allows ${options.probabilityPlots}.`,
    );
  }
  await writeConfig(request);
  await writeMap(request, run, map);
  const statistics = statisticsOf({ run, counted, by, drift, warnings, options });
  await folder.writeJson(ARTIFACTS.statistics.file, statistics);

  const { images, objects, outliers, failures, imageOutliers, expectedFalseAlarmShare } = statistics;
  const counts = {
    images,
    objects,
    outliers,
    failures,
    ...(imageOutliers === null ? {} : { imageOutliers }),
  };
  const seconds = await writeTiming(folder, times, { images, objects });
  await folder.writeText(FOR_PEOPLE.report, await request.presenter.reportHtml(folder.path));
  await folder.finish(manifestHead(request, 'detection', counts, { similarity: request.similarity.info }), {
    dropShards: options.cleanupTempFiles,
  });
  return {
    folder: folder.path,
    images,
    objects,
    outliers,
    failures,
    imageOutliers,
    expectedFalseAlarmShare,
    seconds,
  };
}

/** What is counted beside the verdicts. */
interface Counted {
  readonly tally: ClassTally;
  readonly failures: number;
  readonly failuresByStage: Record<string, number>;
}

/** Scores every object; writes what needs no verdict. */
async function firstPass(
  request: DetectRequest,
  run: JudgedRun,
  captions: CaptionJudge,
  times: StageTimes,
): Promise<Counted> {
  const { folder, baseline } = request;
  const tally = new ClassTally();
  const failuresByStage: Record<string, number> = {};
  let failures = 0;
  const matrix = await folder.openMatrix(ARTIFACTS.features.file, baseline.embeddings.cols);
  const failureLines = await folder.openJsonl(ARTIFACTS.failures.file);
  for await (const shard of folder.shards.read()) {
    for (const image of shard.images) tally.addImage(image);
    for (const crop of shard.crops) tally.addCrop(crop);
    for (const failure of shard.failures) {
      failures++;
      failuresByStage[failure.stage] = (failuresByStage[failure.stage] ?? 0) + 1;
      await failureLines.write(failure);
    }
    await times.measure('score', 'objects', shard.crops.length, () => run.add(shard, captions));
    if (shard.embeddings.rows > 0) await matrix.append(shard.embeddings.data);
    request.progress.update({ stage: 'score', done: run.objects, total: null, unit: 'objects' });
  }
  request.progress.finish('score');
  await matrix.close();
  await failureLines.close();
  return { tally, failures, failuresByStage };
}

async function writeConfig(request: DetectRequest): Promise<void> {
  const { baseline } = request;
  const config: DetectionConfig = {
    format: ARTIFACTS.config.format,
    phase: 'detect',
    inputFolder: request.inputFolder,
    baseline: baseline.name,
    baselineFolder: baseline.folder,
    options: request.options,
    models: modelsOf(request.stages, { similarity: request.similarity.info }),
    similarity: request.similarity.name,
    scorer: baseline.scorers.defaultScorer,
  };
  await request.folder.writeJson(ARTIFACTS.config.file, config);
}

async function writeMap(
  { folder, baseline, presenter }: DetectRequest,
  run: JudgedRun,
  map: CombinedMap,
): Promise<void> {
  const { baselineRows, newRows, xy, parameters } = map;
  const title =
    parameters.how === 'placement'
      ? 'New objects on the t-SNE map of the baseline'
      : 't-SNE of the baseline and the new objects';
  const left = run.objects - newRows.length;
  const png = await presenter.mapPng({
    title: left > 0 ? `${title} (${newRows.length} of ${run.objects} new ones, outliers first)` : title,
    xy,
    classNames: [
      ...Array.from(baselineRows, (row) => baseline.crops[row].className),
      ...Array.from(newRows, (row) => run.className(row)),
    ],
    baselineClasses: baseline.concepts.classes,
    outliers: [...Array.from(baselineRows, () => false), ...Array.from(newRows, (row) => run.isOutlier(row))],
    isNew: [...Array.from(baselineRows, () => false), ...Array.from(newRows, () => true)],
  });
  await folder.writeBytes(FOR_PEOPLE.combinedMapPlot, png);
  const combined: CombinedMapFile = {
    format: ARTIFACTS.combinedMap.format,
    parameters,
    baseline: Array.from(baselineRows, (row, i) => [baseline.rows?.[row] ?? row, xy[2 * i], xy[2 * i + 1]]),
    new: [...placesOnMap(map)].map(([row, [x, y]]) => [row, x, y]),
  };
  await folder.writeJson(ARTIFACTS.combinedMap.file, combined);
}

/** Judges parts as they come, for whoever listens. */
function partListener(
  { onObject, baseline, options }: DetectRequest,
  captions: CaptionJudge,
): ((part: RowPart) => Promise<void>) | undefined {
  if (!onObject) return undefined;
  return async (part) => {
    if (part.crops.length === 0) return;
    for (const object of await judgedCrops(part, { baseline, captions, options })) {
      await onObject({ ...object, verdict: withoutDescription(object.verdict, options) });
    }
  };
}

function statisticsOf(input: {
  readonly run: JudgedRun;
  readonly counted: Counted;
  readonly by: 'object' | 'image';
  readonly drift: Drift;
  readonly warnings: RunWarnings;
  readonly options: DetectRequest['options'];
}): DetectionStatistics {
  const { run, counted, by, drift, warnings, options } = input;
  const outliersByClass = new Map<string, number>();
  for (const row of run.outlierRows()) {
    const name = run.className(row);
    outliersByClass.set(name, (outliersByClass.get(name) ?? 0) + 1);
  }
  const { classes, ...totals } = counted.tally.summary();
  const { outliers, feature, semantic, both } = run.tally();
  return {
    format: ARTIFACTS.statistics.format,
    ...totals,
    outliers,
    outlierShare: run.objects > 0 ? outliers / run.objects : 0,
    featureOutliers: feature,
    semanticOutliers: semantic,
    bothOutliers: both,
    failures: counted.failures,
    failuresByStage: counted.failuresByStage,
    judgedBy: by,
    imageOutliers: run.imageVerdicts?.outlier.reduce((sum, each) => sum + each, 0) ?? null,
    expectedFalseAlarmShare: promisedShare(options),
    drift: [...drift],
    warnings: [...warnings.list],
    classes: classes.map((each) => ({ ...each, outliers: outliersByClass.get(each.className) ?? 0 })),
  };
}
