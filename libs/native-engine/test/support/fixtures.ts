import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { PreprocessSpec, RawImage } from '../../src/api.js';

// Tests run with their room as the working folder.
export const repositoryRoot = resolve('../..');

export const tinyModel = (name: string): string =>
  join(repositoryRoot, 'native/tests/models', `${name}.onnx`);

/** Real models beside the checkout; tests that want one are skipped where there is none. */
export const sharedModel = (name: string): string => join(repositoryRoot, '../shared/models', `${name}.onnx`);
export const hasShared = (name: string): boolean => existsSync(sharedModel(name));

/** An image of smooth colour with noise on it, so that neither resizing nor channel order can go unnoticed. */
export function syntheticImage(seed: number, widthPx: number, heightPx: number): RawImage {
  let state = seed;
  const data = new Uint8Array(widthPx * heightPx * 3);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const at = (y * widthPx + x) * 3;
      data[at] = (255 * x) / widthPx;
      data[at + 1] = (255 * y) / heightPx;
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      data[at + 2] = state >>> 24;
    }
  }
  return { data, widthPx, heightPx };
}

export function squareSpec(sidePx: number, changes: Partial<PreprocessSpec> = {}): PreprocessSpec {
  return {
    widthPx: sidePx,
    heightPx: sidePx,
    fit: 'letterbox-centre',
    channelOrder: 'rgb',
    interpolation: 'bilinear',
    scale: 1 / 255,
    mean: [0, 0, 0],
    std: [1, 1, 1],
    padValue: 114,
    ...changes,
  };
}
