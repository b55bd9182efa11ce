import { open, readFile } from 'node:fs/promises';
import { InputError, type ImageRef } from '@hazure/contracts';
import {
  decodeBmp,
  decodePnm,
  refusalOf,
  sniffImage,
  SNIFF_BYTES,
  type RgbImage,
} from '@hazure/image-formats';
import { renderSvg } from './svg.js';

/** An encoded image: its first bytes, and where sharp finds all of it. */
export interface ImageSource {
  readonly head: Uint8Array;
  readonly input: string | Uint8Array;
}

/** Opens what a reference points to: a file by its path, everything else by its bytes. */
export async function openImage(ref: ImageRef): Promise<ImageSource> {
  if (ref.read) {
    const input = await ref.read();
    return { head: input.subarray(0, SNIFF_BYTES), input };
  }
  const file = await open(ref.path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(SNIFF_BYTES), 0, SNIFF_BYTES, 0);
    return { head: buffer.subarray(0, bytesRead), input: ref.path };
  } finally {
    await file.close();
  }
}

export interface SpecialLimits {
  readonly maxPixels: number;
  readonly timeLimitMs: number;
}

/**
 * What sharp can't be asked to do: bitmaps and portable maps are decoded here, vector graphics in a process that can be
 * stopped, and kinds that would fail without a reason, or give a preview in place of the picture, are refused.
 *
 * @param name file name, which tells raw files that look like TIFFs
 * @returns null for what sharp decodes
 * @throws InputError INPUT_UNREADABLE
 */
export async function decodeSpecial(
  { head, input }: ImageSource,
  name: string,
  limits: SpecialLimits,
): Promise<RgbImage | null> {
  if (head.length === 0) throw new InputError('INPUT_UNREADABLE', 'it is empty');
  const kind = sniffImage(head, name);
  const refusal = kind === null ? null : refusalOf(kind);
  if (refusal !== null) throw new InputError('INPUT_UNREADABLE', refusal);
  const bytes = (): Promise<Uint8Array> =>
    typeof input === 'string' ? readFile(input) : Promise.resolve(input);
  if (kind === 'bmp') return decodeBmp(await bytes(), limits);
  if (kind === 'pnm') return decodePnm(await bytes(), limits);
  // a compressed SVG begins like any gzip file
  if (kind === 'svg' || (head[0] === 0x1f && head[1] === 0x8b)) return renderSvg(await bytes(), limits);
  return null;
}
