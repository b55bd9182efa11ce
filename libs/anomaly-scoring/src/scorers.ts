import { ConfigError } from '@hazure/contracts';
import type { EmbeddingMatrix, FittedScorer, Scorer } from '@hazure/contracts';
import { FOREST_FORMAT } from '@hazure/isolation-forest';
import type { IsolationForestOptions } from '@hazure/isolation-forest';
import { z } from 'zod';
import { EnsembleScorer, FittedEnsemble } from './ensemble.js';
import { FittedIsolationForest, IsolationForestScorer } from './iforest.js';
import { FittedKnn, KnnScorer } from './knn.js';
import type { KnnOptions } from './knn.js';
import { FittedMahalanobis, MahalanobisScorer } from './mahalanobis.js';
import { refuseModel } from './model-json.js';

export const SCORER_NAMES = ['ensemble', 'mahalanobis', 'knn', 'iforest'] as const;
export type ScorerName = (typeof SCORER_NAMES)[number];

/** The scorer that decides when none is named; docs/adr tells the evidence. */
export const DEFAULT_SCORER: ScorerName = 'ensemble';

export interface ScorerOptions {
  readonly seed?: number;
  readonly iforest?: IsolationForestOptions;
  readonly knn?: KnnOptions;
}

export function isScorerName(name: string): name is ScorerName {
  return (SCORER_NAMES as readonly string[]).includes(name);
}

/** @throws ConfigError for a name that is not in SCORER_NAMES. */
export function createScorer(name: string, options: ScorerOptions = {}): Scorer {
  if (!isScorerName(name)) {
    throw new ConfigError(`scorer: expected one of ${SCORER_NAMES.join(', ')}, got '${name}'`);
  }
  const { seed = 42 } = options;
  switch (name) {
    case 'iforest':
      return new IsolationForestScorer({ seed, ...options.iforest });
    case 'mahalanobis':
      return new MahalanobisScorer();
    case 'knn':
      return new KnnScorer(options.knn);
    case 'ensemble':
      return new EnsembleScorer(
        [new MahalanobisScorer(), new MahalanobisScorer({ unitRows: true }, 'unit-mahalanobis')],
        seed,
      );
  }
}

/**
 * Reads what any scorer's `toJSON` wrote. `features`: the baseline's rows, for documents that refer to them.
 * @throws ModelError for anything else.
 */
export function scorerFromJSON(value: unknown, features?: EmbeddingMatrix): FittedScorer {
  const header = z.object({ format: z.string() }).safeParse(value);
  switch (header.data?.format) {
    case FOREST_FORMAT:
      return FittedIsolationForest.fromJSON(value);
    case 'hazure.mahalanobis':
      return FittedMahalanobis.fromJSON(value);
    case 'hazure.knn':
      return FittedKnn.fromJSON(value, features);
    case 'hazure.ensemble':
      return FittedEnsemble.fromJSON(value, (model) => {
        const format = z.object({ format: z.string() }).safeParse(model).data?.format;
        if (format === 'hazure.ensemble') refuseModel('ensemble model: a member is an ensemble');
        return scorerFromJSON(model, features);
      });
    default:
      return refuseModel(`scorer model: unknown format ${JSON.stringify(header.data?.format ?? null)}`);
  }
}
