/**
 * The pipeline of `hazure learn` (crops not saved) against a plain script over onnxruntime-node and sharp, in turn, in
 * one process and over the same photos.
 *
 *   node libs/benchmark/bench/end-to-end.mjs DETECTOR.onnx EMBEDDER.onnx IMAGES [ROUNDS]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipelinePass } from '../dist/end-to-end.js';
import { composeStages, silentProgress } from '@hazure/hazure';
import { parsePhaseOptions } from '@hazure/contracts';
import { walkImages } from '@hazure/vision';
import { plainScript } from './plain-script.mjs';

const [detector, embedder, folder, rounds = '5'] = process.argv.slice(2);
if (folder === undefined)
  throw new Error('usage: end-to-end.mjs DETECTOR.onnx EMBEDDER.onnx IMAGES [ROUNDS]');

const silent = () => undefined;
const logger = { debug: silent, info: silent, warn: silent, error: silent };
const clock = { now: () => new Date(), monotonicMs: () => performance.now() };
const session = { clock, logger, progress: silentProgress, signal: new AbortController().signal };
// before the engine: onnxruntime-node must be the one that opens ONNX Runtime
const plain = await plainScript(detector, embedder, folder);
const composed = await composeStages(parsePhaseOptions({ detector, embedder }), session);
const refs = await walkImages(folder);
const scratch = mkdtempSync(join(tmpdir(), 'hazure-end-to-end-'));
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const context = { composed, clock: session.clock, signal: session.signal };
try {
  await pipelinePass(context, scratch, refs.slice(0, 8));
  const ratios = [];
  for (let round = 0; round < Number(rounds); round++) {
    const theirs = await plain();
    const ours = await pipelinePass(context, scratch, refs);
    ratios.push(theirs.seconds / ours.seconds);
    console.log(
      `plain script ${(refs.length / theirs.seconds).toFixed(1)} images/s (${theirs.objects} objects), ` +
        `hazure ${(refs.length / ours.seconds).toFixed(1)} images/s (${ours.objects} objects), ` +
        `ratio ${ratios.at(-1).toFixed(2)}`,
    );
  }
  console.log(`median ratio ${median(ratios).toFixed(2)}`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
  await composed.close();
}
