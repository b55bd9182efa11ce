export { decodeBmp } from './bmp.js';
export { decodePnm } from './pnm.js';
export type { DecodeLimits, RgbImage } from './pixels.js';
export { refusalOf } from './refusals.js';
export { hasImageExtension, IMAGE_EXTENSIONS, sniffImage, SNIFF_BYTES, type ImageKind } from './sniff.js';
