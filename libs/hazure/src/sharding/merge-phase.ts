import { enginePrecision } from '../compose/quantised.js';
import { noteInputs } from '../finished-run.js';
import { setTimeout as pause } from 'node:timers/promises';
import {
  InputError,
  InterruptedError,
  parseIndexRanges,
  parsePhaseOptions,
  type Detector,
  type Embedder,
  type ImageRef,
  type ModelInfo,
  type PhaseOptions,
  type ShardPlan,
} from '@hazure/contracts';
import { loadEngine } from '@hazure/native-engine';
import type { StoreOptions } from '@hazure/models';
import {
  detectOutliers,
  learnBaseline,
  type DetectSummary,
  type ObjectStages,
  type PhaseSummary,
  type RunContext,
} from '@hazure/pipeline';
import { ReportPresenter } from '@hazure/report';
import {
  DirectoryRunStore,
  MergedShards,
  checkIdentity,
  findShardedRun,
  openMerge,
  readPlan,
  shardedStatus,
  timestamp,
  type ShardedStatus,
} from '@hazure/run-store';
import { openInputs, type Inputs } from '@hazure/inputs';
import { SharpCropEncoder, SharpImageDecoder } from '@hazure/vision';
import { composeAccelerator } from '../compose/accelerator.js';
import { openStoredBaseline } from '../compose/baseline.js';
import { composeExpander, listedConcepts } from '../compose/semantics.js';
import { composeSimilarity } from '../compose/similarity.js';
import { pullProgress } from '../compose/pull-progress.js';
import type { Session } from '../session.js';
import { HAZURE_VERSION } from '../version.js';

export type MergeSummary =
  ({ readonly kind: 'baseline' } & PhaseSummary) | ({ readonly kind: 'detection' } & DetectSummary);

/**
 * Makes one finished run of the parts of a sharded one: the stages after the stream of images, over the parts' pieces.
 * Neither detector nor embedder is loaded. A merge that was stopped is begun again from the pieces, which stay.
 *
 * @param path output folder, or the unfinished run in it
 * @param waitMs longest to wait for parts that are not done; whatever keeps them from it is only told afterwards
 * @throws InputError SHARD_MISSING, SHARD_…_MISMATCH, SHARD_DAMAGED, and what `learn` and `detect` throw after their
 *   last image
 */
export async function mergeParts(path: string, session: Session, waitMs = 0): Promise<MergeSummary> {
  if (waitMs > 0) await allDone(path, session, waitMs);
  const partial = await findShardedRun(path);
  const plan = await readPlan(partial).catch((cause: unknown) => {
    throw cause instanceof InputError && cause.code === 'ARTIFACT_MISSING'
      ? new InputError('SHARD_MISSING', `No part of ${partial} has begun`, {
          cause,
          hint: 'Run the parts first.',
        })
      : cause;
  });
  checkVersion(plan);
  const shards = await MergedShards.open(partial, plan);
  const name = `${plan.kind}_${timestamp(session.clock.now())}`;
  const options = parsePhaseOptions(plan.options);
  const input = await imagesAgain(plan, options, session);
  const folder = await openMerge(partial, shards, name);
  session.logger.info(`merge: ${plan.ranges.length} parts, ${plan.total} images of ${plan.given.join(', ')}`);
  try {
    const context: RunContext = {
      options,
      inputFolder: plan.inputFolder,
      refs: { length: plan.total, from: (position) => input?.images(position) ?? nothing() },
      folder,
      stages: stagesOf(plan),
      streamOptions: {
        saveCrops: options.saveCrops,
        maskBackground: options.maskBackground,
        chunkImages: plan.chunkImages,
        chunkBytes: plan.chunkBytes,
        decodeConcurrency: 1,
      },
      presenter: new ReportPresenter(session.clock, HAZURE_VERSION),
      clock: session.clock,
      logger: session.logger,
      progress: session.progress,
      signal: session.signal,
      hazureVersion: HAZURE_VERSION,
      resumeKey: plan.identity.resumeKey,
      versions: plan.versions,
    };
    await noteInputs(folder, { state: plan.inputState, total: plan.total });
    return plan.kind === 'baseline'
      ? { kind: 'baseline', ...(await mergeBaseline(plan, context, session)) }
      : { kind: 'detection', ...(await mergeDetection(plan, context, session)) };
  } catch (error) {
    await folder.release();
    throw error;
  } finally {
    await input?.close();
  }
}

/**
 * The listing once more, where outliers are to be saved and their crops were not; null where no image is looked at.
 * @throws InputError SHARD_LIST_MISMATCH when it is no longer what the parts worked on
 */
