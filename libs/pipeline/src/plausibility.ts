import {
  DRIFT_PERMUTATIONS,
  alphaOf,
  checkDrift,
  checkFdr,
  checkFlaggedShare,
  classMixTest,
  energyTest,
  kolmogorovSmirnov,
  type TestResult,
} from '@hazure/anomaly-scoring';
import type { DetectionStatistics, EmbeddingMatrix } from '@hazure/contracts';
import { chooseRows } from './map.js';
import type { JudgedRun } from './judged-run.js';
import type { DetectRequest } from './records.js';
import type { RowReader } from './combined-map.js';
import { takeRows } from './map.js';
import type { RunWarnings } from './warnings.js';

/** Objects of each side that drift is looked for in. */
const COMPARED = 5_000;

export type Drift = DetectionStatistics['drift'];

/**
 * Whether the run can mean what it says: what is flagged against the promise, and the new objects against the baseline
 * by two-sample tests of embeddings, class mix and scores, images (or groups) as the units.
 * @throws ConfigError for a false discovery rate that this baseline can't resolve
 */
export async function checkPlausibility(input: {
  readonly request: DetectRequest;
  readonly run: JudgedRun;
  readonly judgedBy: 'object' | 'image';
  readonly fresh: RowReader;
  readonly warnings: RunWarnings;
}): Promise<Drift> {
  const { request, run, judgedBy, warnings } = input;
  const { thresholdPercentile: percentile, fdr } = request.options;
  const { fitted } = request.baseline.scorers;
  if (run.objects === 0) return [];
  if (fdr !== undefined) warnings.addFinding(checkFdr(fitted.effectiveRows, run.objects, fdr));
  else if (judgedBy === 'image' && run.imageVerdicts) {
    warnings.addFinding(
      checkFlaggedShare({
        flagged: run.imageVerdicts.outlier.reduce((sum, outlier) => sum + outlier, 0),
        judged: run.images,
        percentile,
        effectiveHeldOut: fitted.effectiveImages,
        what: 'images',
      }),
    );
  } else {
    warnings.addFinding(
      checkFlaggedShare({
        flagged: run.tally().feature,
        judged: run.objects,
        percentile,
        effectiveJudged: new Set(run.imageOf.values).size,
        effectiveHeldOut: fitted.effectiveRows,
      }),
    );
  }
  return drift(input);
}

async function drift({
  request,
  run,
  fresh,
  warnings,
}: {
  readonly request: DetectRequest;
  readonly run: JudgedRun;
  readonly fresh: RowReader;
  readonly warnings: RunWarnings;
}): Promise<Drift> {
  const { baseline, options } = request;
  const { seed } = options;
  const [oldRows, newRows] = [
    chooseRows(baseline.embeddings.rows, COMPARED, seed),
    chooseRows(run.objects, COMPARED, seed),
  ];
  const old: EmbeddingMatrix = takeRows(baseline.embeddings, oldRows);
  const units = {
    baselineGroups: Array.from(oldRows, (row) => baseline.groups[row]),
    judgedGroups: Array.from(newRows, (row) => run.imageOf.values[row]),
    seed,
    permutations: DRIFT_PERMUTATIONS,
  };
  const { fitted } = baseline.scorers;
  const heldOut = fitted.scorers.get(fitted.defaultScorer)?.calibration.heldOut ?? new Float64Array(0);
  const scores = run.scores.get(fitted.defaultScorer)?.values ?? new Float64Array(0);
  const tests: readonly [Parameters<typeof checkDrift>[0], TestResult][] = [
    ['embeddings', energyTest(old, await fresh.take(newRows), units)],
    [
      'classes',
      classMixTest(
        Array.from(oldRows, (row) => baseline.crops[row].className),
        Array.from(newRows, (row) => run.className(row)),
        units,
      ),
    ],
    ['scores', kolmogorovSmirnov(heldOut, scores, [fitted.effectiveRows, new Set(run.imageOf.values).size])],
  ];
  return tests.map(([of, test]) => {
    warnings.addFinding(checkDrift(of, test));
    const [baselineUnits, judged] = test.effective;
    return { of, statistic: test.statistic, pValue: test.pValue, baseline: baselineUnits, judged };
  });
}

/** Share of normal objects or images that the run flags; null under a false discovery rate, which promises otherwise. */
export function promisedShare(options: DetectRequest['options']): number | null {
  return options.fdr === undefined ? alphaOf(options.thresholdPercentile) : null;
}
