import { openExtended } from '../compose/extended-baseline.js';
import { composeStages } from '../compose/stages.js';
import { withInt8Models } from '../compose/quantised.js';
import { listedConcepts } from '../compose/semantics.js';
import { inputImages, openOutput, runLearnPhase } from '../phases.js';
import { inputsOf, phaseOptionsOf, refuseImplausible, refuseShard, type LearnOptions } from './options.js';
import type { LearnResult } from './results.js';
import { interruptible, openSession } from './session.js';

/**
 * Learns what is normal: images → objects → embeddings → a baseline folder, which `detect` and `openBaseline` judge
 * with.
 *
 * @param options `images` and, by the names of the config file, whatever should differ from the defaults
 * @returns the finished baseline's folder and counts
 * @throws ConfigError for unknown or contradicting options; InputError when no image or object is found, the baseline
 *   would be too small (BASELINE_TOO_SMALL) or the output can't be written; ModelError, DeviceError when a model can't
 *   be had or run; InterruptedError when the signal aborts, after committing what is done (`resume: true` goes on)
 */
export function learn(options: LearnOptions): Promise<LearnResult> {
  return interruptible(options, () => learnImages(options));
}

async function learnImages(options: LearnOptions): Promise<LearnResult> {
  const { session, warnings } = openSession(options);
  const extended = options.extend === undefined ? undefined : await openExtended(options.extend);
  const asked = phaseOptionsOf(options, 'learn', extended?.inherited);
  refuseImplausible(asked);
  refuseShard(asked, 'learnShard');
  const store = await openOutput(asked, session);
  await listedConcepts(asked); // a bad file should not cost the time to load models
  const input = await inputImages(inputsOf(options.images), asked.trainIndices, asked, {
    store,
    session,
  });
  try {
    const settings = await withInt8Models(asked, input, session);
    const composed = await composeStages(settings, session, { words: false });
    try {
      extended?.checkModels(composed.stages);
      const learned = await runLearnPhase({ options: settings, session, composed, input, extended });
      return { ...learned, leftOut: input.leftOut, warnings };
    } finally {
      await composed.close();
    }
  } finally {
    await input.close();
  }
}
