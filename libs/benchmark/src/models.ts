import type { DecodedImage, ImageRegion, PhaseOptions } from '@hazure/contracts';
import { describeDetector, describeEmbedder, type StoreOptions } from '@hazure/models';
import type { Engine, SessionOptions } from '@hazure/native-engine';
import { tileDetector } from '@hazure/vision';
import type { BareModel } from './end-to-end.js';
import type { Subject } from './sweep.js';

/** What a sweep feeds the models with. */
export interface BenchInput {
  readonly images: readonly DecodedImage[];
  /** Objects of those images; whole images where none was found. */
  readonly regions: readonly ImageRegion[];
}

/** A model that can be loaded in one setting after the other. */
export interface BenchModel {
  readonly name: string;
  readonly role: 'detector' | 'embedder';
  readonly bare: Omit<BareModel, 'batchSize'>;
  load(session: SessionOptions): Promise<LoadedSubject>;
}

export interface LoadedSubject extends Subject {
  readonly device: string;
  readonly precision: string;
  close(): Promise<void>;
}

/** Host memory of this process, or what is in use on a CUDA device. */
function memoryGauge(engine: Engine, device: string): () => number {
  const read = (): number => {
    if (device === 'cpu') return process.memoryUsage.rss();
    const memory = engine.memory().find((each) => each.device.startsWith('cuda'));
    return memory === undefined ? 0 : memory.totalBytes - memory.freeBytes;
  };
  return read;
}

function taker<T>(items: readonly T[]): (count: number) => T[] {
  let next = 0;
  return (count) => Array.from({ length: count }, () => items[next++ % items.length]);
}

/** The detector of the options; null where tiles or whole images are judged. */
export async function benchDetector(
  nameOrPath: string,
  engine: Engine,
  store: StoreOptions,
  options: PhaseOptions,
  input: BenchInput,
): Promise<BenchModel | null> {
  if (tileDetector(nameOrPath)) return null;
  const described = await describeDetector(nameOrPath, store);
  const { confThres: confidence, iouThres: iou, maxDetections } = options;
  const { model, preprocess, head } = described;
  return {
    name: model.name,
    role: 'detector',
    bare: { path: model.path, widthPx: preprocess.widthPx, heightPx: preprocess.heightPx },
    load: async (session) => {
      const before = usedBefore(engine);
      const loaded = await engine.loadDetector({ modelPath: model.path, preprocess, head, session });
      const take = taker(input.images);
      const used = memoryGauge(engine, loaded.device);
      return {
        ...loaded,
        usedBytes: () => used() - before(loaded.device),
        call: (items) => loaded.detect(take(items), { confidence, iou, maxDetections }),
      };
    },
  };
}

export async function benchEmbedder(
  nameOrPath: string,
  engine: Engine,
  store: StoreOptions,
  input: BenchInput,
): Promise<BenchModel> {
  const { model, preprocess, output, normalise } = await describeEmbedder(nameOrPath, store);
  return {
    name: model.name,
    role: 'embedder',
    bare: { path: model.path, widthPx: preprocess.widthPx, heightPx: preprocess.heightPx },
    load: async (session) => {
      const before = usedBefore(engine);
      const loaded = await engine.loadEmbedder({
        modelPath: model.path,
        preprocess,
        output,
        normalise,
        session,
      });
      const take = taker(input.regions);
      const used = memoryGauge(engine, loaded.device);
      return {
        ...loaded,
        usedBytes: () => used() - before(loaded.device),
        call: (items) => loaded.embed(take(items)),
      };
    },
  };
}

/** Memory in use before a model is loaded, by the device that it then turns out to be on. */
function usedBefore(engine: Engine): (device: string) => number {
  const host = memoryGauge(engine, 'cpu')();
  const gpu = memoryGauge(engine, 'cuda')();
  return (device) => (device === 'cpu' ? host : gpu);
}
