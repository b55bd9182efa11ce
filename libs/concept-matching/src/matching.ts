import { ConfigError, InputError, type ConceptCandidate, type ConceptMatch } from '@hazure/contracts';

export interface MatchOptions {
  /** Least similarity at which a caption matches. */
  readonly lim1: number;
  /** Greatest similarity at which it matches. */
  readonly lim2: number;
  /** Divides the similarities before the softmax; above 0. */
  readonly temperature: number;
}

/** 0.01 for CLIP, whose training ends at a logit scale of 100 (Radford et al. 2021); 0.1 on the taxonomy's 0…1. */
export function defaultTemperature(similarityName: string): number {
  return similarityName.startsWith('clip:') ? 0.01 : 0.1;
}

function check(
  similarities: ArrayLike<number>,
  candidates: readonly ConceptCandidate[],
  o: MatchOptions,
): void {
  if (!(o.temperature > 0) || !Number.isFinite(o.temperature)) {
    throw new ConfigError(`Softmax temperature must be above 0, got ${o.temperature}`);
  }
  if (!(o.lim1 <= o.lim2)) {
    throw new ConfigError(`lim1 must not be above lim2, got lim1 ${o.lim1} and lim2 ${o.lim2}`);
  }
  if (similarities.length !== candidates.length) {
    throw new InputError(
      'INPUT_INVALID',
      `One similarity per candidate expected: ${candidates.length} candidates, ${similarities.length} similarities`,
    );
  }
}

/**
 * One caption's similarities as matches, best first (ties in candidate order): probability is the softmax over all
 * candidates, `matched` is lim1 ≤ similarity ≤ lim2. Similarities are clamped to −1…1 first, so that a cosine of
 * 1.0000001 does not fall out of a band that ends at 1.
 *
 * @throws InputError when the lengths differ or a similarity is not finite; ConfigError for impossible options
 */
export function matchConcepts(
  similarities: ArrayLike<number>,
  candidates: readonly ConceptCandidate[],
  options: MatchOptions,
): ConceptMatch[] {
  check(similarities, candidates, options);
  const values = candidates.map(({ label }, i) => {
    const value = similarities[i];
    if (!Number.isFinite(value)) {
      throw new InputError(
        'INPUT_INVALID',
        `Similarity to ${JSON.stringify(label)} must be finite, got ${value}`,
      );
    }
    return Math.min(1, Math.max(-1, value));
  });
  const greatest = Math.max(-1, ...values);
  const exponentials = values.map((value) => Math.exp((value - greatest) / options.temperature));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return candidates
    .map((candidate, i) => ({
      ...candidate,
      similarity: values[i],
      probability: exponentials[i] / total,
      matched: values[i] >= options.lim1 && values[i] <= options.lim2,
    }))
    .sort((a, b) => b.similarity - a.similarity);
}
