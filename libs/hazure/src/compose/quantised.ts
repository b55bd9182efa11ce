import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigError, HazureError, type PhaseOptions } from '@hazure/contracts';
import { describeLeftOut, openInputs } from '@hazure/inputs';
import {
  REGISTRY,
  describeDetector,
  describeEmbedder,
  modelCacheDir,
  summarizeOnnx,
  type StoreOptions,
} from '@hazure/models';
import { loadEngine, type Engine } from '@hazure/native-engine';
import {
  detectorSource,
  embedderSource,
  quantiseModel,
  readQuantiseReport,
  saturates,
  type QuantiseReport,
  type QuantiseSource,
  type QuantiseTarget,
} from '@hazure/quantise';
import { sha256Hex } from '@hazure/run-store';
import { tileDetector } from '@hazure/vision';
import type { Session } from '../session.js';
import { calibrationSet, type CalibrationImages, type Parts } from './calibration.js';
import { pullProgress } from './pull-progress.js';

/** Changes whenever the recipe does, so that no model of an older one is taken from the cache. */
const RECIPE = 1;

export interface QuantiseChoices {
  readonly target?: QuantiseTarget;
  readonly maxLoss?: number;
}

export interface NamedQuantiseRequest extends QuantiseChoices {
  /** Registry name, hub repository or path. */
  readonly model: string;
  /** Folders, files, globs, lists, archives, addresses, videos to calibrate on. */
  readonly images: readonly string[];
  /** Default: in the working folder, the model's name with `-int8.onnx`. */
  readonly out?: string;
  readonly store?: StoreOptions;
}

/**
 * Quantises one model on one's own images: a detector on whole images, an embedder on whole images and a quarter of each, which lie
 * nearer to the objects that it will see.
 *
 * @returns where the model lies and what it costs
 * @throws as `quantiseModel`; ModelError `MODEL_UNSUPPORTED` for a model that is neither detector nor embedder
 */
export async function quantiseNamed(
  request: NamedQuantiseRequest,
  session: Session,
): Promise<{ readonly path: string; readonly report: QuantiseReport }> {
  const store = request.store ?? { onProgress: pullProgress(session), signal: session.signal };
  const source = await describeAny(request.model, store);
  const path = request.out ?? `${source.declaration.name!.replace(/[^\w.-]+/g, '_')}.onnx`;
  const quarters = tileDetector('grid:2x2')!;
  let turn = 0;
  const parts: Parts = async (image) =>
    source.subject.role === 'detector' ? [null] : [null, (await quarters.detect([image]))[0][turn++ % 4].box];
  const { signal, logger } = session;
  const inputs = await openInputs(request.images, { signal, logger });
  try {
    const leftOut = describeLeftOut(inputs.leftOut);
    logger.info(`${inputs.total} images to calibrate on${leftOut === null ? '' : `; ${leftOut}`}`);
    const making = { source, path, inputs, parts, choices: request, engine: loadEngine() };
    return { path, report: await make(making, session) };
  } finally {
    await inputs.close();
  }
}

/** A detector if it can be described as one, else an embedder; the first reason counts when it is neither. */
async function describeAny(model: string, store: StoreOptions): Promise<QuantiseSource> {
  try {
    return detectorSource(await describeDetector(model, store));
  } catch (error) {
    if (!(error instanceof HazureError) || error.code !== 'MODEL_UNSUPPORTED') throw error;
    return embedderSource(await describeEmbedder(model, store));
  }
}

interface Making {
  readonly source: QuantiseSource;
  readonly path: string;
  readonly inputs: CalibrationImages;
  readonly parts: Parts;
  readonly choices: QuantiseChoices;
  readonly engine: Engine;
}

async function make(making: Making, session: Session): Promise<QuantiseReport> {
  const { source, path, inputs, parts, choices, engine } = making;
  const { calibration, heldOut } = await calibrationSet(inputs, parts, session);
  const { target, maxLoss } = choices;
  return quantiseModel({
    engine,
    source,
    calibration,
    heldOut,
    out: path,
    ...(target === undefined ? {} : { target }),
    ...(maxLoss === undefined ? {} : { maxLoss }),
    cpuMicros: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    onProgress: (stage, done, total) =>
      session.progress.update({ stage: `quantise: ${stage}`, done, total, unit: 'steps' }),
    signal: session.signal,
  });
}

/**
 * The options with detector and embedder in int8: from the cache where these images made them already, else made now from
 * these images, and said. Fixed by the source's sha256, the images, the settings of detection and the recipe.
 *
 * @param inputs the baseline's own images
 * @throws ConfigError for another device than the CPU; as `quantiseModel`
 */
