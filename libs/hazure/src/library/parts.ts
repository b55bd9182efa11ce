import { ConfigError, type PhaseOptions, type RunWarning } from '@hazure/contracts';
import { findShardedRun, readPlan, shardedStatus, type ShardedStatus } from '@hazure/run-store';
import { openStoredBaseline } from '../compose/baseline.js';
import { listedConcepts } from '../compose/semantics.js';
import { composeStages } from '../compose/stages.js';
import { checkSameModels } from '../compose/same-models.js';
import { inputImages, openOutput } from '../phases.js';
import { systemClock } from '../session.js';
import { mergeParts, type MergeSummary } from '../sharding/merge-phase.js';
import { runPart, type PartResult } from '../sharding/part-phase.js';
import { whichShard } from '../sharding/which-shard.js';
import {
  refuseImplausible,
  inputsOf,
  phaseOptionsOf,
  type DetectOptions,
  type LearnOptions,
  type PartChoice,
  type Watching,
} from './options.js';
import { interruptible, openSession } from './session.js';

export type ShardResult = PartResult & { readonly warnings: readonly RunWarning[] };
export interface MergeOptions extends Watching {
  /** Longest to wait for parts that are not done yet; 0 when absent. */
  readonly waitSeconds?: number | undefined;
}

export type MergeResult = MergeSummary & { readonly warnings: readonly RunWarning[] };

/**
 * One part of `learn` on one of many machines that see the same inputs and the same output folder. When all parts are
 * done, `merge` makes the baseline of them, as one machine would have made it.
 *
 * @param options as `learn` takes, and `shard`
 * @returns what this part did; calling it again for a part that is done verifies it and does nothing else
 * @throws as `learn`; InputError SHARD_…_MISMATCH when images, models, settings or version are not those of the other
 *   parts
 */
export function learnShard(options: LearnOptions & PartChoice): Promise<ShardResult> {
  return interruptible(options, async () => {
    const { session, warnings } = openSession(options);
    const settings = phaseOptionsOf(options, 'learn');
    refuseImplausible(settings);
    refuseInt8(settings);
    const number = whichShard(options.shard, process.env);
    const store = await openOutput(settings, session);
    const listed = await listedConcepts(settings);
    const place = { store, session };
    const input = await inputImages(inputsOf(options.images), settings.trainIndices, settings, place);
    try {
      const composed = await composeStages(settings, session, { words: false });
      try {
        const { detector, embedder } = composed.stages;
        const part = await runPart({
          kind: 'baseline',
          number,
          options: settings,
          session,
          composed,
          stages: composed.stages,
          models: { detector: detector.info, embedder: embedder.info },
          input,
          baselineKey: listed.length > 0 ? JSON.stringify(listed) : null,
          baselineFolder: null,
          store,
        });
        return { ...part, warnings };
      } finally {
        await composed.close();
      }
    } finally {
      await input.close();
    }
  });
}

/** One part of `detect`, as `learnShard` is one of `learn`. @throws as `detect` and `learnShard` */
export function detectShard(options: DetectOptions & PartChoice): Promise<ShardResult> {
  return interruptible(options, async () => {
    const { session, warnings } = openSession(options);
    const stored = await openStoredBaseline(options.baseline);
    const settings = phaseOptionsOf(options, 'detect', stored.inherited);
    refuseImplausible(settings);
    refuseInt8(settings);
    const number = whichShard(options.shard, process.env);
    const store = await openOutput(settings, session);
    const place = { store, session };
    const input = await inputImages(inputsOf(options.images), settings.testIndices, settings, place);
    try {
      const composed = await composeStages(settings, session, {
        words: true,
        inherited: stored.inheritedModels(options),
      });
      try {
        const { words } = composed;
        if (!words) throw new TypeError('The detect phase was composed without words');
        checkSameModels(stored, composed, settings, session.logger);
        const stages = { ...composed.stages, captioner: words.captioner };
        const part = await runPart({
          kind: 'detection',
          number,
          options: settings,
          session,
          composed,
          stages,
          models: {
            detector: stages.detector.info,
            embedder: stages.embedder.info,
            captioner: stages.captioner.info,
            similarity: words.similarity.info,
          },
          input,
          baselineKey: stored.contentKey,
          baselineFolder: stored.folder,
          store,
        });
        return { ...part, warnings };
      } finally {
        await composed.close();
      }
    } finally {
      await input.close();
    }
  });
}

/**
 * Makes the finished run of a sharded one's parts: the same files that one machine would have written, timestamps and
 * timings aside. May be called again after it was stopped.
 *
 * @param folder the output folder, or the unfinished run in it where there are several
 * @throws InputError SHARD_MISSING, SHARD_CONFIG_MISMATCH, SHARD_MODEL_MISMATCH, SHARD_VERSION_MISMATCH,
 *   SHARD_LIST_MISMATCH, SHARD_DAMAGED; as `learn` and `detect` after their last image
 */
export function merge(folder: string, options: MergeOptions = {}): Promise<MergeResult> {
  return interruptible(options, async () => {
    const { session, warnings } = openSession(options);
    return { ...(await mergeParts(folder, session, 1000 * (options.waitSeconds ?? 0))), warnings };
  });
}

/** How far every part of a sharded run is. @throws InputError where the folder holds none, or several */
export async function shardStatus(folder: string): Promise<ShardedStatus> {
  const run = await findShardedRun(folder);
  return shardedStatus(run, await readPlan(run), systemClock);
}

/** Parts would each make int8 models of their own images. */
function refuseInt8({ precision }: PhaseOptions): void {
  if (precision !== 'int8') return;
  throw new ConfigError("A part of a run can't make int8 models", {
    hint: 'Make them once with hazure models quantize, and give their files as options detector and embedder.',
  });
}
