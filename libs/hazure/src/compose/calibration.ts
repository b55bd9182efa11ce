import { InputError, messageOf, type DecodedImage, type ImageRef, type PixelBox } from '@hazure/contracts';
import type { Inputs } from '@hazure/inputs';
import type { Regions } from '@hazure/quantise';
import { SharpImageDecoder } from '@hazure/vision';
import type { Session } from '../session.js';

/** More images hardly move a range any more; each costs a second or two. */
const MOST_IMAGES = 48;
/** Parts of one image that an embedder is calibrated on, so that no crowded photo outweighs the others. */
const PARTS_PER_IMAGE = 4;
/** Every so many images are not calibrated on, and measure the cost. */
const HELD_OUT_EVERY = 4;

/** Finds the parts of an image that a model will see. */
export type Parts = (image: DecodedImage) => Promise<readonly (PixelBox | null)[]>;

/** A listing of images, and what tells it from others. */
export type CalibrationImages = Pick<Inputs, 'total' | 'identity' | 'images'>;

export interface CalibrationSet {
  readonly calibration: Regions;
  readonly heldOut: Regions;
  readonly images: number;
}

/**
 * Picks at most 48 images, evenly spread over the listing, and the parts of them to calibrate on; every fourth is held out.
 * An image that can't be decoded is left out and said.
 *
 * @throws InputError INPUT_EMPTY when fewer than two can be read
 */
export async function calibrationSet(
  inputs: CalibrationImages,
  parts: Parts,
  session: Session,
): Promise<CalibrationSet> {
  const decoder = new SharpImageDecoder();
  const step = Math.max(1, inputs.total / MOST_IMAGES);
  const chosen: { readonly ref: ImageRef; readonly boxes: readonly (PixelBox | null)[] }[] = [];
  let position = 0;
  let next = 0;
  let unreadable = 0;
  for await (const ref of inputs.images()) {
    if (position++ < Math.floor(next)) continue;
    session.signal.throwIfAborted();
    next += step;
    try {
      const boxes = (await parts(await decoder.decode(ref))).slice(0, PARTS_PER_IMAGE);
      if (boxes.length > 0) chosen.push({ ref, boxes });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      unreadable++;
      session.logger.warn(`not calibrated on: ${messageOf(error)}`, { code: error.code });
    }
  }
  if (chosen.length < 2) {
    throw new InputError('INPUT_EMPTY', `Expected at least 2 images to calibrate on, came ${chosen.length}`, {
      hint: 'Give 16 to 64 images like those that the model will see.',
    });
  }
  const of = inputs.total > chosen.length ? ` of ${inputs.total}` : '';
  const left = unreadable > 0 ? `, ${unreadable} could not be read` : '';
  session.logger.info(`calibrating on ${chosen.length}${of} images, evenly spread${left}`);
  const regions = (wanted: (i: number) => boolean): Regions =>
    async function* () {
      for (const [i, { ref, boxes }] of chosen.entries()) {
        if (!wanted(i)) continue;
        const image = await decoder.decode(ref);
        for (const box of boxes) yield { image, box };
      }
    };
  const out = (i: number): boolean => i % HELD_OUT_EVERY === 1;
  return { calibration: regions((i) => !out(i)), heldOut: regions(out), images: chosen.length };
}
