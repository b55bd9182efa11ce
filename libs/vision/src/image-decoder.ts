import sharp from 'sharp';
import {
  InputError,
  messageOf,
  type DecodedImage,
  type ImageDecoder,
  type ImageRef,
} from '@hazure/contracts';
import { decodeSpecial, openImage } from './image-source.js';

export interface ImageDecoderOptions {
  /** Larger images are refused before they are decoded; sharp's own default guards against decompression bombs. */
  readonly maxPixels?: number;
  /** An image that takes longer to decode is a failure. */
  readonly timeLimitMs?: number;
}

export const DEFAULT_MAX_PIXELS = 0x3fff ** 2;
/** Some 3,000 times what a photo of 1920 × 1080 takes. */
const DEFAULT_TIME_LIMIT_MS = 30_000;
/** libvips looks at its own limit only between pieces of work, and calls wait for a thread first. */
const STUCK_FACTOR = 8;

/** The error of an image that can't be decoded. */
export function unreadable(ref: ImageRef, cause: unknown): InputError {
  return new InputError('INPUT_UNREADABLE', `Can't decode ${ref.id}: ${messageOf(cause).split('\n')[0]}`, {
    cause,
    hint: 'Open the file in a viewer; replace or remove it if it is damaged.',
  });
}

/**
 * Decodes with libvips through sharp, and what libvips doesn't know beside it (BMP, PNM): EXIF orientation applied, alpha flattened on white, 16-bit, CMYK and greyscale
 * turned into 8-bit sRGB. The first page of animated or multi-page files. A truncated file is an error, not a
 * half-grey picture.
 */
export class SharpImageDecoder implements ImageDecoder {
  readonly maxPixels: number;
  readonly timeLimitMs: number;

  constructor(options: ImageDecoderOptions = {}) {
    this.maxPixels = options.maxPixels ?? DEFAULT_MAX_PIXELS;
    this.timeLimitMs = options.timeLimitMs ?? DEFAULT_TIME_LIMIT_MS;
    // one image per call and many calls at once: libvips' own threads and cache would only compete
    sharp.concurrency(1);
    sharp.cache(false);
  }

  /** @throws InputError INPUT_UNREADABLE */
  async decode(ref: ImageRef): Promise<DecodedImage> {
    try {
      const source = await openImage(ref);
      const special = await decodeSpecial(source, ref.id, this);
      if (special) return { ref, ...special };
      const { data, info } = await this.within(
        sharp(source.input, {
          limitInputPixels: this.maxPixels,
          failOn: 'truncated',
          sequentialRead: true,
        })
          .timeout({ seconds: Math.max(1, Math.round(this.timeLimitMs / 1000)) })
          .autoOrient()
          .flatten({ background: '#ffffff' })
          .toColourspace('srgb')
          .raw({ depth: 'uchar' })
          .toBuffer({ resolveWithObject: true }),
      );
      return { ref, widthPx: info.width, heightPx: info.height, data: threeChannels(data, info.channels) };
    } catch (cause) {
      throw unreadable(ref, cause);
    }
  }

  /** A decoder that never comes back costs its thread, but not the run. */
  private async within<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const limitMs = STUCK_FACTOR * this.timeLimitMs;
    const stuck = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no picture after ${limitMs / 1000} s`)), limitMs);
    });
    try {
      return await Promise.race([work, stuck]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** libvips keeps greyscale at one channel in some paths. */
function threeChannels(data: Buffer, channels: number): Uint8Array {
  if (channels === 3) return data;
  const pixels = data.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = data[channels * i + (channels >= 3 ? c : 0)];
  }
  return rgb;
}
