import { InputError } from '@hazure/contracts';
import type { ConformalCalibration } from './conformal.js';
import { calibrateGrouped } from './dependence.js';

/** Evidence of an image without objects: below that of any other. */
const NO_OBJECT = -1;

/** An image's most anomalous object, and what it says of the image. */
export interface ImageEvidence {
  /** One per image, higher = more anomalous; −1 without objects. */
  readonly evidence: Float64Array;
  /** Row of the most anomalous object of each image; −1 without objects. */
  readonly mostAnomalous: Int32Array;
  /** Objects of each image. */
  readonly objects: Int32Array;
}

/**
 * Evidence of an image: −log of the probability that the most extreme of its m objects is as extreme as seen,
 * 1 − (1 − p)^m with p the smallest of theirs (Šidák 1967). Among images of equal m that orders them by their most
 * anomalous object; between images, one of fifty objects needs a more extreme one than one of two. It decides
 * order alone: what it is worth is calibrated on whole held-out images.
 * @param tails survival probability of each object's score, in (0, 1]
 * @param imageOf image of each object, 0…images − 1
 * @throws InputError when the lengths differ or an image number is out of range
 */
export function imageEvidence(
  tails: ArrayLike<number>,
  imageOf: ArrayLike<number>,
  images: number,
): ImageEvidence {
  if (tails.length !== imageOf.length) {
    throw new InputError(
      'INPUT_INVALID',
      `images: expected the image of each object (${tails.length}), got ${imageOf.length}`,
    );
  }
  const mostAnomalous = new Int32Array(images).fill(-1);
  const objects = new Int32Array(images);
  for (let row = 0; row < tails.length; row++) {
    const image = imageOf[row];
    if (!(Number.isInteger(image) && image >= 0 && image < images)) {
      throw new InputError(
        'INPUT_INVALID',
        `images: expected image numbers below ${images}, got ${image} for object ${row}`,
      );
    }
    objects[image]++;
    if (mostAnomalous[image] < 0 || tails[row] < tails[mostAnomalous[image]]) mostAnomalous[image] = row;
  }
  const evidence = Float64Array.from(objects, (count, image) => {
    if (count === 0) return NO_OBJECT;
    const p = Math.min(1, tails[mostAnomalous[image]]);
    return p === 1 ? 0 : -Math.log(Math.max(Number.MIN_VALUE, -Math.expm1(count * Math.log1p(-p))));
  });
  return { evidence, mostAnomalous, objects };
}

/**
 * Calibrates image verdicts on whole held-out images of the baseline, those without objects among them.
 * @param tails survival probability of each held-out object's score, by scorers that did not see its image
 * @param groups group of each image, 0…images − 1 numbering images as imageOf does
 */
export function calibrateImages(
  tails: ArrayLike<number>,
  imageOf: ArrayLike<number>,
  groups: ArrayLike<number>,
): ConformalCalibration {
  return calibrateGrouped(imageEvidence(tails, imageOf, groups.length).evidence, groups);
}
