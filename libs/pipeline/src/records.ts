import type { ConceptList } from '@hazure/concept-matching';
import type {
  CombinedParameters,
  CropRecord,
  EmbeddingMatrix,
  ObjectResult,
  TextSimilarity,
} from '@hazure/contracts';
import type { EmbeddingMap } from './map.js';
import type { RunContext } from './run-context.js';
import type { BaselineScorers } from './scoring.js';

/** An object and its verdict, without what only a run folder has. */
export type JudgedCrop = Omit<ObjectResult, 'file' | 'outlierFile' | 'probabilityPlot' | 'map'>;

/** The map that a baseline brings, or why it can't be used. */
export type BaselineMap =
  { readonly map: EmbeddingMap; readonly reason: null } | { readonly map: null; readonly reason: string };

/** A finished baseline, read back from its folder. */
export interface Baseline {
  /** Folder name, e.g. `baseline_20260131_235959`. */
  readonly name: string;
  readonly folder: string;
  /** What scorers were fitted to and compare with: all rows, or a sample of them. */
  readonly embeddings: EmbeddingMatrix;
  /** Row i of the embeddings belongs to crop i. */
  readonly crops: readonly CropRecord[];
  /** Rows of the whole baseline that these are, ascending; null where they are all. */
  readonly rows: readonly number[] | null;
  /** Group of near-duplicates of each row. */
  readonly groups: Int32Array;
  readonly scorers: BaselineScorers;
  readonly concepts: ConceptList;
  /** The map that new objects are placed on. */
  readonly map: BaselineMap;
}

export interface DetectRequest extends RunContext {
  readonly baseline: Baseline;
  readonly similarity: TextSimilarity;
  /**
   * Takes each judged object while the run goes on; waited for. Only where a verdict doesn't depend on objects that are
   * still to come: not under a false discovery rate, nor where images are judged.
   */
  readonly onObject?: ((object: JudgedCrop) => void | Promise<void>) | undefined;
}

export interface PhaseSummary {
  /** The finished run folder. */
  readonly folder: string;
  readonly images: number;
  readonly objects: number;
  readonly failures: number;
  readonly seconds: number;
}

export interface DetectSummary extends PhaseSummary {
  readonly outliers: number;
  /** null where the baseline can't judge images. */
  readonly imageOutliers: number | null;
  /** Of objects or images, by what the run judged by; null under a false discovery rate. */
  readonly expectedFalseAlarmShare: number | null;
}

/** Baseline rows first, then new ones. */
export interface CombinedMap {
  readonly baselineRows: Int32Array;
  readonly newRows: Int32Array;
  /** (baselineRows.length + newRows.length) × 2 */
  readonly xy: Float32Array;
  readonly parameters: CombinedParameters;
}
