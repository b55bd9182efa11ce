import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { WordNetSimilarity } from '@hazure/concept-matching';
import { ConfigError, type PhaseOptions, type TextSimilarity } from '@hazure/contracts';
import { defaultModelCacheDir, resolveModel, sha256File, type StoreOptions } from '@hazure/models';
import type { Engine, SessionOptions } from '@hazure/native-engine';
import { ClipSimilarity, ClipTextEmbedder, ClipTokenizer } from '@hazure/vision';

export interface ComposedSimilarity {
  readonly similarity: TextSimilarity;
  close(): Promise<void>;
}

/** Files of a CLIP folder, as the hub lays it out. */
interface ClipText {
  readonly model: string;
  readonly folder: string;
}

/** The text tower that belongs to an image embedder: `text_model.onnx` beside it, with a tokenizer there or above. */
function textTowerOf(embedderPath: string): ClipText | null {
  const beside = dirname(embedderPath);
  const model = join(beside, 'text_model.onnx');
  const folder = [beside, dirname(beside)].find((each) => existsSync(join(each, 'tokenizer.json')));
  return existsSync(model) && folder !== undefined ? { model, folder } : null;
}

/**
 * How captions are compared with labels. `auto`: by the embedder's own text tower where it has one, else on the WordNet
 * taxonomy. @throws ConfigError when CLIP is asked for by name and the embedder has no text tower
 */
export async function composeSimilarity(request: {
  readonly options: PhaseOptions;
  readonly embedderSource: string;
  readonly engine: Engine;
  readonly session: SessionOptions;
  readonly store: StoreOptions;
}): Promise<ComposedSimilarity> {
  const { options, engine } = request;
  const wordNet = { similarity: new WordNetSimilarity(), close: async (): Promise<void> => undefined };
  if (options.similarity === 'wordnet') return wordNet;
  const embedder = await resolveModel(request.embedderSource, request.store);
  const tower = textTowerOf(embedder.path);
  if (!tower) {
    if (options.similarity === 'auto') return wordNet;
    throw new ConfigError(`--similarity clip: the embedder ${embedder.name} has no text tower beside it`, {
      hint: 'Use --embedder clip-vit-base-patch32, or a folder with text_model.onnx and tokenizer.json, or --similarity wordnet.',
    });
  }
  const session = await engine.loadSession(tower.model, request.session);
  const text = await ClipTextEmbedder.create(session, await ClipTokenizer.fromFolder(tower.folder), {
    name: embedder.name,
    sha256: await sha256File(tower.model),
    licence: embedder.licence,
    device: session.device,
  });
  const cacheFolder = join(dirname(defaultModelCacheDir()), 'labels');
  return { similarity: new ClipSimilarity(text, { cacheFolder }), close: () => text.close() };
}
