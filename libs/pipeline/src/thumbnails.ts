import { THUMBNAIL_LENGTH, thumbnailOf } from '@hazure/anomaly-scoring';
import { InputError, type DecodedImage } from '@hazure/contracts';

/** Pixels of a side that a thumbnail is made from: eight a cell, which costs a twentieth of a photo's. */
const SAMPLED_SIDE = 192;
/** A unit vector's values, as signed bytes of a common scale. */
const STEPS = 127;

/** The small grey of an image as text: THUMBNAIL_LENGTH signed bytes, base64. */
export function writeThumbnail(image: Pick<DecodedImage, 'data' | 'widthPx' | 'heightPx'>): string {
  const values = thumbnailOf(sampled(image));
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scale = largest > 0 ? STEPS / largest : 0;
  return Buffer.from(Int8Array.from(values, (value) => Math.round(value * scale)).buffer).toString('base64');
}

/** Unit vector of THUMBNAIL_LENGTH values, or zeros. @throws InputError ARTIFACT_INVALID for another length */
export function readThumbnail(text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== THUMBNAIL_LENGTH) {
    throw new InputError(
      'ARTIFACT_INVALID',
      `A thumbnail of images.jsonl has ${bytes.length} values, not ${THUMBNAIL_LENGTH}`,
      { hint: 'Learn the baseline again, or restore the folder.' },
    );
  }
  const values = Float32Array.from(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  const norm = Math.hypot(...values);
  return norm > 0 ? values.map((value) => value / norm) : values;
}

/** Every nth pixel both ways, so that neither side is much above SAMPLED_SIDE. */
function sampled({ data, widthPx, heightPx }: Pick<DecodedImage, 'data' | 'widthPx' | 'heightPx'>): {
  data: Uint8Array;
  widthPx: number;
  heightPx: number;
} {
  const stepX = Math.max(1, Math.floor(widthPx / SAMPLED_SIDE));
  const stepY = Math.max(1, Math.floor(heightPx / SAMPLED_SIDE));
  if (stepX === 1 && stepY === 1) return { data, widthPx, heightPx };
  const [width, height] = [Math.floor(widthPx / stepX), Math.floor(heightPx / stepY)];
  const small = new Uint8Array(width * height * 3);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * stepY * widthPx + x * stepX) * 3;
      small[at++] = data[from];
      small[at++] = data[from + 1];
      small[at++] = data[from + 2];
    }
  }
  return { data: small, widthPx: width, heightPx: height };
}