async function imagesAgain(plan: ShardPlan, options: PhaseOptions, session: Session): Promise<Inputs | null> {
  if (plan.kind !== 'detection' || options.saveCrops || !options.saveOutliers) return null;
  const { every, limit, exclude, inputRoot } = options;
  const runs = new DirectoryRunStore(options.outputDir, session.clock);
  const inputs = await openInputs(plan.given, {
    ...(every !== undefined ? { every } : {}),
    ...(limit !== undefined ? { limit } : {}),
    ...(exclude !== undefined ? { exclude } : {}),
    ...(inputRoot !== undefined ? { root: inputRoot } : {}),
    selected: parseIndexRanges(options.testIndices),
    leaveOut: (path) => runs.holds(path),
    signal: session.signal,
    logger: session.logger,
  });
  try {
    checkIdentity(plan.identity, { ...plan.identity, inputs: inputs.identity }, 'This merge');
  } catch (error) {
    await inputs.close();
    throw error;
  }
  return inputs;
}

async function mergeBaseline(plan: ShardPlan, context: RunContext, session: Session): Promise<PhaseSummary> {
  const { options } = context;
  const listed = await listedConcepts(options);
  checkSame(plan, {
    baselineKey: listed.length > 0 ? JSON.stringify(listed) : null,
    models: plan.identity.models,
  });
  return learnBaseline({
    ...context,
    accelerator: composeAccelerator(),
    expander: composeExpander(options, storeOptions(options, session), session.logger),
    listedConcepts: listed,
    modelSources: plan.modelSources,
  });
}

async function mergeDetection(
  plan: ShardPlan,
  context: RunContext,
  session: Session,
): Promise<DetectSummary> {
  const { options } = context;
  const stored = await openStoredBaseline(plan.baselineFolder ?? '');
  const { similarity, close } = await composeSimilarity({
    options,
    embedderSource: plan.modelSources['embedder'],
    engine: loadEngine(),
    session: { device: options.device, precision: enginePrecision(options), threads: options.threads },
    store: storeOptions(options, session),
  });
  try {
    checkSame(plan, {
      baselineKey: stored.contentKey,
      models: { ...plan.identity.models, similarity: similarity.info },
    });
    return await detectOutliers({ ...context, baseline: await stored.load(), similarity });
  } finally {
    await close();
  }
}

function storeOptions(options: PhaseOptions, session: Session): StoreOptions {
  return {
    ...(options.offline ? { offline: true } : {}),
    onProgress: pullProgress(session),
    signal: session.signal,
  };
}

function checkVersion({ identity }: ShardPlan): void {
  checkIdentity(identity, { ...identity, hazureVersion: HAZURE_VERSION }, 'This merge');
}

/** What the merge itself reads must be what the parts had. */
function checkSame(
  { identity }: ShardPlan,
  own: { readonly baselineKey: string | null; readonly models: Readonly<Record<string, ModelInfo>> },
): void {
  checkIdentity(
    identity,
    { ...identity, baselineKey: own.baselineKey, models: { ...own.models } },
    'This merge',
  );
}

/** What is told about the stages that the parts ran; they are never asked to work again. */
function stagesOf({ identity, detectorClasses, wholeImages, embeddingDimensions }: ShardPlan): ObjectStages {
  const { detector, embedder, captioner } = identity.models;
  const idle = async (): Promise<never> => {
    throw new TypeError('A merge runs no models over images');
  };
  return {
    // outliers whose crops were not saved are cut again
    decoder: new SharpImageDecoder(),
    encoder: new SharpCropEncoder(),
    // Required: a member that the end stages ask for and that is forgotten here would change verdicts in silence
    detector: {
      info: detector,
      classNames: detectorClasses,
      wholeImages,
      detect: idle,
      close: async () => undefined,
    } satisfies Required<Detector>,
    embedder: {
      info: embedder,
      dimensions: embeddingDimensions,
      embed: idle,
      close: async () => undefined,
    } satisfies Required<Embedder>,
    captioner:
      captioner === undefined ? null : { info: captioner, caption: idle, close: async () => undefined },
  };
}

async function* nothing(): AsyncGenerator<ImageRef> {}

const LOOK_MS = 5_000;

async function allDone(path: string, session: Session, waitMs: number): Promise<void> {
  const until = session.clock.monotonicMs() + waitMs;
  let told = -1;
  while (session.clock.monotonicMs() < until) {
    const status = await statusSoFar(path, session);
    if (status?.complete) return;
    if (status && status.done !== told) {
      told = status.done;
      session.logger.info(`merge: waiting; ${status.done} of ${status.images} images are done`);
    }
    await pause(Math.min(LOOK_MS, waitMs), undefined, { signal: session.signal }).catch((cause: unknown) => {
      throw new InterruptedError('Interrupted while parts were still running', { cause });
    });
  }
}

/** null where no part has begun yet. */
async function statusSoFar(path: string, { clock }: Session): Promise<ShardedStatus | null> {
  try {
    const run = await findShardedRun(path);
    return await shardedStatus(run, await readPlan(run), clock);
  } catch (error) {
    const notYet = error instanceof InputError && /^(INPUT|ARTIFACT)_MISSING$/.test(error.code);
    if (notYet) return null;
    throw error;
  }
}
