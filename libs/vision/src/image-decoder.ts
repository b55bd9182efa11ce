import sharp from 'sharp';
import {
  InputError,
  messageOf,
  type DecodedImage,
  type ImageDecoder,
  type ImageRef,
} from '@hazure/contracts';

export interface ImageDecoderOptions {
  /** Larger images are refused before they are decoded; sharp's own default guards against decompression bombs. */
  readonly maxPixels?: number;
}

const DEFAULT_MAX_PIXELS = 0x3fff ** 2;

/**
 * Decodes with libvips through sharp: EXIF orientation applied, alpha flattened on white, 16-bit, CMYK and greyscale
 * turned into 8-bit sRGB. The first page of animated or multi-page files. A truncated file is an error, not a
 * half-grey picture.
 */
export class SharpImageDecoder implements ImageDecoder {
  private readonly maxPixels: number;

  constructor(options: ImageDecoderOptions = {}) {
    this.maxPixels = options.maxPixels ?? DEFAULT_MAX_PIXELS;
    // one image per call and many calls at once: libvips' own threads and cache would only compete
    sharp.concurrency(1);
    sharp.cache(false);
  }

  /** @throws InputError INPUT_UNREADABLE */
  async decode(ref: ImageRef): Promise<DecodedImage> {
    try {
      const { data, info } = await sharp(ref.path, {
        limitInputPixels: this.maxPixels,
        failOn: 'truncated',
        sequentialRead: true,
      })
        .autoOrient()
        .flatten({ background: '#ffffff' })
        .toColourspace('srgb')
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true });
      return { ref, widthPx: info.width, heightPx: info.height, data: threeChannels(data, info.channels) };
    } catch (cause) {
      throw new InputError('INPUT_UNREADABLE', `Can't decode ${ref.id}: ${messageOf(cause).split('\n')[0]}`, {
        cause,
        hint: 'Open the file in a viewer; replace or remove it if it is damaged.',
      });
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
