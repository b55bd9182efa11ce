import { fuse } from '@hazure/concept-matching';
import type {
  CropRecord,
  EmbeddingMatrix,
  ScoringOptions,
  SemanticsOptions,
  Verdict,
} from '@hazure/contracts';
import type { CaptionJudge } from './caption-verdicts.js';
import type { Baseline } from './records.js';

/** Crops and their embeddings, row by row. */
export interface Judged {
  readonly crops: readonly CropRecord[];
  readonly embeddings: EmbeddingMatrix;
}

/** What decides a verdict. */
export type JudgeOptions = Pick<ScoringOptions, 'thresholdPercentile' | 'fdr'> &
  Pick<SemanticsOptions, 'lim1' | 'lim2' | 'fusion' | 'potentialClasses' | 'onlyAdditionalCandidates'>;

/** Both verdicts of every object, fused; verdict i belongs to crop i. */
export async function judge(
  { crops, embeddings }: Judged,
  baseline: Baseline,
  captions: CaptionJudge,
  options: JudgeOptions,
): Promise<Verdict[]> {
  if (crops.length === 0) return [];
  const features = await baseline.scorers.judge(embeddings, crops, options);
  const words = await captions.judge(crops);
  return crops.map((_, i) => fuse(features[i], words[i], options.fusion));
}
