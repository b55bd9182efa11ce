import type {
  Caption,
  ConceptMatch,
  DecodedImage,
  Detection,
  EmbeddingMatrix,
  ImageRef,
  ImageRegion,
  ModelInfo,
} from './records.js';

/** Finds objects in images. */
export interface Detector {
  readonly info: ModelInfo;
  readonly classNames: readonly string[];
  /** True where it looks for nothing and only cuts: whole images, tiles. */
  readonly wholeImages?: boolean;
  /** One list per image, in order, most confident first. Empty input gives an empty list. */
  detect(images: readonly DecodedImage[]): Promise<Detection[][]>;
  close(): Promise<void>;
}

/** Turns image regions into vectors. */
export interface Embedder {
  readonly info: ModelInfo;
  /** Columns of what `embed` returns. */
  readonly dimensions: number;
  /** Row i belongs to region i. Rows are L2-normalised where the model's similarity is cosine. */
  embed(regions: readonly ImageRegion[]): Promise<EmbeddingMatrix>;
  close(): Promise<void>;
}

/** Turns texts into unit vectors in the same space as an image embedder's. */
export interface TextEmbedder {
  readonly info: ModelInfo;
  readonly dimensions: number;
  embed(texts: readonly string[]): Promise<EmbeddingMatrix>;
  close(): Promise<void>;
}

/** How similar texts are to labels: CLIP's text tower, or the WordNet taxonomy. */
export interface TextSimilarity {
  /** e.g. `clip:Xenova/clip-vit-base-patch32`, `wordnet-3.1`. */
  readonly name: string;
  /** The text tower's, or the taxonomy's. */
  readonly info: ModelInfo;
  /** rows = texts, cols = labels, row-major, each −1…1. */
  similarities(texts: readonly string[], labels: readonly string[]): Promise<Float64Array>;
}

export interface CaptionRequest {
  readonly cropId: string;
  readonly region: ImageRegion;
  readonly className: string;
  readonly confidence: number;
}

/** Each request ends as a caption or an error, in the order asked. */
export type CaptionOutcome =
  | { readonly ok: true; readonly caption: Caption }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface Captioner {
  readonly info: ModelInfo;
  caption(requests: readonly CaptionRequest[], signal?: AbortSignal): Promise<CaptionOutcome[]>;
  close(): Promise<void>;
}

/** Asks a language model for free text; used to expand concepts. */
export interface TextGenerator {
  readonly info: ModelInfo;
  generate(prompt: string, signal?: AbortSignal): Promise<string>;
}

/** Reads one image file into pixels. */
export interface ImageDecoder {
  decode(ref: ImageRef): Promise<DecodedImage>;
  /** Takes the pixels of an image back that nobody reads any more; its array may be empty afterwards. */
  release?(image: DecodedImage): void;
}

/** Writes a region of an image as a file that a person can open. */
export interface CropEncoder {
  /** JPEG bytes; `maxSidePx` shrinks larger regions. */
  encode(region: ImageRegion, maxSidePx?: number): Promise<Uint8Array>;
}

/**
 * A scorer that has seen the normal data. Scores are finite; higher is more anomalous. The same rows give the
 * same scores before and after `toJSON`.
 */
export interface FittedScorer {
  readonly name: string;
  readonly dimensions: number;
  /** One score per row. Throws InputError when the width differs or a value is not finite. */
  score(x: EmbeddingMatrix): Promise<Float64Array>;
  /** Plain, versioned, JSON-safe description. */
  toJSON(): unknown;
}

export interface Scorer {
  readonly name: string;
  fit(x: EmbeddingMatrix): Promise<FittedScorer>;
}

export interface DeviceMemory {
  readonly device: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
}

export interface MemoryProbe {
  /** Host first, then each accelerator. */
  probe(): Promise<DeviceMemory[]>;
}

/** Wall time for names, monotonic time for durations; injected so that results can repeat. */
export interface Clock {
  now(): Date;
  monotonicMs(): number;
}

export interface Logger {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  /** `fields.code` is the warning's permanent code. */
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

export interface ProgressEvent {
  readonly stage: string;
  readonly done: number;
  /** null while unknown. */
  readonly total: number | null;
  readonly unit: string;
}

export interface ProgressSink {
  update(event: ProgressEvent): void;
  finish(stage: string): void;
}

/** A t-SNE map with what a plot needs to know of each point. */
export interface MapPlot {
  readonly title: string;
  /** n × 2, row-major. */
  readonly xy: Float64Array | Float32Array;
  readonly classNames: readonly string[];
  /** Of the baseline, most frequent first: a class has the same colour on all plots of a baseline. */
  readonly baselineClasses: readonly string[];
  readonly outliers: readonly boolean[];
  /** false = baseline, true = new. */
  readonly isNew: readonly boolean[];
}

/** Draws what people look at. */
export interface RunPresenter {
  mapPng(plot: MapPlot): Promise<Uint8Array>;
  probabilitiesPng(title: string, matches: readonly ConceptMatch[]): Promise<Uint8Array>;
  /** The HTML report of a run folder, made from its artifacts alone. */
  reportHtml(folder: string): Promise<string>;
}
