import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, ModelError, messageOf } from '@hazure/contracts';

/** Precisions of transformers.js and the file name endings that it reads them from. */
const SUFFIXES = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
} as const;
export type QwenPrecision = keyof typeof SUFFIXES;

/** The three networks of a Qwen2-VL folder. */
export const QWEN_PARTS = ['embed_tokens', 'vision_encoder', 'decoder_model_merged'] as const;
export type QwenPrecisions = Record<(typeof QWEN_PARTS)[number], QwenPrecision>;

/** Small before exact: generating reads all weights for every token, so memory bandwidth decides on a CPU. */
const PREFERRED: readonly QwenPrecision[] = ['q4', 'q8', 'int8', 'uint8', 'fp32', 'fp16', 'q4f16', 'bnb4'];

const FILES = ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json'];

/** Hub repository of the ONNX export of a model size. */
export function qwenRepository(size: '2B' | '7B'): string {
  if (size === '2B') return 'onnx-community/Qwen2-VL-2B-Instruct';
  throw new ConfigError('Qwen2-VL 7B can’t run inside hazure: there is no ONNX export of it to load', {
    hint: 'Serve it with vLLM, llama.cpp or Ollama and pass --caption-url, or use --qwen-model-size 2B.',
  });
}

/**
 * Which of the precisions present to load, per network.
 *
 * @throws ModelError MODEL_MISSING naming the files that are not there
 */
export function availablePrecisions(folder: string): QwenPrecisions {
  let top: string[];
  let onnx: string[];
  try {
    top = readdirSync(folder);
    onnx = readdirSync(join(folder, 'onnx'));
  } catch (error) {
    throw missing(folder, messageOf(error), error);
  }
  const absent = FILES.filter((name) => !top.includes(name));
  const found = QWEN_PARTS.map((part) => {
    const precision = PREFERRED.find((each) => onnx.includes(`${part}${SUFFIXES[each]}.onnx`));
    if (precision === undefined) absent.push(`onnx/${part}*.onnx`);
    return [part, precision] as const;
  });
  if (absent.length > 0) throw missing(folder, `${absent.join(', ')} not there`);
  return Object.fromEntries(found) as QwenPrecisions;
}

function missing(folder: string, what: string, cause?: unknown): ModelError {
  return new ModelError('MODEL_MISSING', `Qwen2-VL folder ${folder}: ${what}`, {
    hint: 'Run `hazure models pull` for it, pass --caption-url for a server, or use --captioner template.',
    ...(cause === undefined ? {} : { cause }),
  });
}
