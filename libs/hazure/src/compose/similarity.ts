import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { WordNetSimilarity } from '@hazure/concept-matching';
import { ConfigError, type PhaseOptions, type TextSimilarity } from '@hazure/contracts';
import { defaultModelCacheDir, resolveModel, textTowerFile, type StoreOptions } from '@hazure/models';
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

/**
 * The text tower that belongs to an image embedder: of the same precision (`text_model_fp16.onnx` beside
 * `vision_model_fp16.onnx`), else `text_model.onnx`, which shares the space; with a tokenizer there or above.
 */
export function textTowerOf(embedderPath: string): ClipText | null {
  const beside = dirname(embedderPath);
  const model = [textTowerFile(basename(embedderPath)), 'text_model.onnx']
    .flatMap((name) => (name === null ? [] : [join(beside, name)]))
    .find((path) => existsSync(path));
  const folder = [beside, dirname(beside)].find((each) => existsSync(join(each, 'tokenizer.json')));
  return model !== undefined && folder !== undefined ? { model, folder } : null;
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
  const tower = textTowerOf(embedder.files.graph.path);
  if (!tower) {
    if (options.similarity === 'auto') return wordNet;
    throw new ConfigError(`--similarity clip: the embedder ${embedder.name} has no text tower beside it`, {
      hint: 'Use --embedder clip-vit-base-patch32, or a folder with text_model.onnx and tokenizer.json, or --similarity wordnet.',
    });
  }
  const resolved = await resolveModel(tower.model, request.store);
  const session = await engine.loadSession(resolved.path, request.session);
  const text = await ClipTextEmbedder.create(session, await ClipTokenizer.fromFolder(tower.folder), {
    name: embedder.name,
    sha256: resolved.sha256,
    licence: embedder.licence,
    device: session.device,
  });
  const cacheFolder = join(dirname(defaultModelCacheDir()), 'labels');
  return { similarity: new ClipSimilarity(text, { cacheFolder }), close: () => text.close() };
}
