import type {
  DetectorEngine,
  DetectorEngineConfig,
  EmbedderEngine,
  EmbedderEngineConfig,
  Engine,
  InferenceSession,
  SessionOptions,
} from './api.js';
import { loadBinding } from './load-binding.js';
import { guarded, guardedAsync } from './native-errors.js';
import type { RawBinding } from './raw-binding.js';

let engine: Engine | undefined;

/**
 * The engine of this thread; loaded once. Worker threads have their own, over the same libraries.
 *
 * @throws DeviceError ADDON_UNAVAILABLE when the addon is not built or ONNX Runtime does not load
 */
export function loadEngine(): Engine {
  engine ??= engineOver(loadBinding());
  return engine;
}

/** The engine's face over a binding. */
export function engineOver(binding: RawBinding): Engine {
  return {
    info: () => guarded(() => binding.info()),
    memory: () => guarded(() => binding.memory()),
    loadSession: (modelPath, options) => loadSession(binding, modelPath, options),
    loadDetector: (config) => loadDetector(binding, config),
    loadEmbedder: (config) => loadEmbedder(binding, config),
    preprocess: (regions, spec) => guardedAsync(() => binding.preprocess(regions, spec)),
    decodeDetections: (head, outputs, options) =>
      guardedAsync(() => binding.decodeDetections(head, outputs, options)),
  };
}

async function loadSession(
  binding: RawBinding,
  modelPath: string,
  options?: SessionOptions,
): Promise<InferenceSession> {
  const { handle, description } = await guardedAsync(() => binding.loadSession(modelPath, options));
  return {
    ...description,
    run: (feeds) => guardedAsync(() => binding.runSession(handle, feeds)),
    close: () => guardedAsync(() => binding.close(handle)),
  };
}

async function loadDetector(binding: RawBinding, config: DetectorEngineConfig): Promise<DetectorEngine> {
  const { handle, description } = await guardedAsync(() => binding.loadDetector(config));
  return {
    ...description,
    detect: (images, options) => guardedAsync(() => binding.detect(handle, images, options)),
    close: () => guardedAsync(() => binding.close(handle)),
  };
}

async function loadEmbedder(binding: RawBinding, config: EmbedderEngineConfig): Promise<EmbedderEngine> {
  const { handle, description, dimensions } = await guardedAsync(() => binding.loadEmbedder(config));
  return {
    ...description,
    dimensions,
    embed: (regions) => guardedAsync(() => binding.embed(handle, regions)),
    close: () => guardedAsync(() => binding.close(handle)),
  };
}
