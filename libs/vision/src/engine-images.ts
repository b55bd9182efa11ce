import type { CropEncoder, DecodedImage, ImageDecoder, ImageRef, ImageRegion } from '@hazure/contracts';
import { InputError } from '@hazure/contracts';
import type { Engine, JpegDecoding } from '@hazure/native-engine';
import { CROP_JPEG_QUALITY, SharpCropEncoder } from './crop-encoder.js';
import {
  DEFAULT_MAX_PIXELS,
  SharpImageDecoder,
  unreadable,
  type ImageDecoderOptions,
} from './image-decoder.js';
import { pixelRect } from './pixel-rect.js';

/** Who decoded how many images. */
export interface DecodeTally {
  readonly native: number;
  /** By sharp, with why the engine left each to it; the reasons name no file. */
  readonly sharp: ReadonlyMap<string, number>;
}

/**
 * Plain JPEGs are read and decoded on the engine's own threads, by libjpeg-turbo, into the memory that preprocessing
 * reads; everything else by sharp. Both give the same pixels, and a file that either finds damaged is judged by sharp.
 */
export class EngineImageDecoder implements ImageDecoder {
  private readonly sharp: SharpImageDecoder;
  private readonly maxPixels: number;
  private native = 0;
  private readonly left = new Map<string, number>();
  /** Pixels in the engine's memory. */
  private readonly own = new WeakSet<Uint8Array>();

  constructor(
    private readonly engine: Pick<Engine, 'decodeJpeg' | 'releaseImage'>,
    options: ImageDecoderOptions = {},
  ) {
    this.maxPixels = options.maxPixels ?? DEFAULT_MAX_PIXELS;
    this.sharp = new SharpImageDecoder(options);
  }

  get tally(): DecodeTally {
    return { native: this.native, sharp: this.left };
  }

  /** @throws InputError INPUT_UNREADABLE */
  async decode(ref: ImageRef): Promise<DecodedImage> {
    const { decoded, bytes } = await this.decodeNatively(ref);
    if (decoded.declined === undefined) {
      this.native += 1;
      const { data, widthPx, heightPx } = decoded;
      this.own.add(data);
      return { ref, widthPx, heightPx, data };
    }
    this.left.set(decoded.declined, (this.left.get(decoded.declined) ?? 0) + 1);
    if (bytes === null) return this.sharp.decode(ref);
    // read once; the image must not keep the bytes
    const image = await this.sharp.decode({ ...ref, read: () => Promise.resolve(bytes) });
    return { ...image, ref };
  }

  release(image: DecodedImage): void {
    if (this.own.delete(image.data)) this.engine.releaseImage(image);
  }

  /** @returns the bytes as well where the reference brings them itself */
  private async decodeNatively(ref: ImageRef): Promise<{ decoded: JpegDecoding; bytes: Uint8Array | null }> {
    try {
      const bytes = ref.read ? await ref.read() : null;
      return { decoded: await this.engine.decodeJpeg(bytes ?? ref.path, this.maxPixels), bytes };
    } catch (error) {
      if (ref.read || (error instanceof InputError && error.code === 'INPUT_UNREADABLE')) {
        throw unreadable(ref, error);
      }
      throw error;
    }
  }
}

/** Crops encoded on the engine's own threads, straight from the image's rows; those to be shrunk by sharp. */
export class EngineCropEncoder implements CropEncoder {
  private readonly sharp = new SharpCropEncoder();

  constructor(private readonly engine: Pick<Engine, 'encodeJpeg'>) {}

  encode(region: ImageRegion, maxSidePx?: number): Promise<Uint8Array> {
    if (region.mask) return this.sharp.encode(region, maxSidePx);
    const { left, top, width, height } = pixelRect(region);
    if (maxSidePx !== undefined && Math.max(width, height) > maxSidePx) {
      return this.sharp.encode(region, maxSidePx);
    }
    const box = { x1: left, y1: top, x2: left + width, y2: top + height };
    return this.engine.encodeJpeg({ image: region.image, box }, CROP_JPEG_QUALITY);
  }
}

/** The decoder of this machine: the engine's where it has libjpeg-turbo, else sharp's. @throws DeviceError */
export function imageDecoder(engine: Engine, options: ImageDecoderOptions = {}): ImageDecoder {
  return engine.jpeg().path === null
    ? new SharpImageDecoder(options)
    : new EngineImageDecoder(engine, options);
}

/** The encoder of crops of this machine, chosen as `imageDecoder` does. @throws DeviceError */
export function cropEncoder(engine: Engine): CropEncoder {
  return engine.jpeg().path === null ? new SharpCropEncoder() : new EngineCropEncoder(engine);
}
