import type { ConceptCandidate } from '@hazure/contracts';
import type { Concept } from './concept-list.js';
import { normaliseText } from './text.js';

export interface CandidateSources {
  /** Classes seen in the baseline. */
  readonly baselineClasses: readonly string[];
  /** Every class that the detector can name; needed with `onlyAdditional`. */
  readonly detectorClasses?: readonly string[];
  /** Concepts expanded from the baseline's classes. */
  readonly expansions?: readonly Concept[];
  /** Labels of `--concept-list`. */
  readonly conceptFile?: readonly string[];
  /** Labels of `--potential-classes`. */
  readonly potentialClasses?: readonly string[];
  /** Leave out the detector's own class names; listed and potential labels stay even where they name a class. */
  readonly onlyAdditional?: boolean;
}

/**
 * The labels that a caption is compared with, each once (compared by {@link normaliseText}), in a stable order:
 * baseline classes, file, expansions, potential classes. A label named as potential is potential whatever else names
 * it, because the user asked for it by name. Empty labels are left out.
 */
export function buildCandidates(sources: CandidateSources): ConceptCandidate[] {
  const potential = new Set((sources.potentialClasses ?? []).map(normaliseText));
  const ownNames = new Set(
    sources.onlyAdditional === true
      ? [...sources.baselineClasses, ...(sources.detectorClasses ?? [])].map(normaliseText)
      : [],
  );
  const candidates = new Map<string, ConceptCandidate>();
  const add = (candidate: ConceptCandidate): void => {
    const key = normaliseText(candidate.label);
    if (key !== '' && !candidates.has(key)) candidates.set(key, candidate);
  };
  const addCommon = (label: string, origin: 'class' | 'file' | 'expansion', parent: string | null): void => {
    if (!potential.has(normaliseText(label))) add({ label, origin, parent, role: 'common' });
  };

  if (sources.onlyAdditional !== true) {
    for (const label of sources.baselineClasses) addCommon(label, 'class', null);
  }
  for (const label of sources.conceptFile ?? []) addCommon(label, 'file', null);
  for (const { label, parent } of sources.expansions ?? []) {
    if (!ownNames.has(normaliseText(label))) addCommon(label, 'expansion', parent);
  }
  for (const label of sources.potentialClasses ?? []) {
    add({ label, origin: 'potential', parent: null, role: 'potential' });
  }
  return [...candidates.values()];
}
