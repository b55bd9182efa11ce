import type { ConceptMatch, FeatureVerdict, SemanticVerdict, Verdict } from '@hazure/contracts';
import { quote } from './text.js';
import type { FusionMode } from './fusion-mode.js';

function probability(p: number): string {
  return p < 0.001 ? 'p < 0.001' : `p = ${p.toPrecision(2)}`;
}

function featurePart(feature: FeatureVerdict): string {
  return feature.outlier
    ? `it looks unlike the baseline (${probability(feature.pValue)})`
    : `it looks like the baseline (${probability(feature.pValue)})`;
}

function best(
  matches: readonly ConceptMatch[],
  accept: (match: ConceptMatch) => boolean,
): ConceptMatch | undefined {
  return matches.find(accept);
}

function named(match: ConceptMatch): string {
  return `${quote(match.label)} (${match.similarity.toFixed(2)})`;
}

function semanticPart(semantic: SemanticVerdict | null): string {
  if (semantic === null) return 'no caption could be had';
  const { matches, reason } = semantic;
  switch (reason) {
    case 'potential-class': {
      const found = best(matches, (m) => m.matched && m.role === 'potential');
      return found === undefined
        ? 'its caption names a potential anomaly'
        : `its caption names the potential anomaly ${named(found)}`;
    }
    case 'common-match': {
      const found = best(matches, (m) => m.matched && m.role === 'common');
      return found === undefined
        ? 'its caption names a common concept'
        : `its caption names the common concept ${named(found)}`;
    }
    case 'no-common-match': {
      const nearest = best(matches, (m) => m.role === 'common');
      const caption =
        semantic.caption.text === '' ? 'its caption' : `its caption ${quote(semantic.caption.text)}`;
      const words = `${caption} names no common concept`;
      return nearest === undefined ? words : `${words}, the nearest is ${named(nearest)}`;
    }
    case 'undecided':
      return 'its caption decides nothing';
  }
}

/**
 * A verdict as one sentence for a person, e.g. “Outlier: its caption “a giraffe” names no common concept, the nearest
 * is “car” (0.12); it looks unlike the baseline (p = 0.0040).” What decided stands first. Captions and labels are
 * quoted on one line and shortened; they still hold whatever characters they hold, so escape for the format written.
 */
export function explain(verdict: Omit<Verdict, 'reason'>, mode: FusionMode = 'any'): string {
  const { feature, semantic, outlier } = verdict;
  const seen = featurePart(feature);
  const said = semanticPart(semantic);
  const parts =
    mode === 'feature'
      ? [seen]
      : mode === 'semantic'
        ? [said]
        : semantic !== null && semantic.outlier === outlier && semantic.reason !== 'undecided'
          ? [said, seen]
          : [seen, said];
  return `${outlier ? 'Outlier' : 'Normal'}: ${parts.join('; ')}.`;
}
