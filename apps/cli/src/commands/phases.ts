import type { Command } from 'commander';
import { ConfigError, EXIT, type PhaseCommand, type PhaseOptions } from '@hazure/contracts';
import { openBaseline } from '@hazure/hazure';
import { listedConcepts } from '@hazure/hazure';
import { composeStages } from '@hazure/hazure';
import type { CommandOutcome } from '../console/outcome.js';
import { resolvePhaseOptions } from '../options/resolve.js';
import {
  describeLeftOut,
  inputImages,
  openOutput,
  runDetectPhase,
  runLearnPhase,
  type DetectPhaseResult,
  type InputImages,
  type LearnPhaseResult,
} from '@hazure/hazure';
import type { Session } from '../session.js';

/** `hazure learn IMAGES` */
export async function learnCommand(
  session: Session,
  command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const options = resolve(command, 'learn');
  const store = await openOutput(options, session);
  await listedConcepts(options); // a bad file should not cost the time to load models
  const input = await inputImages(args, options.trainIndices, options, { store, session });
  try {
    const composed = await composeStages(options, session, { words: false });
    try {
      const learned = await runLearnPhase({ options, session, composed, input });
      return learnOutcome(learned, input);
    } finally {
      await composed.close();
    }
  } finally {
    await input.close();
  }
}

/** `hazure detect IMAGES --baseline DIR` */
export async function detectCommand(
  session: Session,
  command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const given = resolve(command, 'detect');
  if (given.baseline === undefined) {
    throw new ConfigError('detect needs --baseline, the baseline_… folder to judge against', {
      hint: 'Learn one with: hazure learn IMAGES',
    });
  }
  const stored = await openBaseline(given.baseline);
  const options = resolve(command, 'detect', stored.inherited);
  const store = await openOutput(options, session);
  const input = await inputImages(args, options.testIndices, options, { store, session });
  try {
    const composed = await composeStages(options, session);
    try {
      const detected = await runDetectPhase({ options, session, composed, input, stored });
      return detectOutcome(detected, input);
    } finally {
      await composed.close();
    }
  } finally {
    await input.close();
  }
}

/** `hazure run`: learn, then detect with the same models. */
export async function runCommand(session: Session, command: Command): Promise<CommandOutcome> {
  const options = resolve(command, 'run');
  const { baselineFolder, testFolder } = options;
  if (baselineFolder === undefined || testFolder === undefined) {
    throw new ConfigError('run needs --baseline-folder (normal images) and --test-folder (images to judge)');
  }
  return runBoth(session, options, baselineFolder, testFolder);
}

export async function runBoth(
  session: Session,
  options: PhaseOptions,
  baselineFolder: string,
  testFolder: string,
): Promise<CommandOutcome & { readonly learned: LearnPhaseResult; readonly detected: DetectPhaseResult }> {
  const startedMs = session.clock.monotonicMs();
  const store = await openOutput(options, session);
  await listedConcepts(options);
  const opened: InputImages[] = [];
  let composed: Awaited<ReturnType<typeof composeStages>> | null = null;
  try {
    const normal = await inputImages([baselineFolder], options.trainIndices, options, { store, session });
    opened.push(normal);
    const fresh = await inputImages([testFolder], options.testIndices, options, { store, session });
    opened.push(fresh);
    await warnOfOverlap(session, normal, fresh);
    composed = await composeStages(options, session);
    const learned = await runLearnPhase({ options, session, composed, input: normal });
    const stored = await openBaseline(learned.folder);
    const detected = await runDetectPhase({ options, session, composed, input: fresh, stored });
    const failures = learned.failures + detected.failures;
    const json = {
      baselineDir: learned.folder,
      detectionDir: detected.folder,
      images: learned.images + detected.images,
      objects: learned.objects + detected.objects,
      outliers: detected.outliers,
      failures,
      leftOut: { baseline: normal.leftOut, test: fresh.leftOut },
      seconds: (session.clock.monotonicMs() - startedMs) / 1000,
    };
    const text = [
      `baseline:  ${learned.images} images, ${learned.objects} objects → ${learned.folder}`,
      `detection: ${detected.images} images, ${detected.objects} objects, ${detected.outliers} outliers → ${detected.folder}`,
      ...leftOutLines(normal, 'baseline'),
      ...leftOutLines(fresh, 'test'),
      ...failureLines(failures),
      `report:    ${detected.folder}/report.html`,
    ].join('\n');
    return { json, text, exitCode: exitCode(failures), learned, detected };
  } finally {
    await composed?.close();
    for (const each of opened) await each.close();
  }
}

function resolve(
  command: Command,
  phase: PhaseCommand,
  inherited: Readonly<Record<string, unknown>> = {},
): PhaseOptions {
  return resolvePhaseOptions(command, phase, process.env, inherited);
}

/** Objects that were learned from look normal by definition; a person should know why nothing was found. */
async function warnOfOverlap({ logger }: Session, normal: InputImages, fresh: InputImages): Promise<void> {
  const learned = new Set<string>();
  for await (const { path, read } of normal.images()) if (!read) learned.add(path);
  let both = 0;
  for await (const { path, read } of fresh.images()) if (!read && learned.has(path)) both++;
  if (both === 0) return;
  logger.warn(
    `${both} of the ${fresh.total} images to judge are learned from as well, so their objects count as normal.`,
  );
}

function learnOutcome(
  { folder, images, objects, failures, seconds }: LearnPhaseResult,
  input: InputImages,
): CommandOutcome {
  return {
    json: { baselineDir: folder, images, objects, failures, leftOut: input.leftOut, seconds },
    text: [
      `baseline: ${images} images, ${objects} objects → ${folder}`,
      ...leftOutLines(input),
      ...failureLines(failures),
      `report:   ${folder}/report.html`,
    ].join('\n'),
    exitCode: exitCode(failures),
  };
}

function detectOutcome(
  { folder, images, objects, outliers, failures, seconds }: DetectPhaseResult,
  input: InputImages,
): CommandOutcome {
  return {
    json: { detectionDir: folder, images, objects, outliers, failures, leftOut: input.leftOut, seconds },
    text: [
      `detection: ${images} images, ${objects} objects, ${outliers} outliers → ${folder}`,
      ...leftOutLines(input),
      ...failureLines(failures),
      `report:    ${folder}/report.html`,
    ].join('\n'),
    exitCode: exitCode(failures),
  };
}

function leftOutLines({ leftOut }: InputImages, which = ''): string[] {
  const text = describeLeftOut(leftOut);
  return text === null ? [] : [`${which === '' ? '' : `${which}: `}${text}`];
}

function failureLines(failures: number): string[] {
  return failures === 0
    ? []
    : [`${failures} inputs could not be processed; they are listed in failures.jsonl`];
}

function exitCode(failures: number): number {
  return failures > 0 ? EXIT.partial : EXIT.done;
}
