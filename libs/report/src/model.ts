import type { ConceptMatch, SemanticVerdict } from '@hazure/contracts';

/**
 * What a report shows, as plain data. All strings are untrusted (file names, class names, captions) and escaped by
 * the renderer; all times are strings so that rendering needs no clock.
 */

/** A JPEG file's bytes; 128–256 px on the longer side is plenty. null where there is no picture. */
export type Thumbnail = Uint8Array | null;

export interface ModelRow {
  /** What it was used for: `detector`, `embedder`, `captioner`, `concepts` … */
  readonly role: string;
  readonly name: string;
  readonly sha256: string | null;
  readonly licence: string | null;
  readonly device: string;
}

export interface SettingRow {
  readonly name: string;
  readonly value: string;
}

export interface TimingRow {
  readonly stage: string;
  /** Items that passed the stage, in the unit named (`images`, `crops` …); null where that makes no sense. */
  readonly items: number | null;
  readonly unit: string;
  /** Wall-clock seconds. */
  readonly seconds: number;
  /** Highest memory seen in the stage; null when it was not measured. */
  readonly peakMemoryBytes: number | null;
}

export interface FailureRow {
  readonly stage: string;
  readonly imageId: string;
  readonly code: string;
  readonly message: string;
}

/** Parts that both kinds of report have. */
export interface CommonReport {
  /** Version of hazure that made the run. */
  readonly version: string;
  /** When the run ended, ready to print, e.g. `2026-11-23 09:15:02 UTC`. */
  readonly finishedAt: string;
  /** Name of the run folder. */
  readonly runName: string;
  /** Folder that the images came from, as the user gave it. */
  readonly imagesFolder: string;
  readonly models: readonly ModelRow[];
  readonly settings: readonly SettingRow[];
  /** All, or the first of them: the headline has the true number. */
  readonly failures: readonly FailureRow[];
  readonly timings: readonly TimingRow[];
  /** Sentences a reader should see first, such as a warning about a small baseline. */
  readonly notes: readonly string[];
}

/** The map of embeddings; every list has one entry per point. */
export interface ReportMap {
  /** `n × 2`, row-major. */
  readonly points: Float32Array | Float64Array;
  readonly labels: readonly string[];
  /** The baseline's classes, most frequent first; they decide the colours. Default: the labels, by frequency. */
  readonly baselineClasses?: readonly string[];
  readonly cropIds: readonly string[];
  /** True for points of the baseline in a combined map. */
  readonly baseline: ArrayLike<boolean | number>;
  readonly outliers: ArrayLike<boolean | number>;
  /** Pictures for hovering, by point index; outliers and their neighbours need not be repeated here. */
  readonly thumbnails?: ReadonlyMap<number, Uint8Array>;
  /** How the map was made, e.g. `t-SNE, perplexity 30`. */
  readonly method: string;
}

export interface NeighbourCard {
  readonly cropId: string;
  readonly className: string;
  /** Cosine distance, 0…2. */
  readonly distance: number;
  readonly thumbnail: Thumbnail;
}

/** The image that an outlier was found in, with the object's place as fractions (0…1) of width and height. */
export interface SceneView {
  readonly jpeg: Uint8Array;
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
}

export interface OutlierCard {
  readonly cropId: string;
  readonly imageId: string;
  readonly className: string;
  /** Detector confidence, 0…1. */
  readonly confidence: number;
  readonly score: number;
  readonly pValue: number;
  readonly featureOutlier: boolean;
  /** One sentence for a person. */
  readonly reason: string;
  /** null when the crop has no caption. */
  readonly semantic: {
    readonly outlier: boolean;
    readonly reason: SemanticVerdict['reason'];
    readonly caption: string;
    readonly captionSource: string;
    readonly matches: readonly Pick<
      ConceptMatch,
      'label' | 'role' | 'similarity' | 'probability' | 'matched'
    >[];
  } | null;
  readonly thumbnail: Thumbnail;
  readonly scene: SceneView | null;
  /** Nearest normal crops, nearest first. */
  readonly neighbours: readonly NeighbourCard[];
}

