import type { ModelInfo, TextEmbedder, TextSimilarity } from '@hazure/contracts';
import { LabelEmbeddings } from './label-embeddings.js';

export interface ClipSimilarityOptions {
  /** `{}` stands for the label; default {@link PROMPT_TEMPLATES}. */
  readonly templates?: readonly string[];
  /** Where label embeddings are kept between runs. */
  readonly cacheFolder?: string;
}

/**
 * Cosine of a caption's CLIP text embedding and a label's (averaged over prompt templates). CLIP's text space is
 * narrow, also unrelated texts have high cosines: choose `lim1` on your own baseline.
 */
export class ClipSimilarity implements TextSimilarity {
  readonly name: string;
  readonly info: ModelInfo;
  private readonly labelEmbeddings: LabelEmbeddings;

  constructor(
    private readonly embedder: TextEmbedder,
    options: ClipSimilarityOptions = {},
  ) {
    this.name = `clip:${embedder.info.name}`;
    this.info = { ...embedder.info, name: this.name };
    this.labelEmbeddings = new LabelEmbeddings(embedder, options.templates, options.cacheFolder ?? null);
  }

  /** rows = texts, cols = labels, row-major, each −1…1. */
  async similarities(texts: readonly string[], labels: readonly string[]): Promise<Float64Array> {
    const values = new Float64Array(texts.length * labels.length);
    if (values.length === 0) return values;
    const label = await this.labelEmbeddings.of(labels);
    const text = await this.embedder.embed(texts);
    for (let row = 0; row < text.rows; row++) {
      for (let column = 0; column < label.rows; column++) {
        let dot = 0;
        for (let i = 0; i < text.cols; i++)
          dot += text.data[row * text.cols + i] * label.data[column * text.cols + i];
        values[row * label.rows + column] = Math.min(1, Math.max(-1, dot));
      }
    }
    return values;
  }
}
