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
  type PhaseOptions,
} from '@hazure/contracts';
import { REGISTRY } from '@hazure/models';
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
import {
  composeStages,
  quantiseReportOf,
  withInt8Models,
  type ComposedStages,
  type QuantiseReport,
} from '@hazure/hazure';
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
    const int8 = await int8Options(refs, plan, session);
    const { composed, setting } = await composeFirst(plan, int8, session);
    try {
      return await benchOver({ refs, composed, setting, int8, plan, plot: chosen.plot, session });
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
  int8: PhaseOptions | null,
  session: Session,
): Promise<{ composed: ComposedStages; setting: BenchSetting }> {
  let firstError: unknown;
  for (const setting of plan.settings) {
    try {
      return {
        composed: await composeStages(
          { ...(setting.precision === 'int8' && int8 ? int8 : plan.options), ...setting },
          session,
        ),
        setting,
      };
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
  /** Options with the int8 models in place of the float ones; null where no setting asks for int8. */
  readonly int8: PhaseOptions | null;
  readonly plan: BenchPlan;
  /** Where the plot goes, if anywhere. */
  readonly plot: string | undefined;
  readonly session: Session;
}

/** The models of a precision, the detector first where there is one. */
interface BenchPair {
  readonly detector: BenchModel | null;
  readonly embedder: BenchModel;
}

/** Every model in every setting; a device that is not there is left out of a comparison, alone it is an error. */
async function sweepAll(
  pairOf: (setting: BenchSetting) => BenchPair,
  plan: BenchPlan,
  session: Session,
): Promise<{ points: BenchPoint[]; skipped: string[] }> {
  const points: BenchPoint[] = [];
  const skipped: string[] = [];
  let firstError: unknown;
  for (const setting of plan.settings) {
    const { detector, embedder } = pairOf(setting);
    for (const model of detector ? [detector, embedder] : [embedder]) {
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
  int8,
  plan,
  plot,
  session,
}: BenchWork): Promise<CommandOutcome> {
  const { logger, clock, signal } = session;
  const engine = loadEngine();
  const input = await sweepInput(refs, composed, session);
  const { store } = composed;
  const modelSources = sourcesOf(plan.options, composed, setting);
  const detector = await benchDetector(modelSources.detector, engine, store, plan.options, input);
  const embedder = await benchEmbedder(modelSources.embedder, engine, store, input);
  const quantised = int8 && {
    detector: detector && (await benchDetector(int8.detector!, engine, store, plan.options, input)),
    embedder: await benchEmbedder(int8.embedder!, engine, store, input),
  };
  const pairOf = ({ precision }: BenchSetting): BenchPair =>
    precision === 'int8' && quantised ? quantised : { detector, embedder };
  const { points, skipped } = await sweepAll(pairOf, plan, session);

  const objectsPerImage = input.regions.length / input.images.length;
  const costs = await int8Costs(int8);
  const dear = costs.filter(({ agreement, maxLoss }) => agreement.loss > maxLoss);
  for (const { source, because } of dear) skipped.push(`int8 is not recommended: ${source.name}, ${because}`);
  const recommendation = recommend(
    dear.length > 0 ? points.filter(({ precision }) => precision !== 'int8') : points,
    objectsPerImage,
  );
  logger.info(`whole pipeline over ${refs.length} images, and inference alone, ${plan.rounds} times in turn`);
  const bare = (model: BenchModel): { batchSize: number } & BenchModel['bare'] => ({
    ...model.bare,
    batchSize: recommendation?.batchSize ?? 1,
  });
  const own = pairOf(setting);
  const endToEnd = await measureEndToEnd({
    composed,
    engine,
    session: sessionOptions(setting),
    detector: own.detector && bare(own.detector),
    embedder: bare(own.embedder),
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
      int8: costs,
      recommendation,
      versions: composed.versions,
    },
    text: [
      renderBench(points, endToEnd, recommendation, skipped),
      ...costs.map(({ source, because }) => `int8 ${source.name}: ${because}`),
      ...(plot === undefined ? [] : [`plot:             ${plot}`]),
    ].join('\n'),
    exitCode: EXIT.done,
  };
}

/** The plan's models in int8, made from the images of the bench where none were before; null when it names no int8. */
async function int8Options(
  refs: readonly ImageRef[],
  plan: BenchPlan,
  session: Session,
): Promise<PhaseOptions | null> {
  if (!plan.settings.some(({ precision }) => precision === 'int8')) return null;
  const identity = refs.map(({ index, id, bytes }) => `${index} ${id} ${bytes}`).join('\n');
  const images = async function* (): AsyncGenerator<ImageRef> {
    yield* refs;
  };
  return withInt8Models(
    { ...plan.options, precision: 'int8' },
    { total: refs.length, identity, images },
    session,
  );
}

/** What the int8 models cost in accuracy, by their own reports. */
async function int8Costs(int8: PhaseOptions | null): Promise<QuantiseReport[]> {
  const reports: QuantiseReport[] = [];
  for (const path of [int8?.detector, int8?.embedder]) {
    const report = path === undefined ? null : await quantiseReportOf(path);
    if (report) reports.push(report);
  }
  return reports;
}

/** The float models, also where the pipeline runs in int8. */
function sourcesOf(
  options: PhaseOptions,
  { modelSources }: ComposedStages,
  { precision }: BenchSetting,
): ComposedStages['modelSources'] {
  if (precision !== 'int8') return modelSources;
  const pack = REGISTRY.packs[options.models];
  return { detector: options.detector ?? pack.detector, embedder: options.embedder ?? pack.embedder };
}

const sessionOptions = ({ device, precision, threads }: BenchSetting): SessionOptions => ({
  device: precision === 'int8' && device === 'auto' ? 'cpu' : device,
  precision: precision === 'int8' ? 'fp32' : precision,
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
      precision: setting.precision === 'int8' ? 'int8' : precision,
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
