import type { ImageRef } from '@hazure/contracts';

/**
 * Most UTF-8 bytes of a part: two of them, the index and the ending of a plot's temporary file stay below the 255 that
 * file systems take, also where a letter needs four bytes.
 */
const MOST_BYTES = 80;
const MOST_LETTERS = 48;

/** A part of a file name that every file system takes; letters of any script stay. */
function safe(text: string): string {
  return (
    cut(
      text
        .normalize('NFC')
        .replace(/[^\p{L}\p{M}\p{N}._-]+/gu, '-')
        .replace(/^[.-]+|[.-]+$/g, ''),
    ) || 'x'
  );
}

/** By whole code points: half a surrogate pair is no text, and `encodeURI` and UTF-8 refuse or replace it. */
function cut(text: string): string {
  let kept = '';
  let bytes = 0;
  for (const letter of [...text].slice(0, MOST_LETTERS)) {
    bytes += Buffer.byteLength(letter);
    if (bytes > MOST_BYTES) break;
    kept += letter;
  }
  return kept;
}

/** `000012_street_0_car.jpg`: the image's place in the folder makes it unique, the rest tells a person what it is. */
export function cropFileName(ref: ImageRef, n: number, className: string): string {
  const base = ref.id.slice(ref.id.lastIndexOf('/') + 1).replace(/\.[^.]+$/, '');
  return `${String(ref.index).padStart(6, '0')}_${safe(base)}_${n}_${safe(className)}.jpg`;
}
