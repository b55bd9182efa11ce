import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from '@hazure/contracts';
import type { EmbeddingMatrix, Scorer } from '@hazure/contracts';
import { z } from 'zod';
import { computeOf } from './compute.js';
import type { ComputeOptions } from './compute.js';
import { ensembleKind } from './ensemble.js';
import { iforestKind } from './iforest.js';
import { knnKind } from './knn.js';
import { lofKind } from './lof.js';
import { MahalanobisScorer, mahalanobisKind } from './mahalanobis.js';
import { refuseModel } from './model-json.js';
import { FittedPerClass, PER_CLASS_FORMAT, PerClassScorer } from './per-class.js';
import type { ScorerKind, ScorerMaking, ScorerOptions } from './scorer-kind.js';
import type { ClassAwareScorer, FittedClassAwareScorer } from './scorer-ports.js';

/** Every kind of scorer by its name, best first. Registering a new one here is all that it takes. */
const KINDS = {
  lof: lofKind,
  ensemble: ensembleKind,
  mahalanobis: mahalanobisKind,
  knn: knnKind,
  iforest: iforestKind,
} as const satisfies Readonly<Record<string, ScorerKind>>;

export type ScorerName = keyof typeof KINDS;
export const SCORER_NAMES = Object.keys(KINDS) as readonly ScorerName[];

/** The scorer that decides when none is named; docs/adr tells the evidence. */
export const DEFAULT_SCORER: ScorerName = 'lof';

export function isScorerName(name: string): name is ScorerName {
  return Object.hasOwn(KINDS, name);
}

/** @throws ConfigError for a name that is not in SCORER_NAMES. */
export function createScorer(name: string, options: ScorerOptions = {}): ClassAwareScorer {
  return createScorers([name], options)[0];
}

/**
 * One scorer per name. Members of a scorer made of others are the very scorers that are asked for beside it, so
 * that nothing need be fitted twice. @throws ConfigError for a name that is not in SCORER_NAMES.
 */
export function createScorers(names: readonly string[], options: ScorerOptions = {}): ClassAwareScorer[] {
  const making = scorerMaking(options);
  return names.map((name) => {
    if (isScorerName(name)) return KINDS[name].create(making);
    throw new ConfigError(`scorer: expected one of ${SCORER_NAMES.join(', ')}, got '${name}'`);
  });
}

function scorerMaking(options: ScorerOptions): ScorerMaking {
  const { perClass: classes, seed = 42 } = options;
  const compute = computeOf(options);
  const ownClasses = (scorer: Scorer): ClassAwareScorer =>
    classes === undefined ? scorer : new PerClassScorer(scorer, scorer, { classes, mode: 'own' });
  const makeGaussian = (name: string, unitRows: boolean): ClassAwareScorer => {
    const scorer = new MahalanobisScorer({ ...compute, unitRows }, name);
    if (classes === undefined) return scorer;
    const residuals = new MahalanobisScorer(compute, `${name}-residuals`);
    return new PerClassScorer(scorer, residuals, { classes, mode: 'shared-covariance', unitRows });
  };
  const [plain, unit] = [makeGaussian('mahalanobis', false), makeGaussian('unit-mahalanobis', true)];
  return { options, seed, compute, ownClasses, gaussian: (unitRows) => (unitRows ? unit : plain) };
}

export interface ReadOptions extends ComputeOptions {
  /** The baseline's rows, for documents that refer to them instead of holding them. */
  readonly features?: EmbeddingMatrix;
  /** Models read already, which an equal document inside another need not repeat. */
  readonly known?: readonly { readonly document: unknown; readonly scorer: FittedClassAwareScorer }[];
}

const formatOf = (value: unknown): string | undefined =>
  z.object({ format: z.string() }).safeParse(value).data?.format;

/** Reads what any scorer's `toJSON` wrote. @throws ModelError for anything else. */
export function scorerFromJSON(value: unknown, options: ReadOptions = {}): FittedClassAwareScorer {
  const { known = [], features } = options;
  const readInside = (document: unknown, refused: readonly string[]): FittedClassAwareScorer => {
    const format = formatOf(document);
    if (format !== undefined && refused.includes(format)) {
      refuseModel(`scorer model: a model of format ${format} may not stand inside another`);
    }
    const same = known.find((model) => isDeepStrictEqual(model.document, document));
    return same?.scorer ?? scorerFromJSON(document, options);
  };
  const format = formatOf(value);
  if (format === PER_CLASS_FORMAT) {
    return FittedPerClass.fromJSON(value, (inner) =>
      readInside(inner, [PER_CLASS_FORMAT, ensembleKind.format]),
    );
  }
  const kind = Object.values<ScorerKind>(KINDS).find((one) => one.format === format);
  if (kind === undefined) refuseModel(`scorer model: unknown format ${JSON.stringify(format ?? null)}`);
  return kind.read(value, {
    compute: computeOf(options),
    readInside,
    ...(features === undefined ? {} : { features }),
  });
}
