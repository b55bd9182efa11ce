import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Runs a script of libs/test-kit/src/tiny-models in a process of its own and returns what it prints. */
export function tool(name: string, args: readonly string[], input = ''): string {
  return execFileSync(process.execPath, [join(root, 'libs/test-kit/src/tiny-models', name), ...args], {
    input,
    maxBuffer: 1 << 28,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** CLIP's real vocabulary beside the checkout, or null. */
export function realVocabulary(): string | null {
  const folder = join(root, '..', 'shared', 'models', 'clip-tokenizer');
  return existsSync(join(folder, 'merges.txt')) ? folder : null;
}

/** A model folder like Xenova/clip-vit-base-patch32 with random weights, and with the vocabulary given or of bytes. */
export function makeTinyClip(vocabulary: string | null, precisions: readonly string[] = ['fp32']): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'tiny-clip-')), 'model');
  tool('make-tiny-clip.mjs', [
    folder,
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
  return JSON.parse(tool('transformers-clip.mjs', [folder], JSON.stringify(request))) as TransformersAnswer;
}
