import type { ImageRef } from '@hazure/contracts';

const LONGEST_PART = 48;

/** A part of a file name that every file system takes; letters of any script stay. */
function safe(text: string): string {
  return (
    text
      .normalize('NFC')
      .replace(/[^\p{L}\p{N}._-]+/gu, '-')
      .replace(/^[.-]+|[.-]+$/g, '')
      .slice(0, LONGEST_PART) || 'x'
  );
}

/** `000012_street_0_car.jpg`: the image's place in the folder makes it unique, the rest tells a person what it is. */
export function cropFileName(ref: ImageRef, n: number, className: string): string {
  const base = ref.id.slice(ref.id.lastIndexOf('/') + 1).replace(/\.[^.]+$/, '');
  return `${String(ref.index).padStart(6, '0')}_${safe(base)}_${n}_${safe(className)}.jpg`;
}
