import {
  ARTIFACTS,
  HazureError,
  type ModelInfo,
  type PhaseOptions,
  type ShardIdentity,
  type ShardPlan,
} from '@hazure/contracts';
import { StageTimes, streamObjects, type ObjectStages } from '@hazure/pipeline';
import {
  ShardPart,
  checkIdentity,
  freezePlan,
  shardedFolder,
  type DirectoryRunStore,
} from '@hazure/run-store';
import type { ComposedStages } from '../compose/stages.js';
import { decidingOptions, resumeKey } from '../compose/resume-key.js';
import type { InputImages } from '../phase-request.js';
import type { Session } from '../session.js';
import { HAZURE_VERSION } from '../version.js';
import { splitByBytes } from './split.js';
import type { ShardNumber } from './which-shard.js';

/** One part of a phase that many machines share. */
export interface PartRequest {
  readonly kind: ShardPlan['kind'];
  readonly number: ShardNumber;
  readonly options: PhaseOptions;
  readonly session: Session;
  readonly composed: ComposedStages;
  readonly stages: ObjectStages;
  /** Models that decide results: those of the resume key. */
  readonly models: Readonly<Record<string, ModelInfo>>;
  readonly input: InputImages;
  readonly baselineKey: string | null;
  readonly baselineFolder: string | null;
  readonly store: DirectoryRunStore;
}

export interface PartResult {
  /** The shared, unfinished run folder; merged already: the finished one. */
  readonly folder: string;
  readonly merged: boolean;
  readonly shard: number;
  readonly of: number;
  /** Of this part, failures included. */
  readonly images: number;
  readonly objects: number;
  readonly failures: number;
  readonly seconds: number;
}

/**
 * Works on one part: its images → durable pieces in the folder that all parts share. An attempt that ended early is gone
 * on with; a part that is done is verified and left as it is.
 * @throws InputError SHARD_…_MISMATCH when the part differs from what the run was begun with; OUTPUT_UNWRITABLE while
 *   another process works on it; InterruptedError when stopped, after committing what is done
 */
export async function runPart(request: PartRequest): Promise<PartResult> {
  const { kind, number, options, session, input, store } = request;
  const started = session.clock.monotonicMs();
  const identity = identityOf(request);
  const finished = await store.findFinished(kind, identity.resumeKey);
  if (finished !== null) {
    session.logger.info(`A run of these settings is finished already: ${finished}`);
    return { ...NOTHING, folder: finished, merged: true, shard: number.index, of: number.count };
  }
  const folder = shardedFolder(options.outputDir, kind, input.args);
  const plan = await freezePlan(folder, () => planOf(request, identity));
  const who = `Part ${number.index} of ${number.count}`;
  checkIdentity(plan.identity, identity, who);
  checkCount(plan, number);
  const part = await ShardPart.open({
    folder,
    plan,
    shard: number.index,
    identity,
    clock: session.clock,
    signal: session.signal,
    onWait: (reason) => session.logger.info(`${who}: ${reason}; waiting for it to end`),
  });
  if (part.damagedImages > 0) {
    session.logger.warn(`Pieces of ${part.damagedImages} images were damaged and are made again.`, {
      code: 'SHARD_DAMAGED',
    });
  }
  const range = plan.ranges[number.index - 1];
  session.logger.info(
    `${who}: images ${range.from} to ${range.to} of ${plan.total}, ${part.counts.done} of them done`,
  );
  try {
    await streamObjects({
      refs: { length: plan.total, from: (position) => input.images(position) },
      range,
      folder: part.runFolder,
      stages: request.stages,
      options: {
        ...request.composed.streamOptions,
        chunkImages: plan.chunkImages,
        chunkBytes: plan.chunkBytes,
        thumbnails: kind === 'baseline',
      },
      times: new StageTimes(session.clock),
      progress: session.progress,
      signal: session.signal,
    });
  } catch (error) {
    await part.fail(error);
    throw error;
  }
  await part.finish();
  const { done, objects, failures } = part.counts;
  return {
    folder,
    merged: false,
    shard: number.index,
    of: number.count,
    images: done,
    objects,
    failures,
    seconds: (session.clock.monotonicMs() - started) / 1000,
  };
}

const NOTHING = { images: 0, objects: 0, failures: 0, seconds: 0 };

function identityOf({ kind, options, models, input, baselineKey }: PartRequest): ShardIdentity {
  return {
    hazureVersion: HAZURE_VERSION,
    // what JSON can't tell apart is no difference
    settings: JSON.parse(JSON.stringify(decidingOptions(options))) as Record<string, unknown>,
    models: { ...models },
    inputs: input.identity,
    baselineKey,
    resumeKey: resumeKey({ kind, options, models, inputs: input.identity, baselineKey }),
  };
}

async function planOf(request: PartRequest, identity: ShardIdentity): Promise<ShardPlan> {
  const { kind, number, options, composed, stages, input, baselineFolder } = request;
  const { chunkImages, chunkBytes } = composed.streamOptions;
  const { shard: _, ...whole } = options;
  return {
    format: ARTIFACTS.shardPlan.format,
    kind,
    identity,
    given: [...input.args],
    inputFolder: input.root,
    inputState: input.state,
    total: input.total,
    ranges: await splitByBytes(input.images(), number.count, chunkImages),
    chunkImages,
    chunkBytes,
    options: whole,
    modelSources: { ...composed.modelSources },
    detectorClasses: [...stages.detector.classNames],
    wholeImages: stages.detector.wholeImages ?? false,
    embeddingDimensions: stages.embedder.dimensions,
    versions: { ...composed.versions },
    baselineFolder,
  };
}

function checkCount(plan: ShardPlan, { count }: ShardNumber): void {
  if (plan.ranges.length === count) return;
  throw new HazureError(
    'SHARD_CONFIG_MISMATCH',
    `This is one of ${count} parts, and the run was begun with ${plan.ranges.length}`,
    { hint: 'Give the same number to all parts; in a Slurm array of some tasks only, write --shard I/N.' },
  );
}
