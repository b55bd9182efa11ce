import { basename } from 'node:path';
import type { Command } from 'commander';
import { evaluateScorers, type EvaluationReport, type ItemsEvaluation } from '@hazure/anomaly-scoring';
import { ConfigError, EXIT, flagOf } from '@hazure/contracts';
import { evaluateRun, type RunEvaluation } from '@hazure/hazure';
import { plotCurves } from '@hazure/report';
import type { CommandOutcome } from '../console/outcome.js';
import { table } from '@hazure/benchmark';
import { readLabelValues, readNumberMatrix, toFloat32, writeAtomic } from '@hazure/run-store';
import type { Session } from '../session.js';
import { commandOptions } from '../options/resolve.js';
import { checkWritableFile } from './output-file.js';
import type { EvaluateOptions } from '@hazure/contracts';

/** `hazure evaluate`: scorers on labelled embeddings, or a finished run on its truth. */
export async function evaluateCommand(session: Session, command: Command): Promise<CommandOutcome> {
  const flags = commandOptions(command, 'evaluate');
  const { seed, thresholdPercentile: percentile, scorers } = flags;
  const embeddings = [flags.train, flags.test, flags.labels];
  const ofRun = [flags.run, flags.truth, flags.masks, flags.plot];
  if (ofRun.some((each) => each !== undefined)) {
    if (
      flags.run === undefined ||
      (flags.truth === undefined && flags.masks === undefined) ||
      embeddings.some((each) => each !== undefined)
    ) {
      throw new ConfigError(
        'evaluate takes --run with --truth or --masks, or --train with --test and --labels',
      );
    }
    for (const key of ['scorers', 'thresholdPercentile'] as const) {
      if (command.getOptionValueSource(key) === 'cli')
        throw new ConfigError(
          `${flagOf(key)} has no meaning with --run: the run has scored and judged already`,
        );
    }
    return judgedRun({ ...flags, run: flags.run }, seed, session);
  }
  const { train, test, labels } = flags;
  if (train === undefined || test === undefined || labels === undefined) {
    throw new ConfigError(
      'evaluate needs --train A.npy, --test B.npy and --labels L.npy, or --run and --truth',
    );
  }
  const matrices = [await readNumberMatrix(train), await readNumberMatrix(test)];
  const [trainMatrix, testMatrix] = toFloat32(matrices, (notice) => session.logger.warn(notice));
  const report = await evaluateScorers({
    train: trainMatrix,
    test: testMatrix,
    labels: await readLabelValues(labels, { binary: true }),
    percentile,
    seed,
    clock: session.clock,
    ...(scorers === undefined ? {} : { scorers }),
  });
  for (const warning of report.warnings) session.logger.warn(warning);
  return { json: report, text: scorerTable(report), exitCode: EXIT.done };
}

async function judgedRun(
  { run, truth, masks, plot }: EvaluateOptions & { readonly run: string },
  seed: number,
  { logger }: Session,
): Promise<CommandOutcome> {
  if (plot !== undefined) await checkWritableFile('--plot', plot);
  const evaluation = await evaluateRun({ run, truth, masks, seed });
  for (const note of evaluation.notes) logger.warn(note);
  if (plot !== undefined) await writeAtomic(plot, plotOf(evaluation, run));
  return { json: evaluation, text: runTable(evaluation), exitCode: EXIT.done };
}

function plotOf({ level, curves, verdict, test, anomalies }: RunEvaluation, run: string): Buffer {
  return plotCurves({
    title: `${basename(run)} against its truth`,
    subtitle: `${test} ${level}s, ${anomalies} of them anomalous`,
    series: Object.entries(curves).map(([name, points]) => ({ name, points })),
    verdict: { ...verdict, falsePositiveRate: verdict.falseAlarmRate },
  });
}

const share = (value: number | null): string => (value === null ? '-' : value.toFixed(3));

function scorerTable(report: EvaluationReport): string {
  const rows = Object.entries(report.scorers).map(([name, each]) => [
    name === report.default ? `${name} *` : name,
    `${share(each.auroc)} (${share(each.aurocCi[0])}–${share(each.aurocCi[1])})`,
    share(each.averagePrecision),
    share(each.fprAt95Tpr),
    share(each.falseAlarmRate),
    `${each.fitSeconds.toFixed(2)} s`,
    `${each.scoreSeconds.toFixed(2)} s`,
  ]);
  const head = [
    'scorer',
    'AUROC (95% interval)',
    'AP',
    'FPR@95',
    `false alarms@${report.percentile}`,
    'fit',
    'score',
  ];
  return `${table([head, ...rows])}\n${report.train} training rows, ${report.test} test rows; * decides`;
}

function runTable(evaluation: RunEvaluation): string {
  const { perImage, perObject, regions, withoutObjects, unknownImages } = evaluation;
  const parts: string[] = [];
  if (perImage) parts.push(levelTable('images', perImage, evaluation));
  if (perObject) parts.push(levelTable('objects', perObject, evaluation));
  if (regions) parts.push(`regions: an outlier touches ${regions.found} of ${regions.total}`);
  if (withoutObjects.length > 0) parts.push(`${withoutObjects.length} images of the truth have no object`);
  if (unknownImages > 0 && perImage) parts.push(`${unknownImages} images of the run have no truth`);
  return parts.join('\n\n');
}

function levelTable(
  what: string,
  { scorers, categories, verdict, test, anomalies }: NonNullable<RunEvaluation['perImage']>,
  { default: decides }: RunEvaluation,
): string {
  const row = (name: string, of: ItemsEvaluation, scorer: string): string[] => {
    const each = of.scorers[scorer];
    const interval = `${share(each.auroc)} (${share(each.aurocCi[0])}–${share(each.aurocCi[1])})`;
    return [
      name,
      interval,
      share(each.averagePrecision),
      share(each.fprAt95Tpr),
      share(each.bestF1.f1),
      String(of.anomalies),
    ];
  };
  const rows = Object.keys(scorers).map((name) =>
    row(
      name === decides ? `${name} *` : name,
      { scorers, test, anomalies, verdict, featureVerdict: null },
      name,
    ),
  );
  const kinds = Object.entries(categories).map(([name, of]) => row(`  ${name}`, of, decides));
  return [
    `${test} ${what} with a truth, ${anomalies} anomalies; * decides`,
    table([['scorer', 'AUROC (95% interval)', 'AP', 'FPR@95', 'best F1', 'anomalies'], ...rows, ...kinds]),
    `verdicts: ${verdict.truePositives} found, ${verdict.falseNegatives} missed, ${verdict.falsePositives} false alarms ` +
      `(precision ${share(verdict.precision)}, recall ${share(verdict.recall)}, F1 ${share(verdict.f1)})`,
  ].join('\n');
}
