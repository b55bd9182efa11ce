import type { Clock, EmbeddingMatrix } from '@hazure/contracts';
import { assertMatrix, bootstrapIntervals, rankingMetrics } from '@hazure/numerics';
import type { Interval } from '@hazure/numerics';
import { alphaOf, ConformalCalibration, requiredHeldOutRows } from './conformal.js';
import { heldOutScores, methodFor, planHeldOut } from './held-out-scores.js';
import { createScorer, SCORER_NAMES } from './scorers.js';
import type { ScorerOptions } from './scorer-kind.js';

/** How one scorer ranks the test rows, with 95% bootstrap intervals. */
export interface ScorerEvaluation {
  readonly auroc: number;
  readonly aurocCi: Interval;
  readonly averagePrecision: number;
  readonly averagePrecisionCi: Interval;
  readonly fprAt95Tpr: number;
  readonly fprAt95TprCi: Interval;
  /** Share of normal test rows called outliers at the percentile; null when the training rows are too few for it. */
  readonly falseAlarmRate: number | null;
  /** Share of anomalies called outliers at the percentile; null like falseAlarmRate. */
  readonly detectionRate: number | null;
  /** Fitting to all training rows, without the calibration. */
  readonly fitSeconds: number;
  readonly scoreSeconds: number;
}

export interface EvaluationReport {
  readonly scorers: Readonly<Record<string, ScorerEvaluation>>;
  /** The scorer that would decide. */
  readonly default: string;
  /** Training rows. */
  readonly train: number;
  /** Test rows. */
  readonly test: number;
  readonly anomalies: number;
  readonly dimensions: number;
  readonly percentile: number;
  readonly seed: number;
  readonly warnings: readonly string[];
}

export interface EvaluationInput {
  /** Normal rows. */
  readonly train: EmbeddingMatrix;
  readonly test: EmbeddingMatrix;
  /** One per test row: 1 = anomaly, 0 = normal. */
  readonly labels: ArrayLike<number>;
  /** Default: all; the first is reported as the default. */
  readonly scorers?: readonly string[];
  readonly percentile?: number;
  readonly seed?: number;
  readonly scorerOptions?: Omit<ScorerOptions, 'seed' | 'perClass'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/**
 * Fits scorers to normal rows and measures how they judge labelled ones. The p-values behind the false-alarm
 * rate come from scorers that did not see the rows they scored; the scorers reported have seen all of them.
 * @throws InputError for bad values, widths, labels, or a test set without both labels.
 */
export async function evaluateScorers(input: EvaluationInput): Promise<EvaluationReport> {
  const { train, test, labels, percentile = 95, seed = 42, clock } = input;
  const names = [...new Set(input.scorers ?? SCORER_NAMES)];
  const scorers = names.map((name) => createScorer(name, { ...input.scorerOptions, seed }));
  assertMatrix(train, { what: 'training rows', minRows: 1 });
  assertMatrix(test, { what: 'test rows', minRows: 1, cols: train.cols });
  rankingMetrics(labels, new Float64Array(test.rows)); // refuses bad labels before any work
  const needed = requiredHeldOutRows(percentile);
  const calibrated = train.rows >= needed;
  const warnings = calibrated
    ? []
    : [
        `false-alarm rate at percentile ${percentile} needs at least ${needed} training rows, got ${train.rows}`,
      ];

  const results: Record<string, ScorerEvaluation> = {};
  for (const scorer of scorers) {
    const startMs = clock.monotonicMs();
    const fitted = await scorer.fit(train);
    const fittedMs = clock.monotonicMs();
    const scores = await fitted.score(test);
    const scoredMs = clock.monotonicMs();
    const calibration = calibrated ? await heldOutCalibration(scorer, train, seed) : null;
    const metrics = rankingMetrics(labels, scores);
    const intervals = bootstrapIntervals(labels, scores, { seed });
    const flagged = (label: number): number | null =>
      calibration && flaggedShare(calibration, scores, labels, label, percentile);
    results[scorer.name] = {
      auroc: metrics.auroc,
      aurocCi: intervals.auroc,
      averagePrecision: metrics.averagePrecision,
      averagePrecisionCi: intervals.averagePrecision,
      fprAt95Tpr: metrics.fprAt95Tpr,
      fprAt95TprCi: intervals.fprAt95Tpr,
      falseAlarmRate: flagged(0),
      detectionRate: flagged(1),
      fitSeconds: (fittedMs - startMs) / 1000,
      scoreSeconds: (scoredMs - fittedMs) / 1000,
    };
  }
  return {
    scorers: results,
    default: names[0],
    train: train.rows,
    test: test.rows,
    anomalies: Array.from(labels).filter((label) => label === 1).length,
    dimensions: train.cols,
    percentile,
    seed,
    warnings,
  };
}

async function heldOutCalibration(
  scorer: ReturnType<typeof createScorer>,
  train: EmbeddingMatrix,
  seed: number,
): Promise<ConformalCalibration> {
  const rows = Int32Array.from({ length: train.rows }, (_, i) => i);
  return new ConformalCalibration(
    await heldOutScores(scorer, train, planHeldOut(rows, methodFor(train.rows), seed)),
  );
}

function flaggedShare(
  calibration: ConformalCalibration,
  scores: Float64Array,
  labels: ArrayLike<number>,
  label: number,
  percentile: number,
): number {
  const alpha = alphaOf(percentile);
  let rows = 0;
  let flagged = 0;
  scores.forEach((score, i) => {
    if (labels[i] !== label) return;
    rows++;
    if (calibration.pValue(score) < alpha) flagged++;
  });
  return flagged / rows;
}

/** Plain means over categories of one scorer's metrics, as the field reports them. */
export interface MeanEvaluation {
  readonly auroc: number;
  readonly averagePrecision: number;
  readonly fprAt95Tpr: number;
  /** Over the categories that have one; null when none has. */
  readonly falseAlarmRate: number | null;
}

/** Means over reports (one per category) for every scorer that all of them hold. */
export function meanEvaluation(
  reports: readonly Pick<EvaluationReport, 'scorers'>[],
): Record<string, MeanEvaluation> {
  const names = Object.keys(reports[0]?.scorers ?? {}).filter((name) =>
    reports.every((report) => name in report.scorers),
  );
  const average = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  return Object.fromEntries(
    names.map((name) => {
      const all = reports.map((report) => report.scorers[name]);
      const rates = all.flatMap(({ falseAlarmRate }) => (falseAlarmRate === null ? [] : [falseAlarmRate]));
      return [
        name,
        {
          auroc: average(all.map(({ auroc }) => auroc)),
          averagePrecision: average(all.map(({ averagePrecision }) => averagePrecision)),
          fprAt95Tpr: average(all.map(({ fprAt95Tpr }) => fprAt95Tpr)),
          falseAlarmRate: rates.length > 0 ? average(rates) : null,
        },
      ];
    }),
  );
}
