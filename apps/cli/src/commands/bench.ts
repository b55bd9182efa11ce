import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import {
  DeviceError,
  EXIT,
  InputError,
  messageOf,
  type DecodedImage,
  type ImageRef,
  type ImageRegion,
} from '@hazure/contracts';
import { loadEngine, type SessionOptions } from '@hazure/native-engine';
import { mapConcurrent } from '@hazure/pipeline';
import { writeAtomic } from '@hazure/run-store';
import { walkImages } from '@hazure/vision';
import {
  benchDetector,
  benchEmbedder,
  measureEndToEnd,
  plotBench,
  recommend,
  renderBench,
  sweepBatchSizes,
  type BenchInput,
  type BenchModel,
  type BenchPlan,
  type BenchPoint,
  type BenchSetting,
} from '@hazure/benchmark';
import { benchPlan } from '../options/bench.js';
import { commandOptions } from '../options/resolve.js';
import { composeStages, type ComposedStages } from '@hazure/hazure';
import type { CommandOutcome } from '../console/outcome.js';
import { composeDemo, ensureEmoji } from '@hazure/demo-scenes';
import type { Session } from '../session.js';

const CPU_SIZES = [1, 2, 4, 8, 16];
const GPU_SIZES = [1, 2, 4, 8, 16, 32, 64, 128];
/** Pixels that a sweep keeps in memory: the network, not the disk, is under test there. */
const SWEEP_IMAGES = 32;
/** Scenes made where no folder is given. */
const MADE_IMAGES = 48;

