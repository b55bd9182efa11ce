import { isDeepStrictEqual } from 'node:util';
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
import type { NeighbourAccelerator } from './nearest-neighbours.js';
import { FittedPerClass, PerClassScorer } from './per-class.js';
import type { ClassAwareScorer, FittedClassAwareScorer } from './per-class.js';

export const SCORER_NAMES = ['ensemble', 'mahalanobis', 'knn', 'iforest'] as const;
export type ScorerName = (typeof SCORER_NAMES)[number];

/** The scorer that decides when none is named; docs/adr tells the evidence. */
export const DEFAULT_SCORER: ScorerName = 'ensemble';

export interface ScorerOptions {
  /** Of whatever is random in a scorer (the isolation forest). Default 42. */
  readonly seed?: number;
  /** Worker threads; 1 computes in this thread. Default: all usable cores. */
  readonly threads?: number;
  readonly iforest?: IsolationForestOptions;
  readonly knn?: KnnOptions;
  /** Judge objects of these classes against their own class; all others against everything. */
  readonly perClass?: readonly string[];
}

export function isScorerName(name: string): name is ScorerName {
  return (SCORER_NAMES as readonly string[]).includes(name);
}

/** @throws ConfigError for a name that is not in SCORER_NAMES. */
export function createScorer(name: string, options: ScorerOptions = {}): ClassAwareScorer {
  return createScorers([name], options)[0];
}

/**
 * One scorer per name. An ensemble's members are the very scorers that are asked for beside it, so that nothing
 * need be fitted twice. @throws ConfigError for a name that is not in SCORER_NAMES.
 */
export function createScorers(names: readonly string[], options: ScorerOptions = {}): ClassAwareScorer[] {
  const threads = options.threads === undefined ? {} : { threads: options.threads };
  const mahalanobis = gaussian('mahalanobis', false, options);
  return names.map((name) => {
    if (!isScorerName(name)) {
      throw new ConfigError(`scorer: expected one of ${SCORER_NAMES.join(', ')}, got '${name}'`);
    }
    switch (name) {
      case 'iforest':
        return ownClasses(
          new IsolationForestScorer({ seed: options.seed ?? 42, ...options.iforest, ...threads }),
          options,
        );
      case 'mahalanobis':
        return mahalanobis;
      case 'knn':
        return ownClasses(new KnnScorer({ ...options.knn, ...threads }), options);
      case 'ensemble':
        return new EnsembleScorer([mahalanobis, gaussian('unit-mahalanobis', true, options)]);
    }
  });
}

function ownClasses(scorer: Scorer, { perClass: classes }: ScorerOptions): ClassAwareScorer {
  return classes === undefined ? scorer : new PerClassScorer(scorer, scorer, { classes, mode: 'own' });
}

function gaussian(
  name: string,
  unitRows: boolean,
  { perClass: classes, threads }: ScorerOptions,
): ClassAwareScorer {
  const options = threads === undefined ? {} : { threads };
  const scorer = new MahalanobisScorer({ ...options, unitRows }, name);
  if (classes === undefined) return scorer;
  const residuals = new MahalanobisScorer(options, `${name}-residuals`);
  return new PerClassScorer(scorer, residuals, { classes, mode: 'shared-covariance', unitRows });
}

/** A scorer's document in which nearest neighbours refer to the baseline's features instead of repeating them. */
export function toReferringJSON(scorer: FittedScorer): unknown {
  if (scorer instanceof FittedKnn) return scorer.toReferringJSON();
  if (scorer instanceof FittedPerClass || scorer instanceof FittedEnsemble)
    return scorer.toJSONWith(toReferringJSON);
  return scorer.toJSON();
}

export interface ReadOptions {
  /** The baseline's rows, for documents that refer to them instead of holding them. */
  readonly features?: EmbeddingMatrix;
  readonly threads?: number;
  readonly accelerator?: NeighbourAccelerator;
  /** Models read already, which an equal document inside another need not repeat. */
  readonly known?: readonly { readonly document: unknown; readonly scorer: FittedClassAwareScorer }[];
}

const formatOf = (value: unknown): string | undefined =>
  z.object({ format: z.string() }).safeParse(value).data?.format;

/** Reads what any scorer's `toJSON` wrote. @throws ModelError for anything else. */
export function scorerFromJSON(value: unknown, options: ReadOptions = {}): FittedClassAwareScorer {
  const format = formatOf(value);
  switch (format) {
    case FOREST_FORMAT:
      return FittedIsolationForest.fromJSON(value, options);
    case 'hazure.mahalanobis':
      return FittedMahalanobis.fromJSON(value, options);
    case 'hazure.knn':
      return FittedKnn.fromJSON(value, options.features, options);
    case 'hazure.ensemble':
      return FittedEnsemble.fromJSON(value, (member) => {
        if (formatOf(member) === format) refuseModel('ensemble model: a member is an ensemble');
        const known = options.known?.find(({ document }) => isDeepStrictEqual(document, member));
        return known?.scorer ?? scorerFromJSON(member, options);
      });
    case 'hazure.per-class':
      return FittedPerClass.fromJSON(value, (inner) => {
        if (formatOf(inner) === format || formatOf(inner) === 'hazure.ensemble') {
          refuseModel('per-class model: a scorer inside judges by class itself');
        }
        return scorerFromJSON(inner, options);
      });
    default:
      return refuseModel(`scorer model: unknown format ${JSON.stringify(format ?? null)}`);
  }
}
