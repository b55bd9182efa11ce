import type { EmbeddingMatrix, Neighbour, TextSimilarity, Verdict } from '@hazure/contracts';
import { buildCandidates, type ConceptList } from '@hazure/concept-matching';
import { combinedMap, type BaselineMap } from './combined-map.js';
import { gatherShards } from './gather.js';
import { judge } from './judge.js';
import type { PhaseSummary } from './learn.js';
import type { CropRecord } from './chunk-worker.js';
import { streamObjects } from './objects.js';
import { writeResults } from './results.js';
import type { RunContext } from './run-context.js';
import { manifestHead } from './run-context.js';
import type { BaselineScorers } from './scoring.js';
import { StageTimes } from './stage-times.js';
import { writeTiming } from './timing.js';

/** A finished baseline, read back from its folder. */
export interface Baseline {
  /** Folder name, e.g. `baseline_20260131_235959`. */
  readonly name: string;
  readonly folder: string;
  readonly embeddings: EmbeddingMatrix;
  readonly crops: readonly CropRecord[];
  readonly scorers: BaselineScorers;
  readonly concepts: ConceptList;
  /** The map that new objects are placed on. */
  readonly map: BaselineMap;
}

export interface DetectRequest extends RunContext {
  readonly baseline: Baseline;
  readonly similarity: TextSimilarity;
}

/** One judged object, as `detection_results.json` holds it. */
export interface ObjectResult extends Omit<CropRecord, 'caption'> {
  readonly verdict: Verdict;
  /** Most similar normal crops, nearest first; only outliers carry them. */
  readonly nearestNormals: readonly Neighbour[];
  /** Saved outlier crop and its concept plot, relative to the run folder. */
  readonly outlierFile: string | null;
  readonly probabilityPlot: string | null;
  /** Place on the combined map, when the object was drawn into it. */
  readonly map: readonly [number, number] | null;
}

export interface DetectSummary extends PhaseSummary {
  readonly outliers: number;
}

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
  const candidates = buildCandidates({
    baselineClasses: baseline.concepts.classes,
    detectorClasses: request.stages.detector.classNames,
    expansions: baseline.concepts.expansions,
    conceptFile: baseline.concepts.listed,
    potentialClasses: options.potentialClasses ?? [],
    onlyAdditional: options.onlyAdditionalCandidates,
  });
  if (candidates.length === 0) {
    request.logger.warn(
      'There is no label to compare captions with, so words decide nothing: ' +
        'the baseline has no expanded or listed concepts, and no --potential-classes are given.',
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
  await folder.writeText('report.html', await request.presenter.reportHtml(folder.path));
  await folder.finish(manifestHead(request, 'detection', counts, { similarity: request.similarity.info }), {
    dropShards: options.cleanupTempFiles,
  });
  return { folder: folder.path, ...counts, seconds };
}
