export * from './api.js';
export * from './heads.js';
export { loadEngine } from './engine.js';
export { defaultTensorRtCacheDir } from './session-options.js';
export { addonPath } from './load-binding.js';
export { cacheRoot } from './cache-dir.js';
export * from './gpu-runtime.js';
export { runtimeLibrary } from './runtime-library.js';
export type { RuntimeLibrary } from './runtime-library.js';
