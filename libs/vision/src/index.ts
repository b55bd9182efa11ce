export { isImagePath, walkImages } from './walk-images.js';
export { SharpImageDecoder, type ImageDecoderOptions } from './image-decoder.js';
export { SharpCropEncoder, pixelRect } from './crop-encoder.js';
