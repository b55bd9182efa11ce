import type {
  DetectorEngine,
  DetectorEngineConfig,
  EmbedderEngine,
  EmbedderEngineConfig,
  Engine,
  InferenceSession,
  SessionOptions,
} from './api.js';
import { openJpegLibrary, type JpegState } from './jpeg-library.js';
import { loadBinding } from './load-binding.js';
import { guarded, guardedAsync } from './native-errors.js';
import type { RawBinding } from './raw-binding.js';
import { rawSessionOptions } from './session-options.js';
import type { RawSessionOptions } from './session-options.js';

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
function engineOver(binding: RawBinding): Engine {
  let jpegState: JpegState | undefined;
  const jpeg = (): JpegState =>
    (jpegState ??= openJpegLibrary((paths) => guarded(() => binding.openJpeg(paths))));
  return {
    info: () => guarded(() => binding.info()),
    providers: () => guarded(() => binding.providers()),
    memory: () => guarded(() => binding.memory()),
    loadSession: (modelPath, options) => loadSession(binding, modelPath, options),
    loadDetector: (config) => loadDetector(binding, config),
    loadEmbedder: (config) => loadEmbedder(binding, config),
    preprocess: (regions, spec) => guardedAsync(() => binding.preprocess(regions, spec)),
    decodeDetections: (head, outputs, options) =>
      guardedAsync(() => binding.decodeDetections(head, outputs, options)),
    jpeg,
    decodeJpeg: async (source, maxPixels) => {
      if (jpeg().path === null) return { declined: 'no libjpeg-turbo was found' };
      return guardedAsync(() => binding.decodeJpeg(source, maxPixels));
    },
    encodeJpeg: async (region, quality) => {
      jpeg();
      return guardedAsync(() => binding.encodeJpeg(region, quality));
    },
    releaseImage: ({ data }) => guarded(() => binding.releasePixels(data)),
    pixelTraffic: () => guarded(() => binding.pixelTraffic()),
  };
}

function sessionOptions(
  binding: RawBinding,
  modelPath: string,
  options: SessionOptions | undefined,
): Promise<RawSessionOptions | undefined> {
  return rawSessionOptions(modelPath, options, () => binding.info().cuda.devices.length > 0);
}

async function withSession<Config extends DetectorEngineConfig | EmbedderEngineConfig>(
  binding: RawBinding,
  config: Config,
): Promise<Omit<Config, 'session'> & { readonly session?: RawSessionOptions | undefined }> {
  if (config === null || typeof config !== 'object') return config;
  return { ...config, session: await sessionOptions(binding, config.modelPath, config.session) };
}

async function loadSession(
  binding: RawBinding,
  modelPath: string,
  options?: SessionOptions,
): Promise<InferenceSession> {
  const { handle, description } = await guardedAsync(async () =>
    binding.loadSession(modelPath, await sessionOptions(binding, modelPath, options)),
  );
  return {
    ...description,
    run: (feeds) => guardedAsync(() => binding.runSession(handle, feeds)),
    close: () => guardedAsync(() => binding.close(handle)),
  };
}

async function loadDetector(binding: RawBinding, config: DetectorEngineConfig): Promise<DetectorEngine> {
  const { handle, description } = await guardedAsync(async () =>
    binding.loadDetector(await withSession(binding, config)),
  );
  return {
    ...description,
    detect: (images, options) => guardedAsync(() => binding.detect(handle, images, options)),
    detectMasks: (images, options) => guardedAsync(() => binding.detectMasks(handle, images, options)),
    close: () => guardedAsync(() => binding.close(handle)),
  };
}

async function loadEmbedder(binding: RawBinding, config: EmbedderEngineConfig): Promise<EmbedderEngine> {
  const { handle, description, dimensions } = await guardedAsync(async () =>
    binding.loadEmbedder(await withSession(binding, config)),
  );
  return {
    ...description,
    dimensions,
    embed: (regions) => guardedAsync(() => binding.embed(handle, regions)),
    close: () => guardedAsync(() => binding.close(handle)),
  };
}
