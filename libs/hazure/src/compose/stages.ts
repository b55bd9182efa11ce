import { resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { ConfigError, type PhaseOptions } from '@hazure/contracts';
import { REGISTRY, describeDetector, describeEmbedder, type StoreOptions } from '@hazure/models';
import { loadEngine, type SessionOptions } from '@hazure/native-engine';
import type { ObjectStages, ObjectStreamOptions } from '@hazure/pipeline';
import { EngineDetector, EngineEmbedder, cropEncoder, imageDecoder, tileDetector } from '@hazure/vision';
import { pullProgress } from './pull-progress.js';
import type { Session } from '../session.js';
import { explained, guarded, type InheritedModels } from './inherited-models.js';
import { deviceLines } from './device-lines.js';
import { composeBatches } from './batches.js';
import { enginePrecision, int8Device } from './quantised.js';
import { composeWords, type ComposedWords } from './words.js';

/** Stages with their models loaded, and how they were found. */
export interface ComposedStages {
  readonly stages: ObjectStages;
  /** null in the learn phase, which needs no words. */
  readonly words: ComposedWords | null;
  readonly streamOptions: ObjectStreamOptions;
  /** What loads the same models again: registry names, or absolute paths. */
  readonly modelSources: Readonly<Record<'detector' | 'embedder', string>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly store: StoreOptions;
  close(): Promise<void>;
}

/** Crops with the captioner per question at the server: one is asked about, others are encoded or wait to be. */
const CROPS_PER_QUESTION = 4;

/** What was concluded about a model file and why, once a run. */
function tellReading(role: string, because: readonly string[], session: Session): void {
  for (const sentence of because) session.logger.info(`  ${role} ${sentence}`);
}

function noMasks(detector: string): ConfigError {
  return new ConfigError(`--mask-background needs a detector with masks, and ${detector} has none`, {
    hint: 'Give a segmentation model (yolo export model=yolo11n-seg.pt format=onnx), or leave --mask-background out.',
  });
}

/** A path becomes absolute, so that it means the same from another folder; names stay. */
function source(nameOrPath: string): string {
  return existsSync(nameOrPath) ? resolve(nameOrPath) : nameOrPath;
}

/**
 * Loads every model that the options ask for and says where each runs.
 *
 * @param needs.words whether captions will be asked for: without, neither captioner nor text tower is fetched or loaded
 * @param needs.inherited models that a baseline folder names: they are not fetched for that
 * @throws ModelError, DeviceError, ConfigError
 */
export async function composeStages(
  options: PhaseOptions,
  session: Session,
  needs: { readonly words: boolean; readonly inherited?: InheritedModels } = { words: true },
): Promise<ComposedStages> {
  const engine = loadEngine();
  const pack = REGISTRY.packs[options.models];
  const modelSources = {
    detector: source(options.detector ?? pack.detector),
    embedder: source(options.embedder ?? pack.embedder),
  };
  const store: StoreOptions = {
    ...(options.offline ? { offline: true } : {}),
    onProgress: pullProgress(session),
    signal: session.signal,
  };
  const batches = composeBatches(options, engine, session.logger);
  const sessionOptions: SessionOptions = {
    device: int8Device(options),
    precision: enginePrecision(options),
    threads: options.threads,
    tensorrt: { batch: batches.profile },
  };

  const tiles = tileDetector(modelSources.detector);
  if (tiles && options.classes)
    throw new ConfigError(`option classes has no meaning with option detector ${modelSources.detector}`);
  const { inherited } = needs;
  const detectorStore = tiles ? store : await guarded('detector', modelSources.detector, store, inherited);
  const described = tiles
    ? null
    : await explained('detector', modelSources.detector, detectorStore !== store, () =>
        describeDetector(modelSources.detector, detectorStore),
      );
  if (options.maskBackground && !described?.masks) throw noMasks(modelSources.detector);
  const detector =
    tiles ??
    (await EngineDetector.load(engine, described!, {
      confidence: options.confThres,
      iou: options.iouThres,
      maxDetections: options.maxDetections,
      ...(options.classes ? { classes: options.classes } : {}),
      session: sessionOptions,
      batches: batches.detector,
    }));
  const embedderStore = await guarded('embedder', modelSources.embedder, store, inherited);
  const describedEmbedder = await explained('embedder', modelSources.embedder, embedderStore !== store, () =>
    describeEmbedder(modelSources.embedder, embedderStore),
  );
  const embedder = await EngineEmbedder.load(engine, describedEmbedder, {
    session: sessionOptions,
    batches: batches.embedder,
  });
  const words = needs.words
    ? await explained('pack', options.models, inherited?.pack ?? false, () =>
        composeWords({
          options,
          embedderSource: modelSources.embedder,
          engine,
          session: sessionOptions,
          store: inherited?.pack || embedderStore !== store ? { ...store, offline: true } : store,
          logger: session.logger,
        }),
      )
    : null;
  const models = [detector.info, embedder.info, ...(words ? [words.captioner.info] : [])];
  for (const line of deviceLines(models)) session.logger.info(line);
  if (described) tellReading('detector', described.because, session);
  if (described && !described.suppresses)
    session.logger.info("option iouThres has no effect: the detector's boxes are final");
  tellReading('embedder', describedEmbedder.because, session);
  if (words) session.logger.info(`captions are compared with labels by ${words.similarity.name}`);
  warnOfLicence(detector.info.licence, detector.info.name, session);
  const { usableCores, addonVersion, onnxRuntimeVersion } = engine.info();
  return {
    stages: {
      decoder: imageDecoder(engine),
      encoder: cropEncoder(engine),
      detector,
      embedder,
      captioner: null,
    },
    words,
    streamOptions: {
      saveCrops: options.saveCrops,
      maskBackground: options.maskBackground,
      chunkImages: batches.chunkImages,
      chunkBytes: batches.chunkBytes,
      decodeConcurrency: Math.max(2, Math.min(32, usableCores)),
      ...(words && options.captionUrl !== undefined
        ? { captionCrops: CROPS_PER_QUESTION * options.captionConcurrency }
        : {}),
    },
    modelSources,
    store,
    versions: { node: process.versions.node, addon: addonVersion, onnxRuntime: onnxRuntimeVersion },
    close: async () => {
      await Promise.all([detector.close(), embedder.close(), words?.close()]);
    },
  };
}

function warnOfLicence(licence: string | null, name: string, session: Session): void {
  if (licence?.includes('AGPL')) {
    session.logger.warn(
      `${name} is licensed ${licence}: using it in a service obliges you to share your source code.`,
    );
  }
}
