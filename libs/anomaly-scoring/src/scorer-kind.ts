import type { EmbeddingMatrix, Scorer } from '@hazure/contracts';
import type { IsolationForestOptions } from '@hazure/isolation-forest';
import type { ComputeOptions } from './compute.js';
import type { KnnOptions } from './knn-options.js';
import type { LofOptions } from './lof-options.js';
import type { ClassAwareScorer, FittedClassAwareScorer } from './scorer-ports.js';

export interface ScorerOptions extends ComputeOptions {
  /** Of whatever is random in a scorer (the isolation forest, sampled reference rows). Default 42. */
  readonly seed?: number;
  readonly iforest?: IsolationForestOptions;
  readonly knn?: KnnOptions;
  readonly lof?: LofOptions;
  /** Judge objects of these classes against their own class; all others against everything. */
  readonly perClass?: readonly string[];
}

/** What a kind needs to make its scorer. */
export interface ScorerMaking {
  readonly options: ScorerOptions;
  readonly seed: number;
  /** Threads and accelerator, for the scorer's own options. */
  readonly compute: ComputeOptions;
  /** The Mahalanobis scorer of the rows as they are, or divided by their norm; the same one to all who ask. */
  gaussian(unitRows: boolean): ClassAwareScorer;
  /** As it is, or with a scorer of its own for each class where objects are judged per class. */
  ownClasses(scorer: Scorer): ClassAwareScorer;
}

/** What a kind needs to read its document. */
export interface ScorerReading {
  readonly compute: ComputeOptions;
  /** The baseline's rows, for documents that refer to them instead of holding them. */
  readonly features?: EmbeddingMatrix;
  /** Reads the document of a scorer inside; formats in `refused` may not stand there. @throws ModelError */
  readInside(document: unknown, refused: readonly string[]): FittedClassAwareScorer;
}

/** One kind of scorer: all that the rest of the room knows of it. A new scorer is a file that makes one of these. */
export interface ScorerKind {
  /** `format` of its documents. */
  readonly format: string;
  /** @throws ConfigError for options out of range. */
  create(making: ScorerMaking): ClassAwareScorer;
  /** Reads what `toJSON` of its fitted scorer wrote. @throws ModelError for anything else. */
  read(document: unknown, reading: ScorerReading): FittedClassAwareScorer;
}
