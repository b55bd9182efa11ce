import type { FeatureVerdict, SemanticVerdict, Verdict } from '@hazure/contracts';
import { explain } from './explain.js';
import type { FusionMode } from './fusion-mode.js';

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
