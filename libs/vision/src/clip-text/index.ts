export { PROMPT_TEMPLATES } from './label-embeddings.js';
export { ClipSimilarity, type ClipSimilarityOptions } from './similarity.js';
export { ClipTextEmbedder, type TextSession } from './text-embedder.js';
export { ClipTokenizer, type TokenBatch } from './tokenizer.js';
