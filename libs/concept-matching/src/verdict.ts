import type {
  Caption,
  ConceptCandidate,
  ConceptMatch,
  FeatureVerdict,
  SemanticVerdict,
  TextSimilarity,
  Verdict,
} from '@hazure/contracts';
import { explain } from './explain.js';
import { matchConcepts, type MatchOptions } from './matching.js';

/** How the two verdicts become one. */
export type FusionMode = 'any' | 'all' | 'feature' | 'semantic';

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

/**
 * Whether the crop is an outlier. `any`: one verdict is enough; `all`: both; `feature`, `semantic`: that one alone.
 * A missing semantic verdict (no caption could be had) abstains: `any` and `all` follow the feature verdict, so that
 * a caption server's failure hides nothing, and `semantic` says normal.
 */
export function fuseOutlier(
  feature: Pick<FeatureVerdict, 'outlier'>,
  semantic: Pick<SemanticVerdict, 'outlier'> | null,
  mode: FusionMode,
): boolean {
  switch (mode) {
    case 'feature':
      return feature.outlier;
    case 'semantic':
      return semantic?.outlier ?? false;
    case 'any':
      return feature.outlier || (semantic?.outlier ?? false);
    case 'all':
      return feature.outlier && (semantic?.outlier ?? true);
  }
}

/** Both verdicts as one, with its reason in a sentence; see {@link fuseOutlier}. */
export function fuse(feature: FeatureVerdict, semantic: SemanticVerdict | null, mode: FusionMode): Verdict {
  const outlier = fuseOutlier(feature, semantic, mode);
  return { outlier, feature, semantic, reason: explain({ outlier, feature, semantic }, mode) };
}
