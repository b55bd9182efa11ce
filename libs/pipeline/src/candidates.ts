import { buildCandidates } from '@hazure/concept-matching';
import type { ConceptCandidate, SemanticsOptions } from '@hazure/contracts';
import type { Baseline } from './records.js';

/** The labels that captions are compared with. */
export function candidatesOf(
  { concepts }: Pick<Baseline, 'concepts'>,
  detectorClasses: readonly string[],
  options: Pick<SemanticsOptions, 'potentialClasses' | 'onlyAdditionalCandidates'>,
): ConceptCandidate[] {
  return buildCandidates({
    baselineClasses: concepts.classes,
    detectorClasses,
    expansions: concepts.expansions,
    conceptFile: concepts.listed,
    potentialClasses: options.potentialClasses ?? [],
    onlyAdditional: options.onlyAdditionalCandidates,
  });
}
