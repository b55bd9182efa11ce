import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeTinyModel, runTinyModelScript } from '@hazure/test-kit';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** CLIP's real vocabulary beside the checkout, or null. */
export function realVocabulary(): string | null {
  const folder = join(root, '..', 'shared', 'models', 'clip-tokenizer');
  return existsSync(join(folder, 'merges.txt')) ? folder : null;
}

/** A model folder like Xenova/clip-vit-base-patch32 with random weights, and with the vocabulary given or of bytes. */
export function makeTinyClip(vocabulary: string | null, precisions: readonly string[] = ['fp32']): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'tiny-clip-')), 'model');
  makeTinyModel('clip', folder, [
    ...['--precisions', precisions.join(',')],
    ...(vocabulary === null ? [] : ['--vocabulary', vocabulary]),
  ]);
  return folder;
}

export interface TransformersAnswer {
  readonly tokens: number[][];
  /** Unit rows. */
  readonly textEmbeds: number[][];
  readonly imageEmbeds: number[][];
  readonly pixelEmbeds: number[][];
}

/** What transformers.js makes of the same files, in a process of its own. */
export function askTransformers(
  folder: string,
  request: {
    tokenise?: string[];
    texts?: string[];
    images?: string[];
    /** Files of float32 [3, 224, 224], which the network gets as they are. */
    pixels?: string[];
    dtype?: string;
  },
): TransformersAnswer {
  return JSON.parse(
    runTinyModelScript('transformers-clip.mjs', [folder], JSON.stringify(request)),
  ) as TransformersAnswer;
}
