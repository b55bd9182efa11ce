import type { IsolationTree } from './tree.js';

/** What a forest is made of; see `IsolationForest.fromJSON` for the safe way from a file. */
export interface ForestParts {
  readonly trees: readonly IsolationTree[];
  readonly dimensions: number;
  /** Rows drawn for each tree. */
  readonly samplesPerTree: number;
  readonly contamination: number | 'auto';
  /** Threshold on score_samples below which a row is an outlier. */
  readonly offset: number;
  readonly seed: number;
}
