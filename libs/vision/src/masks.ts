import { InputError, type ImageRegion, type ObjectMask } from '@hazure/contracts';
import type { RawRegion } from '@hazure/native-engine';
import { pixelRect } from './pixel-rect.js';

/** What a masked-out pixel becomes: the grey that letterboxes are filled with. */
export const BACKGROUND = 114;

/** Five bits a character, from `0` on; the sixth says that more follow. */
const BITS = 5;
const MORE = 1 << BITS;
const SIGN = 1 << (BITS - 1);
const FIRST_CHARACTER = 48;

/**
 * COCO's compressed run lengths, as pycocotools writes them: from the fourth on, each run as its difference to the one
 * two before it, in signed groups of five bits.
 *
 * @param runs column by column over the whole image, beginning with pixels outside
 */
export function encodeRunLengths(runs: Uint32Array, heightPx: number, widthPx: number): ObjectMask {
  let counts = '';
  for (let i = 0; i < runs.length; i++) {
    let rest = i > 2 ? runs[i]! - runs[i - 2]! : runs[i]!;
    for (let more = true; more;) {
      let group = rest & (MORE - 1);
      rest >>= BITS;
      more = (group & SIGN) !== 0 ? rest !== -1 : rest !== 0;
      if (more) group |= MORE;
      counts += String.fromCharCode(group + FIRST_CHARACTER);
    }
  }
  return { size: [heightPx, widthPx], counts };
}

/** @throws InputError for text that is no run lengths of an image of that size */
export function decodeRunLengths({ size, counts }: ObjectMask): Uint32Array {
  const runs: number[] = [];
  let total = 0;
  for (let at = 0; at < counts.length;) {
    let value = 0;
    let shift = 0;
    let group = MORE;
    while (group & MORE) {
      group = counts.charCodeAt(at++) - FIRST_CHARACTER;
      if (!(group >= 0 && group < 2 * MORE) || shift > 30) throw noMask(size);
      value |= (group & (MORE - 1)) << shift;
      shift += BITS;
    }
    if (group & SIGN && shift < 32) value |= -1 << shift;
    const run = runs.length > 2 ? value + runs[runs.length - 2]! : value;
    if (run < 0) throw noMask(size);
    runs.push(run);
    total += run;
  }
  if (total !== size[0] * size[1]) throw noMask(size);
  return Uint32Array.from(runs);
}

function noMask([heightPx, widthPx]: readonly [number, number]): InputError {
  return new InputError(
    'INPUT_INVALID',
    `Expected a mask of ${widthPx}×${heightPx} px in COCO's run lengths`,
    {
      hint: 'Masks are written by hazure or by pycocotools; make the run again.',
    },
  );
}

/**
 * The region as the engine is to see it: itself, or where it has a mask a copy of its pixels with everything outside the
 * mask grey.
 */
export function shownRegion(region: ImageRegion): RawRegion {
  const { image, box, mask } = region;
  if (!mask) return { image, box };
  if (mask.size[0] !== image.heightPx || mask.size[1] !== image.widthPx)
    throw noMask([image.heightPx, image.widthPx]);
  const { left, top, width, height } = pixelRect(region);
  const data = new Uint8Array(3 * width * height).fill(BACKGROUND);
  let inside = false;
  let at = 0;
  for (const run of decodeRunLengths(mask)) {
    if (inside) copyRun(at, at + run);
    at += run;
    inside = !inside;
  }
  return { image: { data, widthPx: width, heightPx: height }, box: null };

  /** Pixels first…last − 1, counted column by column, where they lie in the region. */
  function copyRun(first: number, last: number): void {
    const from = Math.max(first, left * image.heightPx);
    const to = Math.min(last, (left + width) * image.heightPx);
    for (let pixel = from; pixel < to; pixel++) {
      const x = Math.floor(pixel / image.heightPx);
      const y = pixel - x * image.heightPx;
      if (y < top || y >= top + height) continue;
      const source = 3 * (y * image.widthPx + x);
      data.set(image.data.subarray(source, source + 3), 3 * ((y - top) * width + (x - left)));
    }
  }
}
