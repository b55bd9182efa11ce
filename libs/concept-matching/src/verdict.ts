import type {
  Caption,
  ConceptCandidate,
  ConceptMatch,
  SemanticVerdict,
  TextSimilarity,
} from '@hazure/contracts';
import { matchConcepts, type MatchOptions } from './matching.js';

/** Matches kept as evidence beside every one inside the band. */
const KEPT_MATCHES = 5;

/**
 * The words' verdict on one crop.
 *
 * | matches inside the band | verdict | reason |
 * | --- | --- | --- |
 * | a potential label | outlier | `potential-class` |
 * | common labels only | normal | `common-match` |
 * | none, and there are common labels to match | outlier | `no-common-match` |
 * | none, and there is no common label at all, or the caption is empty | normal | `undecided` |
 *
 * The last row is what makes `--potential-classes` work alone: without common labels, that none of them matched says
 * nothing.
 *
 * @param matches all candidates' matches, best first, as {@link matchConcepts} gives them
 * @param keep how many of the best to keep as evidence, beside every one inside the band
 */
export function judgeSemantics(
  caption: Caption,
  matches: readonly ConceptMatch[],
  keep: number = KEPT_MATCHES,
): SemanticVerdict {
  const inBand = matches.filter(({ matched }) => matched);
  const evidence = matches.filter(({ matched }, rank) => matched || rank < keep);
  const verdict = (outlier: boolean, reason: SemanticVerdict['reason']): SemanticVerdict => ({
    caption,
    matches: evidence,
    outlier,
    reason,
  });
  if (caption.text.trim() === '') return verdict(false, 'undecided');
  if (inBand.some(({ role }) => role === 'potential')) return verdict(true, 'potential-class');
  if (inBand.length > 0) return verdict(false, 'common-match');
  if (matches.some(({ role }) => role === 'common')) return verdict(true, 'no-common-match');
  return verdict(false, 'undecided');
}

/** Captions to verdicts in one call: similarities, bands, judgement; verdict i belongs to caption i. */
export async function judgeCaptions(
  captions: readonly Caption[],
  candidates: readonly ConceptCandidate[],
  similarity: TextSimilarity,
  options: MatchOptions,
): Promise<SemanticVerdict[]> {
  if (captions.length === 0) return [];
  const labels = labelsOf(candidates);
  const all = await similarity.similarities(
    captions.map(({ text }) => text),
    labels,
  );
  return captions.map((caption, i) => {
    const row = all.subarray(i * labels.length, (i + 1) * labels.length);
    return judgeSemantics(caption, matchConcepts(row, candidates, options));
  });
}

const labelLists = new WeakMap<readonly ConceptCandidate[], readonly string[]>();

/** The same array for the same candidates, so that similarities can cache by identity what they know of labels. */
function labelsOf(candidates: readonly ConceptCandidate[]): readonly string[] {
  const known = labelLists.get(candidates);
  if (known !== undefined) return known;
  const labels = candidates.map(({ label }) => label);
  labelLists.set(candidates, labels);
  return labels;
}
