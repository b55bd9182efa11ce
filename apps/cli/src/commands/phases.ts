import type { Command } from 'commander';
import { ConfigError, EXIT, type PhaseCommand } from '@hazure/contracts';
import {
  describeLeftOut,
  detect,
  detectShard,
  learn,
  learnShard,
  run,
  type DetectResult,
  type LeftOut,
  type LearnResult,
  type RunOptions,
  type RunResult,
} from '@hazure/hazure';
import type { CommandOutcome } from '../console/outcome.js';
import { givenOptions } from '../options/resolve.js';
import { partOutcome } from './parts.js';
import { watching, type Session } from '../session.js';

/** `hazure learn IMAGES…` */
export async function learnCommand(
  session: Session,
  command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const options = given(command, 'learn');
  const { extend } = command.opts<{ extend?: string }>();
  const { shard } = options;
  if (typeof shard === 'string') {
    if (extend !== undefined)
      throw new ConfigError('--extend grows a baseline in one piece, not with --shard');
    return partOutcome(await learnShard({ ...options, shard, images: args, ...watching(session) }));
  }
  const learned = await learn({ ...options, images: args, extend, ...watching(session) });
  const { folder: baselineDir, images, objects, failures, leftOut, seconds, warnings } = learned;
  return {
    json: { baselineDir, images, objects, failures, leftOut, seconds, warnings },
    text: [
      `baseline: ${images} images, ${objects} objects → ${baselineDir}`,
      ...leftOutLines(leftOut),
      ...failureLines(failures),
      `report:   ${baselineDir}/report.html`,
    ].join('\n'),
    exitCode: exitCode(failures),
  };
}

/** `hazure detect IMAGES… --baseline DIR` */
export async function detectCommand(
  session: Session,
  command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const { baseline, ...options } = given(command, 'detect');
  if (typeof baseline !== 'string') {
    throw new ConfigError('detect needs --baseline, the baseline_… folder to judge against', {
      hint: 'Learn one with: hazure learn IMAGES',
    });
  }
  const { stream = false, json = false } = command.opts<{ stream?: boolean; json?: boolean }>();
  if (stream && json) {
    throw new ConfigError('--stream and --json both need standard output', {
      hint: 'With --stream the summary goes to standard error; statistics.json has it too.',
    });
  }
  const { shard } = options;
  if (typeof shard === 'string') {
    if (stream)
      throw new ConfigError('--stream tells verdicts, which a part of a run (--shard) has none of yet');
    return partOutcome(
      await detectShard({ ...options, shard, baseline, images: args, ...watching(session) }),
    );
  }
  const onObject = stream ? printLine : undefined;
  const detected = await detect({ ...options, baseline, images: args, onObject, ...watching(session) });
  const { folder: detectionDir, images, objects, outliers, failures, leftOut, seconds, warnings } = detected;
  const { imageOutliers, expectedFalseAlarmShare } = detected;
  return {
    json: {
      detectionDir,
      images,
      objects,
      outliers,
      imageOutliers,
      expectedFalseAlarmShare,
      failures,
      leftOut,
      seconds,
      warnings,
    },
    aside: stream,
    text: [
      `detection: ${images} images, ${objects} objects, ${outliers} outliers → ${detectionDir}`,
      ...leftOutLines(leftOut),
      ...failureLines(failures),
      `report:    ${detectionDir}/report.html`,
    ].join('\n'),
    exitCode: exitCode(failures),
  };
}

/** One JSON document a line; waits for a slow reader, and a reader that left is none. */
async function printLine(record: object): Promise<void> {
  const { stdout } = process;
  if (stdout.destroyed || stdout.write(`${JSON.stringify(record)}\n`)) return;
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      stdout.off('drain', settle).off('close', settle);
      resolve();
    };
    stdout.on('drain', settle).on('close', settle);
  });
}

/** `hazure run`: learn, then detect with the same models. */
export async function runCommand(session: Session, command: Command): Promise<CommandOutcome> {
  const { baselineFolder, testFolder, ...options } = given(command, 'run');
  if (typeof baselineFolder !== 'string' || typeof testFolder !== 'string') {
    throw new ConfigError('run needs --baseline-folder (normal images) and --test-folder (images to judge)');
  }
  return runBoth(session, { ...options, normal: baselineFolder, images: testFolder });
}

export async function runBoth(
  session: Session,
  options: RunOptions,
): Promise<CommandOutcome & { readonly learned: LearnResult; readonly detected: DetectResult }> {
  const { learned, detected, seconds, warnings }: RunResult = await run({ ...options, ...watching(session) });
  const failures = learned.failures + detected.failures;
  const json = {
    baselineDir: learned.folder,
    detectionDir: detected.folder,
    images: learned.images + detected.images,
    objects: learned.objects + detected.objects,
    outliers: detected.outliers,
    imageOutliers: detected.imageOutliers,
    expectedFalseAlarmShare: detected.expectedFalseAlarmShare,
    failures,
    leftOut: { baseline: learned.leftOut, test: detected.leftOut },
    seconds,
    warnings,
  };
  const text = [
    `baseline:  ${learned.images} images, ${learned.objects} objects → ${learned.folder}`,
    `detection: ${detected.images} images, ${detected.objects} objects, ${detected.outliers} outliers → ${detected.folder}`,
    ...leftOutLines(learned.leftOut, 'baseline'),
    ...leftOutLines(detected.leftOut, 'test'),
    ...failureLines(failures),
    `report:    ${detected.folder}/report.html`,
  ].join('\n');
  return { json, text, exitCode: exitCode(failures), learned, detected };
}

function given(command: Command, phase: PhaseCommand): Record<string, unknown> {
  return givenOptions(command, phase, process.env);
}

function leftOutLines(leftOut: LeftOut, which = ''): string[] {
  const text = describeLeftOut(leftOut);
  return text === null ? [] : [`${which === '' ? '' : `${which}: `}${text}`];
}

function failureLines(failures: number): string[] {
  return failures === 0
    ? []
    : [`${failures} inputs could not be processed; they are listed in failures.jsonl`];
}

const exitCode = (failures: number): number => (failures > 0 ? EXIT.partial : EXIT.done);