export interface DetectionClassRow {
  readonly className: string;
  readonly objects: number;
  readonly outliers: number;
  readonly meanScore: number;
  /** How many objects of this class the baseline had; 0 for a class never seen there. */
  readonly baselineObjects: number;
}

/** Whole images, judged by the most anomalous of their objects. */
export interface ImageVerdictsView {
  /** Which share the percentile promises. */
  readonly judgedBy: 'object' | 'image';
  readonly images: number;
  readonly outliers: number;
  /** Share of normal images (or objects, by `judgedBy`) that is flagged; null under a false discovery rate. */
  readonly expectedShare: number | null;
  /** Outlier images, lowest p-values first, or as many as a page shows. */
  readonly rows: readonly {
    readonly imageId: string;
    readonly pValue: number;
    readonly objects: number;
    readonly cropId: string | null;
  }[];
}

/** A two-sample test of the new objects against the baseline. */
export interface DriftRow {
  readonly of: string;
  readonly statistic: number;
  readonly pValue: number;
  /** Independent observations on each side. */
  readonly baseline: number;
  readonly judged: number;
}

/** How rows of a baseline hang together. */
export interface GroupsView {
  readonly groups: number;
  readonly images: number;
  readonly groupedImages: number;
  readonly largestGroup: number;
  /** What calibration rows are worth. */
  readonly heldOutRows: number;
  readonly effectiveRows: number | null;
  /** False alarms that calibration would promise wrongly without groups, 0…1; null where it was not measured. */
  readonly falseAlarmsIgnoringGroups: number | null;
  readonly how: string;
}

export interface DetectionReport extends CommonReport {
  /** Absent where the run has no verdicts of images. */
  readonly imageVerdicts?: ImageVerdictsView | null;
  readonly drift?: readonly DriftRow[];
  readonly baselineName: string;
  readonly headline: {
    readonly images: number;
    readonly objects: number;
    readonly outliers: number;
    readonly failures: number;
    readonly seconds: number;
  };
  /** All outliers, or as many as the caller cares to load pictures for: `headline.outliers` is the true number. */
  readonly outliers: readonly OutlierCard[];
  readonly map: ReportMap | null;
  readonly scores: {
    readonly scorer: string;
    readonly heldOutBaseline: ArrayLike<number>;
    readonly newCrops: ArrayLike<number>;
    readonly threshold: number;
    readonly percentile: number;
  } | null;
  readonly classes: readonly DetectionClassRow[];
}

export interface BaselineClassRow {
  readonly className: string;
  readonly objects: number;
  readonly meanConfidence: number;
  /** A few crops to look at. */
  readonly samples: readonly Uint8Array[];
}

export interface ConceptRow {
  readonly label: string;
  readonly origin: string;
  readonly parent: string | null;
  readonly role: string;
}

export interface BaselineReport extends CommonReport {
  readonly groups?: GroupsView | null;
  readonly headline: {
    readonly images: number;
    readonly objects: number;
    readonly classes: number;
    readonly failures: number;
    readonly seconds: number;
  };
  readonly classes: readonly BaselineClassRow[];
  readonly map: ReportMap | null;
  readonly calibration: {
    readonly scorer: string;
    readonly heldOutScores: ArrayLike<number>;
    readonly threshold: number;
    readonly percentile: number;
    /** Rows that the scorers were fitted on. */
    readonly fittedRows: number;
    /** Rows held out to calibrate. */
    readonly calibrationRows: number;
  } | null;
  readonly concepts: readonly ConceptRow[];
}

/** What at most is embedded in one page; the page says when something was left out. */
export interface ReportCaps {
  readonly outliers: number;
  readonly mapPoints: number;
  readonly mapThumbnails: number;
  readonly tableRows: number;
  readonly textLength: number;
}

export const DEFAULT_CAPS: ReportCaps = {
  outliers: 200,
  mapPoints: 20_000,
  mapThumbnails: 600,
  tableRows: 200,
  textLength: 600,
};
