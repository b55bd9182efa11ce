export { isImagePath, walkImages } from './walk-images.js';
export { SharpImageDecoder, type ImageDecoderOptions } from './image-decoder.js';
export { SharpCropEncoder } from './crop-encoder.js';
export { pixelRect } from './pixel-rect.js';
export { EngineDetector, TileDetector, tileDetector, type DetectorOptions } from './detector.js';
export { EngineEmbedder } from './embedder.js';
export { FixedBatches, type BatchPlan, type BatchRunner, type LoadedModel } from './batches.js';
export * from './clip-text/index.js';
export * from './masks.js';
export {
  EngineImageDecoder,
  EngineCropEncoder,
  imageDecoder,
  cropEncoder,
  type DecodeTally,
} from './engine-images.js';
