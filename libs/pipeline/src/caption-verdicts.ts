import { defaultTemperature, judgeCaptions } from '@hazure/concept-matching';
import type {
  ConceptCandidate,
  CropRecord,
  SemanticVerdict,
  SemanticsOptions,
  TextSimilarity,
} from '@hazure/contracts';

/** Captions compared at once; bounds the similarity matrix in memory. */
const CAPTIONS_AT_ONCE = 2048;
/** Verdicts kept of captions seen before: a template says the same of many crops, a vision model hardly ever does. */
const REMEMBERED = 20_000;

/** Judges captions by their words; equal ones are compared once as long as they are remembered. */
export class CaptionJudge {
  private readonly remembered = new Map<string, SemanticVerdict>();

  constructor(
    private readonly candidates: readonly ConceptCandidate[],
    private readonly similarity: TextSimilarity,
    private readonly options: Pick<SemanticsOptions, 'lim1' | 'lim2'>,
  ) {}

  /** Verdict i belongs to crop i; a crop without a caption gets null. */
  async judge(crops: readonly CropRecord[]): Promise<(SemanticVerdict | null)[]> {
    const texts = new Set(crops.flatMap(({ caption }) => (caption ? [caption.text] : [])));
    const fresh = [...texts].filter((text) => !this.remembered.has(text));
    if (this.remembered.size + fresh.length > REMEMBERED) this.forget(texts);
    const temperature = defaultTemperature(this.similarity.name);
    for (let from = 0; from < fresh.length; from += CAPTIONS_AT_ONCE) {
      const some = fresh.slice(from, from + CAPTIONS_AT_ONCE);
      const verdicts = await judgeCaptions(
        some.map((text) => ({ text, source: '' })),
        this.candidates,
        this.similarity,
        { ...this.options, temperature },
      );
      some.forEach((text, i) => this.remembered.set(text, verdicts[i]));
    }
    return crops.map(({ caption }) => {
      const verdict = caption ? this.remembered.get(caption.text) : undefined;
      return caption && verdict ? { ...verdict, caption } : null;
    });
  }

  private forget(needed: ReadonlySet<string>): void {
    for (const text of this.remembered.keys()) if (!needed.has(text)) this.remembered.delete(text);
  }
}
