import type { RunWarning } from '@hazure/contracts';
import { openStoredBaseline } from '../compose/baseline.js';
import { withInt8Models } from '../compose/quantised.js';
import { listedConcepts } from '../compose/semantics.js';
import { composeStages } from '../compose/stages.js';
import type { InputImages } from '../phase-request.js';
import { inputImages, openOutput, runDetectPhase, runLearnPhase } from '../phases.js';
import type { Session } from '../session.js';
import { inputsOf, phaseOptionsOf, refuseImplausible, type RunOptions } from './options.js';
import { DetectResult, type LearnResult } from './results.js';
import { interruptible, openSession } from './session.js';

export interface RunResult {
  readonly learned: LearnResult;
  readonly detected: DetectResult;
  readonly seconds: number;
  /** Of both phases. */
  readonly warnings: readonly RunWarning[];
}

/**
 * `learn`, then `detect` with the same models, loaded once.
 * @param options `normal`, `images` and whatever should differ from the defaults
 * @throws as `learn` and `detect`
 */
export function run(options: RunOptions): Promise<RunResult> {
  return interruptible(options, () => runImages(options));
}

async function runImages(options: RunOptions): Promise<RunResult> {
  const { session, warnings } = openSession(options);
  const startedMs = session.clock.monotonicMs();
  const asked = phaseOptionsOf(options, 'run');
  refuseImplausible(asked);
  const store = await openOutput(asked, session);
  await listedConcepts(asked);
  const opened: InputImages[] = [];
  try {
    const place = { store, session };
    const normal = await inputImages(inputsOf(options.normal), asked.trainIndices, asked, place);
    opened.push(normal);
    const fresh = await inputImages(inputsOf(options.images), asked.testIndices, asked, place);
    opened.push(fresh);
    await warnOfOverlap(session, normal, fresh);
    const settings = await withInt8Models(asked, normal, session);
    const composed = await composeStages(settings, session);
    try {
      const learned = await runLearnPhase({ options: settings, session, composed, input: normal });
      const learnWarnings = [...warnings];
      const stored = await openStoredBaseline(learned.folder);
      const detected = await runDetectPhase({ options: settings, session, composed, input: fresh, stored });
      return {
        learned: { ...learned, leftOut: normal.leftOut, warnings: learnWarnings },
        detected: new DetectResult({
          ...detected,
          leftOut: fresh.leftOut,
          warnings: warnings.slice(learnWarnings.length),
        }),
        seconds: (session.clock.monotonicMs() - startedMs) / 1000,
        warnings,
      };
    } finally {
      await composed.close();
    }
  } finally {
    for (const each of opened) await each.close();
  }
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
    { code: 'LEARNED_FROM_TEST_IMAGES' },
  );
}
