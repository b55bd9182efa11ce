import { finishBaseline, type FinishRequest } from './finish-baseline.js';
import { JoinedRows, readFinished, type FinishedRows } from './extend.js';
import { streamObjects } from './objects.js';
import type { PhaseSummary } from './records.js';
import { modelsOf, type RunContext } from './run-context.js';
import { checkFinished } from './sources.js';
import { StageTimes } from './stage-times.js';
import { RunWarnings } from './warnings.js';

export interface LearnRequest
  extends
    RunContext,
    Pick<FinishRequest, 'accelerator' | 'expander' | 'listedConcepts' | 'modelSources' | 'lineageOf'> {
  /** A baseline that this one grows from; its rows come first. */
  readonly old?: FinishedRows | undefined;
}

/**
 * The learn phase: images → objects → scorers, calibration, map, class statistics, concepts.
 * @throws InputError when the input holds no object, or too few to calibrate; InterruptedError when stopped;
 *   ConfigError for a percentile that can't be meant
 */
export async function learnBaseline(request: LearnRequest): Promise<PhaseSummary> {
  const { folder, stages, old } = request;
  const times = new StageTimes(request.clock, folder.shards.earlierTimes);
  const warnings = new RunWarnings(request.logger, request.earlierWarnings);
  await checkFinished(folder.shards, request.refs, warnings);
  await streamObjects({ ...request, options: { ...request.streamOptions, thumbnails: true }, times });
  return finishBaseline({
    ...request,
    earlierWarnings: warnings.list,
    times,
    source: old
      ? new JoinedRows(folder, [
          { read: () => readFinished(old), pictures: old },
          { read: () => folder.shards.read(), pictures: null },
        ])
      : folder.shards,
    models: modelsOf(stages),
    device: stages.embedder.info.device,
    detectorClasses: stages.detector.classNames,
  });
}
