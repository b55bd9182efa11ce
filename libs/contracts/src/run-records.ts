import type { Caption, Crop, Neighbour, Verdict } from './records.js';

/** One image that was read, as `images.jsonl` holds it. */
export interface ImageRecord {
  readonly imageId: string;
  readonly imageIndex: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly objects: number;
  /** Small grey of the image, 24 × 24 signed bytes, for finding near-duplicates; only in a baseline. */
  readonly thumbnail?: string;
  /** Of the whole image; only in a detection whose baseline can judge images. */
  readonly verdict?: ImageVerdict;
}

/** What a run says of a whole image. */
export interface ImageVerdict {
  /** Conformal, from the most anomalous of its objects; 1 without objects. */
  readonly pValue: number;
  readonly outlier: boolean;
  /** Its most anomalous object; null without objects. */
  readonly cropId: string | null;
}

/** One object, as `crops.jsonl` and the shards hold it. */
export interface CropRecord extends Crop {
  /** Absent in the learn phase; null when captioning failed (see the failures). */
  readonly caption?: Caption | null;
}

/** One judged object, as `detection_results.json` holds it. */
export interface ObjectResult extends Omit<CropRecord, 'caption'> {
  readonly verdict: Verdict;
  /** Most similar normal crops, nearest first; only outliers carry them. */
  readonly nearestNormals: readonly Neighbour[];
  /** Saved outlier crop and its concept plot, relative to the run folder. */
  readonly outlierFile: string | null;
  readonly probabilityPlot: string | null;
  /** Place on the combined map, when the object was drawn into it. */
  readonly map: readonly [number, number] | null;
}

/** How a map was made. */
export interface MapParameters {
  readonly method: string;
  readonly perplexity: number;
  readonly iterations: number;
  readonly klDivergence: number;
  readonly seed: number;
  readonly metric: 'cosine';
}

/** How a combined map came about. */
export type CombinedParameters =
  | {
      /** New objects on the baseline's map, which did not move. */
      readonly how: 'placement';
      readonly perplexity: number;
      readonly iterations: number;
      readonly seed: number;
      readonly metric: string;
      readonly baselineMap: MapParameters;
    }
  | ({
      /** Both in one t-SNE run: points of another run lie elsewhere. */
      readonly how: 'joint';
      readonly reason: string;
    } & MapParameters);

/** How long a stage was busy, as `timing.json` holds it. */
export interface StageTime {
  readonly stage: string;
  /** Time with at least one call of the stage running; stages overlap, so these may add up to more than the total. */
  readonly seconds: number;
  readonly items: number;
  readonly unit: string;
  /** Most memory that the process held at the end of a call of the stage; other stages run beside it. */
  readonly memoryBytes: number;
}
