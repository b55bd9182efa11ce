/** One input image. `id` is its place below what all inputs have in common, with `/` separators. */
export interface ImageRef {
  /** Position in the stable order of the whole listing (before any `--train-indices` selection). */
  readonly index: number;
  readonly id: string;
  /** Of a file that can be opened; where `read` is given only what a person is told. */
  readonly path: string;
  /** Size of the encoded image; 0 where it is not known before reading. */
  readonly bytes: number;
  /** Absent or null where the source does not say. */
  readonly modifiedMs?: number | null;
  /**
   * Brings the encoded image: of archives, remote storage, videos. Absent for a local file, which is read by its path.
   * Rejects with an InputError for an image that is known to be unreadable.
   */
  readonly read?: () => Promise<Uint8Array>;
}

/** Images in a frozen order, of which nobody needs to hold all. */
export interface ImageList {
  readonly length: number;
  /** From a position on, in order; the list can be read any number of times. */
  from(position: number): AsyncIterable<ImageRef> | Iterable<ImageRef>;
}

/** An array as a list. */
export function imageList(refs: readonly ImageRef[]): ImageList {
  return { length: refs.length, from: (position) => refs.slice(position) };
}

/** Decoded pixels: 8-bit sRGB, interleaved HWC, 3 channels, EXIF orientation applied. */
export interface DecodedImage {
  readonly ref: ImageRef;
  readonly widthPx: number;
  readonly heightPx: number;
  /** `heightPx × widthPx × 3` bytes. */
  readonly data: Uint8Array;
}

/** Corners in pixels of the decoded image; `x2`, `y2` exclusive; may be fractional. */
export interface PixelBox {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}

/**
 * Pixels of an object as COCO's compressed run lengths over the whole image, column by column (pycocotools reads it):
 * `size` is height, then width.
 */
export interface ObjectMask {
  readonly size: readonly [number, number];
  readonly counts: string;
}

export interface Detection {
  readonly box: PixelBox;
  readonly classId: number;
  readonly className: string;
  /** 0…1 */
  readonly confidence: number;
  /** Of segmentation models; inside the box. */
  readonly mask?: ObjectMask;
}

/** A part of a decoded image that an embedder or captioner looks at; `null` box means the whole image. */
export interface ImageRegion {
  readonly image: DecodedImage;
  readonly box: PixelBox | null;
  /** Pixels outside it are greyed before anyone looks at the region; absent = all of the box is shown. */
  readonly mask?: ObjectMask;
}

/** One object found in one image: a detection with its identity and place in the run. */
export interface Crop extends Detection {
  /** Stable across runs of the same input: `<image id>#<n>`, n in detection order. */
  readonly cropId: string;
  readonly imageId: string;
  readonly imageIndex: number;
  readonly imageWidthPx: number;
  readonly imageHeightPx: number;
  /** Saved crop relative to the run folder, or null when crops are not saved. */
  readonly file: string | null;
}

/** Row-major float32 matrix, `rows × cols`. */
export interface EmbeddingMatrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly cols: number;
}

export interface Caption {
  readonly text: string;
  /** Name of the captioner that wrote it, e.g. `template`, `openai:qwen2-vl`. */
  readonly source: string;
}

/** Where a candidate label came from. */
export type ConceptOrigin = 'class' | 'expansion' | 'file' | 'potential';

export interface ConceptCandidate {
  readonly label: string;
  readonly origin: ConceptOrigin;
  /** The label it was expanded from, when `origin` is `expansion`. */
  readonly parent: string | null;
  /** Common labels speak for normality; potential ones speak for an anomaly. */
  readonly role: 'common' | 'potential';
}

export interface ConceptMatch extends ConceptCandidate {
  /** Similarity of the caption to the label: cosine (CLIP) or taxonomy similarity (WordNet), −1…1. */
  readonly similarity: number;
  /** Softmax over all candidates. */
  readonly probability: number;
  /** lim1 ≤ similarity ≤ lim2. */
  readonly matched: boolean;
}

export interface FeatureVerdict {
  /** Score of the default scorer; higher is more anomalous. */
  readonly score: number;
  /** Every scorer's score by name. */
  readonly scores: Readonly<Record<string, number>>;
  /** Conformal p-value: share of held-out baseline scores at least as high. */
  readonly pValue: number;
  readonly outlier: boolean;
}

export interface SemanticVerdict {
  readonly caption: Caption;
  /** Best matches first; at least the top ones, and every one inside the band. */
  readonly matches: readonly ConceptMatch[];
  readonly outlier: boolean;
  readonly reason: 'no-common-match' | 'potential-class' | 'common-match' | 'undecided';
}

export interface Neighbour {
  readonly cropId: string;
  readonly className: string;
  /** Cosine distance, 0…2. */
  readonly distance: number;
  readonly file: string | null;
}

export interface Verdict {
  readonly outlier: boolean;
  readonly feature: FeatureVerdict;
  /** null when no caption could be had (recorded as a failure). */
  readonly semantic: SemanticVerdict | null;
  /** One sentence for a person. */
  readonly reason: string;
}

/** An input that could not be processed; the run goes on. */
export interface FailureRecord {
  readonly stage: 'decode' | 'detect' | 'embed' | 'caption' | 'save';
  readonly imageId: string;
  readonly cropId: string | null;
  readonly code: string;
  readonly message: string;
}

/** A model as it was used in a run. */
export interface ModelInfo {
  readonly name: string;
  readonly sha256: string | null;
  readonly licence: string | null;
  /** Where it ran and why there, e.g. `cpu (no CUDA device)`. */
  readonly device: string;
}
