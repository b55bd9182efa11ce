export * from './api.js';
export { loadEngine } from './engine.js';
export { defaultTensorRtCacheDir } from './session-options.js';