export async function withInt8Models(
  options: PhaseOptions,
  inputs: CalibrationImages,
  session: Session,
): Promise<PhaseOptions> {
  if (options.precision !== 'int8') return options;
  const engine = loadEngine();
  const store: StoreOptions = {
    ...(options.offline ? { offline: true } : {}),
    onProgress: pullProgress(session),
    signal: session.signal,
  };
  const pack = REGISTRY.packs[options.models];
  const detectorName = options.detector ?? pack.detector;
  const tiles = tileDetector(detectorName);
  const detector = tiles ? null : await describeDetector(detectorName, store);
  const embedder = await describeEmbedder(options.embedder ?? pack.embedder, store);
  const ofCache = async (source: QuantiseSource, parts: Parts): Promise<string> => {
    if (await isQuantised(source.path)) return source.path;
    const key = sha256Hex(
      JSON.stringify([
        RECIPE,
        source.sha256,
        inputs.identity,
        saturates(engine),
        source.subject,
        detectorName,
      ]),
    );
    const path = join(modelCacheDir(store), 'derived', 'int8', `${key.slice(0, 32)}.onnx`);
    if (await stat(path).catch(() => null)) {
      session.logger.info(`int8 ${source.name}: made from these images before, ${path}`);
    } else {
      session.logger.info(
        `int8 ${source.name}: made now from these images, which takes a few minutes; ${path}`,
      );
      await mkdir(dirname(path), { recursive: true });
      await make({ source, path, inputs, parts, choices: {}, engine }, session);
    }
    sayCost(source, await quantiseReportOf(path), session);
    return path;
  };
  const quantisedDetector = detector && (await ofCache(detectorSource(detector), async () => [null]));
  const parts: Parts =
    tiles !== null
      ? async (image) => (await tiles.detect([image]))[0]!.map(({ box }) => box)
      : await detectedParts(engine, detector!, options);
  return {
    ...options,
    ...(quantisedDetector === null ? {} : { detector: quantisedDetector }),
    embedder: await ofCache(embedderSource(embedder), parts),
  };
}

/** Objects as the float detector finds them, the surest first. */
async function detectedParts(
  engine: Engine,
  { model, head, preprocess }: Awaited<ReturnType<typeof describeDetector>>,
  options: PhaseOptions,
): Promise<Parts> {
  return async (image) => {
    const detector = await engine.loadDetector({
      modelPath: model.path,
      head,
      preprocess,
      session: { device: 'cpu' },
    });
    try {
      const [rows] = await detector.detect([image], {
        confidence: options.confThres,
        iou: options.iouThres,
        maxDetections: options.maxDetections,
      });
      return Array.from({ length: rows!.length / 6 }, (_, i) => {
        const [x1, y1, x2, y2] = rows!.subarray(i * 6, i * 6 + 4);
        return { x1: x1!, y1: y1!, x2: x2!, y2: y2! };
      });
    } finally {
      await detector.close();
    }
  };
}

/** What a quantised model says of itself; null for a name, a tiling or another model. */
export async function quantiseReportOf(path: string): Promise<QuantiseReport | null> {
  if (!(await stat(path).catch(() => null))?.isFile()) return null;
  return readQuantiseReport((await summarizeOnnx(path)).metadata);
}

/** A model that was quantised by hand is used as it is. */
async function isQuantised(path: string): Promise<boolean> {
  return (await summarizeOnnx(path)).opTypes.has('QuantizeLinear');
}

function sayCost(source: QuantiseSource, report: QuantiseReport | null, { logger }: Session): void {
  if (!report) return;
  const line = `int8 ${source.name}: ${report.because}`;
  if (report.advice === 'use') logger.info(line);
  else logger.warn(`${line}. fp32 is the better choice here.`, { code: 'INT8_NOT_WORTH_IT' });
}

/** Arithmetic of a run's models as the engine is told it: int8 models carry their own, between floats. */
export function enginePrecision(options: PhaseOptions): 'auto' | 'fp32' | 'fp16' {
  return options.precision === 'int8' ? 'fp32' : options.precision;
}

/** @throws ConfigError for int8 on a GPU, where ONNX Runtime's integer kernels don't exist */
export function int8Device(options: PhaseOptions): PhaseOptions['device'] {
  if (options.precision !== 'int8' || options.device === 'cpu') return options.device;
  if (options.device === 'auto') return 'cpu';
  throw new ConfigError(`--precision int8 runs on the CPU, not on ${options.device}`, {
    hint: 'For TensorRT make a model with `hazure models quantize MODEL --target tensorrt` and give its path.',
  });
}
