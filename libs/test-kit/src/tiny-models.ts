import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// from src as from dist
const SCRIPTS = fileURLToPath(new URL('../src/tiny-models/', import.meta.url));

export type TinyModel = 'clip' | 'dfine' | 'dinov2' | 'qwen2-vl';
export type TinyModelScript =
  `make-tiny-${TinyModel}.mjs` | 'transformers-clip.mjs' | 'transformers-image.mjs';

/**
 * Runs a script of tiny-models in a process of its own, where onnxruntime-node and transformers.js meet no other realm.
 * @param input its standard input
 * @returns what it printed
 */
export function runTinyModelScript(script: TinyModelScript, args: readonly string[], input = ''): string {
  return execFileSync(process.execPath, [join(SCRIPTS, script), ...args], {
    input,
    maxBuffer: 1 << 28,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/**
 * A model folder laid out as the real one, a few thousand times smaller, with random weights.
 * @param kind which real model's files, inputs and outputs
 * @param out folder to make
 * @param args further flags of the script, such as `--seed 2`
 * @returns `out`
 */
export function makeTinyModel(kind: TinyModel, out: string, args: readonly string[] = []): string {
  runTinyModelScript(`make-tiny-${kind}.mjs`, [out, ...args]);
  return out;
}
