import type { GrowingFloats, GrowingInts } from './growing.js';

/** Verdicts of whole images: one value an image, in the order of the run. */
export interface ImageVerdicts {
  readonly pValues: Float64Array;
  readonly outlier: Uint8Array;
  /** Object that decided; −1 without objects. */
  readonly mostAnomalous: Int32Array;
}

/** What verdicts of whole images are made of: numbers of every object of a run. */
export interface JudgedObjects {
  /** One value an object, by scorer. */
  readonly scores: ReadonlyMap<string, GrowingFloats>;
  /** Image of each object, 0…images − 1. */
  readonly imageOf: GrowingInts;
  readonly classOf: GrowingInts;
  readonly classNames: readonly string[];
  readonly images: number;
}
