import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { parse as parseCsv } from 'csv-parse/sync';
import {
  evaluateScorers,
  evaluateVerdicts,
  type EvaluationReport,
  type JudgedObject,
  type RunEvaluation,
  type TruthEntry,
} from '@hazure/anomaly-scoring';
import { ConfigError, EXIT, InputError, flagOf, messageOf } from '@hazure/contracts';
import type { CommandOutcome } from '../console/outcome.js';
import { table } from '@hazure/benchmark';
import { RunReader, readLabelValues, readNumberMatrix, toFloat32 } from '@hazure/run-store';
import type { Session } from '../session.js';
import { commandOptions } from '../options/resolve.js';

/** `hazure evaluate`: scorers on labelled embeddings, or a finished run on its truth. */
export async function evaluateCommand(session: Session, command: Command): Promise<CommandOutcome> {
  const flags = commandOptions(command, 'evaluate');
  const { seed, thresholdPercentile: percentile, scorers } = flags;
  const embeddings = [flags.train, flags.test, flags.labels];
  if (flags.run !== undefined || flags.truth !== undefined) {
    if (
      flags.run === undefined ||
      flags.truth === undefined ||
      embeddings.some((each) => each !== undefined)
    ) {
      throw new ConfigError('evaluate takes --run with --truth, or --train with --test and --labels');
    }
    for (const key of ['scorers', 'thresholdPercentile'] as const) {
      if (command.getOptionValueSource(key) === 'cli')
        throw new ConfigError(
          `${flagOf(key)} has no meaning with --run: the run has scored and judged already`,
        );
    }
    return evaluateRun(flags.run, flags.truth, seed);
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

async function evaluateRun(folder: string, truthFile: string, seed: number): Promise<CommandOutcome> {
  const run = await RunReader.open(folder);
  const objects: JudgedObject[] = [];
  for await (const { cropId, imageId, verdict } of run.objects()) {
    const { scores, outlier: featureOutlier } = verdict.feature;
    objects.push({ cropId, imageId, scores, outlier: verdict.outlier, featureOutlier });
  }
  const imageIds: string[] = [];
  for await (const { imageId } of run.images()) imageIds.push(imageId);
  const evaluation = evaluateVerdicts({
    objects,
    truth: await readTruth(truthFile),
    imageIds,
    defaultScorer: (await run.resultsHead()).scorer,
    seed,
  });
  return { json: evaluation, text: runTable(evaluation), exitCode: EXIT.done };
}

/** Columns `image` or `crop`, `label`, and optionally `category`. */
async function readTruth(path: string): Promise<TruthEntry[]> {
  let rows: Record<string, string>[];
  try {
    rows = parseCsv(await readFile(path, 'utf8'), {
      columns: true,
      bom: true,
      skip_empty_lines: true,
      trim: true,
    });
  } catch (cause) {
    throw new InputError('INPUT_INVALID', `Can't read the truth file ${path}: ${messageOf(cause)}`, {
      cause,
      hint: 'It must be a CSV file with the columns image (or crop) and label.',
    });
  }
  return rows.map((row, i) => {
    const id = row['crop'] ?? row['crop_id'] ?? row['image'];
    const label = row['label'];
    if (!id || label === undefined) {
      throw new InputError('INPUT_INVALID', `${path}: row ${i + 1} lacks image (or crop) or label`, {
        hint: 'The header must name the columns image (or crop) and label; label is 1 for an anomaly, else 0.',
      });
    }
    const category = row['category'];
    return { id, label: Number(label), ...(category ? { category } : {}) };
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
  const rows = Object.entries(evaluation.scorers).map(([name, each]) => [
    name === evaluation.default ? `${name} *` : name,
    `${share(each.auroc)} (${share(each.aurocCi[0])}–${share(each.aurocCi[1])})`,
    share(each.averagePrecision),
    share(each.fprAt95Tpr),
  ]);
  const { verdict } = evaluation;
  return [
    table([['scorer', 'AUROC (95% interval)', 'AP', 'FPR@95'], ...rows]),
    `verdicts: ${verdict.truePositives} found, ${verdict.falseNegatives} missed, ${verdict.falsePositives} false alarms ` +
      `(precision ${share(verdict.precision)}, recall ${share(verdict.recall)})`,
    `${evaluation.test} items with a truth, ${evaluation.anomalies} anomalies; * decides`,
  ].join('\n');
}
