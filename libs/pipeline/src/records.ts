import type { ConceptList } from '@hazure/concept-matching';
import type { CombinedParameters, CropRecord, EmbeddingMatrix, TextSimilarity } from '@hazure/contracts';
import type { EmbeddingMap } from './map.js';
import type { RunContext } from './run-context.js';
import type { BaselineScorers } from './scoring.js';

/** The map that a baseline brings, or why it can't be used. */
export type BaselineMap =
  { readonly map: EmbeddingMap; readonly reason: null } | { readonly map: null; readonly reason: string };

/** A finished baseline, read back from its folder. */
export interface Baseline {
  /** Folder name, e.g. `baseline_20260131_235959`. */
  readonly name: string;
  readonly folder: string;
  readonly embeddings: EmbeddingMatrix;
  readonly crops: readonly CropRecord[];
  readonly scorers: BaselineScorers;
  readonly concepts: ConceptList;
  /** The map that new objects are placed on. */
  readonly map: BaselineMap;
}

export interface DetectRequest extends RunContext {
  readonly baseline: Baseline;
  readonly similarity: TextSimilarity;
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
}

/** Baseline rows first, then new ones. */
export interface CombinedMap {
  readonly baselineRows: Int32Array;
  readonly newRows: Int32Array;
  /** (baselineRows.length + newRows.length) × 2 */
  readonly xy: Float32Array;
  readonly parameters: CombinedParameters;
}
