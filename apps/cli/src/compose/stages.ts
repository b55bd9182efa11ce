import { resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { ConfigError, type Captioner, type PhaseOptions, type TextSimilarity } from '@hazure/contracts';
import { REGISTRY, describeDetector, describeEmbedder, type StoreOptions } from '@hazure/models';
import { loadEngine, type SessionOptions } from '@hazure/native-engine';
import type { ObjectStages, ObjectStreamOptions } from '@hazure/pipeline';
import {
  EngineDetector,
  EngineEmbedder,
  SharpCropEncoder,
  SharpImageDecoder,
  tileDetector,
} from '@hazure/vision';
import type { Session } from '../session.js';
import { composeBatches } from './batches.js';
import { composeCaptioner } from './captioner.js';
import { composeSimilarity } from './similarity.js';

/** Stages with their models loaded, and how they were found. */
export interface ComposedStages {
  readonly stages: ObjectStages;
  /** For the detect phase; the learn phase needs no words. */
  readonly captioner: Captioner;
  readonly similarity: TextSimilarity;
  readonly streamOptions: ObjectStreamOptions;
  /** What loads the same models again: registry names, or absolute paths. */
  readonly modelSources: Readonly<Record<'detector' | 'embedder', string>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly store: StoreOptions;
  close(): Promise<void>;
}

/** A path becomes absolute, so that it means the same from another folder; names stay. */
function source(nameOrPath: string): string {
  return existsSync(nameOrPath) ? resolve(nameOrPath) : nameOrPath;
}

/** Loads every model that the options ask for and says where each runs. @throws ModelError, DeviceError, ConfigError */
export async function composeStages(options: PhaseOptions, session: Session): Promise<ComposedStages> {
  const engine = loadEngine();
  const pack = REGISTRY.packs[options.models];
  const modelSources = {
    detector: source(options.detector ?? pack.detector),
    embedder: source(options.embedder ?? pack.embedder),
  };
  const store: StoreOptions = {
    ...(options.offline ? { offline: true } : {}),
    onProgress: pullProgress(session),
  };
  const batches = composeBatches(options, engine, session.logger);
  const sessionOptions: SessionOptions = {
    device: options.device,
    precision: options.precision,
    threads: options.threads,
    tensorrt: { batch: batches.profile },
  };

  const tiles = tileDetector(modelSources.detector);
  if (tiles && options.classes)
    throw new ConfigError(`--classes has no meaning with --detector ${modelSources.detector}`);
  const detector =
    tiles ??
    (await EngineDetector.load(engine, await describeDetector(modelSources.detector, store), {
      confidence: options.confThres,
      iou: options.iouThres,
      maxDetections: options.maxDetections,
      ...(options.classes ? { classes: options.classes } : {}),
      session: sessionOptions,
      batches: batches.detector,
    }));
  const embedder = await EngineEmbedder.load(engine, await describeEmbedder(modelSources.embedder, store), {
    session: sessionOptions,
    batches: batches.embedder,
  });
  const captioner = await composeCaptioner(options, store);
  const { similarity, close: closeSimilarity } = await composeSimilarity({
    options,
    embedderSource: modelSources.embedder,
    engine,
    session: sessionOptions,
    store,
  });
  session.logger.info(`detector ${detector.info.name} on ${detector.info.device}`);
  session.logger.info(`embedder ${embedder.info.name} on ${embedder.info.device}`);
  warnOfLicence(detector.info.licence, detector.info.name, session);
  const { usableCores, addonVersion, onnxRuntimeVersion } = engine.info();
  return {
    stages: {
      decoder: new SharpImageDecoder(),
      encoder: new SharpCropEncoder(),
      detector,
      embedder,
      captioner: null,
    },
    captioner,
    similarity,
    streamOptions: {
      saveCrops: options.saveCrops,
      chunkImages: batches.chunkImages,
      chunkBytes: batches.chunkBytes,
      decodeConcurrency: Math.max(2, Math.min(16, usableCores)),
    },
    modelSources,
    store,
    versions: { node: process.versions.node, addon: addonVersion, onnxRuntime: onnxRuntimeVersion },
    close: async () => {
      await Promise.all([detector.close(), embedder.close(), captioner.close(), closeSimilarity()]);
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

/** One progress line per file while models are fetched. */
function pullProgress(
  session: Session,
): (progress: {
  readonly item: string;
  readonly phase: string;
  readonly doneBytes: number;
  readonly totalBytes: number | null;
}) => void {
  const started = new Set<string>();
  return ({ item, phase, doneBytes, totalBytes }) => {
    const stage = phase === 'convert' ? 'convert' : 'download';
    if (!started.has(`${stage} ${item}`)) {
      started.add(`${stage} ${item}`);
      const size = totalBytes === null ? '' : ` (${Math.round(totalBytes / 2 ** 20)} MiB)`;
      session.logger.info(stage === 'convert' ? `Converting ${item}` : `Fetching ${item}${size}`);
    }
    if (stage === 'download') {
      session.progress.update({
        stage,
        done: Math.round(doneBytes / 2 ** 20),
        total: totalBytes === null ? null : Math.round(totalBytes / 2 ** 20),
        unit: 'MiB',
      });
      if (doneBytes === totalBytes) session.progress.finish(stage);
    }
  };
}
