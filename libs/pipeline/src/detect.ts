import { FOR_PEOPLE } from '@hazure/contracts';
import { candidatesOf } from './candidates.js';
import { combinedMap } from './combined-map.js';
import { gatherShards } from './gather.js';
import { judge } from './judge.js';
import { streamObjects } from './objects.js';
import { writeResults } from './results.js';
import type { DetectRequest, DetectSummary } from './records.js';
import { manifestHead } from './run-context.js';
import { StageTimes } from './stage-times.js';
import { writeTiming } from './timing.js';

/**
 * The detect phase: images → objects → feature scores and captions → both verdicts, fused → report.
 * Throws InterruptedError when stopped.
 */
export async function detectOutliers(request: DetectRequest): Promise<DetectSummary> {
  const { folder, options, baseline } = request;
  const times = new StageTimes(request.clock);
  await streamObjects({ ...request, options: request.streamOptions, times });

  const gathered = await gatherShards(folder);
  const { crops, failures } = gathered;
  const images = gathered.images.length;
  const candidates = candidatesOf(baseline, request.stages.detector.classNames, options);
  if (candidates.length === 0) {
    request.logger.warn(
      'There is no label to compare captions with, so words decide nothing: ' +
        'the baseline has no expanded or listed concepts, and option potentialClasses names none.',
      { code: 'NO_LABELS' },
    );
  }
  const verdicts = await judge({
    gathered,
    baseline,
    candidates,
    similarity: request.similarity,
    options,
    times,
  });
  const outlierRows = verdicts.flatMap(({ outlier }, row) => (outlier ? [row] : []));
  const map = await times.measure('map', 'points', crops.length, () =>
    combinedMap(request, gathered.embeddings, outlierRows),
  );
  request.progress.finish('map');
  await writeResults({ request, gathered, verdicts, outlierRows, candidates, map, times });

  const counts = { images, objects: crops.length, outliers: outlierRows.length, failures: failures.length };
  const seconds = await writeTiming(folder, times, { images, objects: crops.length });
  await folder.writeText(FOR_PEOPLE.report, await request.presenter.reportHtml(folder.path));
  await folder.finish(manifestHead(request, 'detection', counts, { similarity: request.similarity.info }), {
    dropShards: options.cleanupTempFiles,
  });
  return { folder: folder.path, ...counts, seconds };
}