/** `hazure bench [IMAGES]`: batch sizes × precision × device × threads, and the pipeline against inference alone. */
export async function benchCommand(
  session: Session,
  command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const chosen = commandOptions(command, 'bench');
  const plan = benchPlan(chosen);
  const scratch = await mkdtemp(join(tmpdir(), 'hazure-bench-'));
  try {
    const refs = await benchImages(args[0], plan, scratch, session);
    const { composed, setting } = await composeFirst(plan, session);
    try {
      return await benchOver({ refs, composed, setting, plan, plot: chosen.plot, session });
    } finally {
      await composed.close();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The pipeline in the first setting that this machine has. @throws DeviceError of the first when it has none */
async function composeFirst(
  plan: BenchPlan,
  session: Session,
): Promise<{ composed: ComposedStages; setting: BenchSetting }> {
  let firstError: unknown;
  for (const setting of plan.settings) {
    try {
      return { composed: await composeStages({ ...plan.options, ...setting }, session), setting };
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      firstError ??= error;
    }
  }
  throw firstError;
}

interface BenchWork {
  readonly refs: readonly ImageRef[];
  readonly composed: ComposedStages;
  /** What the whole pipeline runs in. */
  readonly setting: BenchSetting;
  readonly plan: BenchPlan;
  /** Where the plot goes, if anywhere. */
  readonly plot: string | undefined;
  readonly session: Session;
}

/** Every model in every setting; a device that is not there is left out of a comparison, alone it is an error. */
async function sweepAll(
  models: readonly BenchModel[],
  plan: BenchPlan,
  session: Session,
): Promise<{ points: BenchPoint[]; skipped: string[] }> {
  const points: BenchPoint[] = [];
  const skipped: string[] = [];
  let firstError: unknown;
  for (const setting of plan.settings) {
    for (const model of models) {
      try {
        points.push(...(await sweepModel(model, setting, plan, session)));
      } catch (error) {
        if (!(error instanceof DeviceError)) throw error;
        firstError ??= error;
        skipped.push(`${model.name} on ${setting.device} ${setting.precision}: ${messageOf(error)}`);
      }
    }
  }
  session.progress.finish('sweep');
  if (points.length === 0) throw firstError;
  return { points, skipped };
}

async function benchOver({
  refs,
  composed,
  setting,
  plan,
  plot,
  session,
}: BenchWork): Promise<CommandOutcome> {
  const { logger, clock, signal } = session;
  const engine = loadEngine();
  const input = await sweepInput(refs, composed, session);
  const { modelSources, store } = composed;
  const detector = await benchDetector(modelSources.detector, engine, store, plan.options, input);
  const embedder = await benchEmbedder(modelSources.embedder, engine, store, input);
  const { points, skipped } = await sweepAll(detector ? [detector, embedder] : [embedder], plan, session);

  const objectsPerImage = input.regions.length / input.images.length;
  const recommendation = recommend(points, objectsPerImage);
  logger.info(`whole pipeline over ${refs.length} images, and inference alone, ${plan.rounds} times in turn`);
  const bare = (model: BenchModel): { batchSize: number } & BenchModel['bare'] => ({
    ...model.bare,
    batchSize: recommendation?.batchSize ?? 1,
  });
  const endToEnd = await measureEndToEnd({
    composed,
    engine,
    session: sessionOptions(setting),
    detector: detector && bare(detector),
    embedder: bare(embedder),
    refs,
    rounds: plan.rounds,
    clock,
    logger,
    signal,
  });
  if (plot !== undefined) await writeAtomic(plot, plotBench(points, recommendation));
  const { stages, ...totals } = endToEnd;
  return {
    json: {
      endToEnd: { ...totals, setting },
      stages,
      sweeps: points,
      skipped,
      objectsPerImage,
      recommendation,
      versions: composed.versions,
    },
    text: [
      renderBench(points, endToEnd, recommendation, skipped),
      ...(plot === undefined ? [] : [`plot:             ${plot}`]),
    ].join('\n'),
    exitCode: EXIT.done,
  };
}

const sessionOptions = ({ device, precision, threads }: BenchSetting): SessionOptions => ({
  device,
  precision,
  threads,
});

async function sweepModel(
  model: BenchModel,
  setting: BenchSetting,
  plan: BenchPlan,
  { clock, signal, logger, progress }: Session,
): Promise<BenchPoint[]> {
  const subject = await model.load(sessionOptions(setting));
  try {
    const batchSizes = plan.batchSizes ?? (subject.device === 'cpu' ? CPU_SIZES : GPU_SIZES);
    logger.info(`sweep of ${model.name} on ${subject.device}: batches of ${batchSizes.join(', ')}`);
    const points = await sweepBatchSizes(subject, {
      batchSizes,
      secondsEach: plan.secondsEach,
      rounds: plan.rounds,
      clock,
      signal,
      onPoint: (done, total) => progress.update({ stage: 'sweep', done, total, unit: 'points' }),
    });
    const { device, precision, streams } = subject;
    const { threads } = setting;
    return points.map((point) => ({
      model: model.name,
      role: model.role,
      device,
      precision,
      threads,
      streams,
      ...point,
    }));
  } finally {
    await subject.close();
  }
}

/** Some of the images decoded, and the objects that the run's own detector finds in them. */
async function sweepInput(
  refs: readonly ImageRef[],
  { stages }: ComposedStages,
  { logger }: Session,
): Promise<BenchInput> {
  const images: DecodedImage[] = [];
  const decoded = mapConcurrent(refs.slice(0, SWEEP_IMAGES), 4, async (ref) =>
    stages.decoder.decode(ref).catch((error: unknown) => {
      logger.warn(messageOf(error));
      return null;
    }),
  );
  for await (const image of decoded) if (image !== null) images.push(image);
  if (images.length === 0) {
    throw new InputError('INPUT_UNREADABLE', 'None of the images could be decoded', {
      hint: 'Give a folder of images that open in a viewer.',
    });
  }
  const found = await stages.detector.detect(images);
  const regions: ImageRegion[] = images.flatMap((image, i) => found[i].map(({ box }) => ({ image, box })));
  if (regions.length > 0) return { images, regions };
  logger.warn('The detector found no object in these images: the embedder is measured on whole images.');
  return { images, regions: images.map((image) => ({ image, box: null })) };
}

async function benchImages(
  folder: string | undefined,
  plan: BenchPlan,
  scratch: string,
  { logger, signal }: Session,
): Promise<ImageRef[]> {
  if (folder !== undefined) return (await walkImages(folder)).slice(0, plan.mostImages);
  logger.info('No folder given: measuring on road scenes made up for it');
  const { normalFolder } = await composeDemo(scratch, {
    seed: plan.seed,
    emojiDir: await ensureEmoji({}),
    normalImages: Math.min(MADE_IMAGES, plan.mostImages),
    newImages: 0,
    signal,
  });
  return walkImages(normalFolder);
}
