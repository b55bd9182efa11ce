import { InputError } from '@hazure/contracts';

/** 8-bit sRGB, interleaved, three channels, top row first: `heightPx × widthPx × 3` bytes. */
export interface RgbImage {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly data: Uint8Array;
}

export interface DecodeLimits {
  /** Larger images are refused before memory is taken for them. */
  readonly maxPixels: number;
}

/** An InputError INPUT_UNREADABLE with the reason alone; whoever knows the file's name puts it in front. */
export function unreadable(reason: string, hint?: string): InputError {
  return new InputError('INPUT_UNREADABLE', reason, hint === undefined ? {} : { hint });
}

/** @throws InputError INPUT_UNREADABLE for an empty image or one above the limit */
export function checkSize(widthPx: number, heightPx: number, { maxPixels }: DecodeLimits): void {
  if (widthPx < 1 || heightPx < 1) throw unreadable(`its size is ${widthPx} × ${heightPx}`);
  if (widthPx * heightPx > maxPixels) {
    throw unreadable(`${widthPx} × ${heightPx} exceeds the pixel limit of ${maxPixels}`);
  }
}
