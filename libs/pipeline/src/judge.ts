import type {
  ConceptCandidate,
  CropRecord,
  EmbeddingMatrix,
  ScoringOptions,
  SemanticVerdict,
  SemanticsOptions,
  TextSimilarity,
  Verdict,
} from '@hazure/contracts';
import { defaultTemperature, fuse, judgeCaptions } from '@hazure/concept-matching';
import type { Baseline } from './records.js';

import type { StageTimes } from './stage-times.js';

/** Captions compared at once; bounds the similarity matrix in memory. */
const CAPTIONS_AT_ONCE = 2048;

/** Crops and their embeddings, row by row. */
export interface Judged {
  readonly crops: readonly CropRecord[];
  readonly embeddings: EmbeddingMatrix;
}

/** What decides a verdict. */
export type JudgeOptions = Pick<ScoringOptions, 'thresholdPercentile' | 'fdr'> &
  Pick<SemanticsOptions, 'lim1' | 'lim2' | 'fusion' | 'potentialClasses' | 'onlyAdditionalCandidates'>;

/** Both verdicts of every object, fused; verdict i belongs to crop i. */
export async function judge(request: {
  readonly gathered: Judged;
  readonly baseline: Baseline;
  readonly candidates: readonly ConceptCandidate[];
  readonly similarity: TextSimilarity;
  readonly options: JudgeOptions;
  readonly times: StageTimes;
}): Promise<Verdict[]> {
  const { gathered, baseline, candidates, similarity, options, times } = request;
  const { crops, embeddings } = gathered;
  if (crops.length === 0) return [];
  const features = await times.measure('score', 'objects', crops.length, () =>
    baseline.scorers.judge(embeddings, crops, options),
  );
  const semantics = await times.measure('match', 'objects', crops.length, () =>
    judgeAllCaptions(gathered, candidates, similarity, {
      lim1: options.lim1,
      lim2: options.lim2,
      temperature: defaultTemperature(similarity.name),
    }),
  );
  return crops.map((_, i) => fuse(features[i], semantics[i], options.fusion));
}

/** Equal captions are compared once; a crop without a caption gets null. */
async function judgeAllCaptions(
  { crops }: Judged,
  candidates: readonly ConceptCandidate[],
  similarity: TextSimilarity,
  options: { readonly lim1: number; readonly lim2: number; readonly temperature: number },
): Promise<(SemanticVerdict | null)[]> {
  const byText = new Map<string, SemanticVerdict>();
  const texts = [...new Set(crops.flatMap(({ caption }) => (caption ? [caption.text] : [])))];
  for (let from = 0; from < texts.length; from += CAPTIONS_AT_ONCE) {
    const some = texts.slice(from, from + CAPTIONS_AT_ONCE);
    const verdicts = await judgeCaptions(
      some.map((text) => ({ text, source: '' })),
      candidates,
      similarity,
      options,
    );
    some.forEach((text, i) => byText.set(text, verdicts[i]));
  }
  return crops.map(({ caption }) => {
    const verdict = caption ? byText.get(caption.text) : undefined;
    return caption && verdict ? { ...verdict, caption } : null;
  });
}
