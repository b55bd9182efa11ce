/**
 * Writes calibration images of a fold of coco128 as .npy files, prepared as the model wants them, for ort_defaults.py:
 *   node libs/quantise/bench/feeds.mjs MODEL FOLD COUNT DIR
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeDetector, describeEmbedder } from '@hazure/models';
import { loadEngine } from '@hazure/native-engine';
import { cocoFolds, decode } from './lib.mjs';

const [name, fold, count, folder] = process.argv.slice(2);
const describe = /mobilenet/.test(name) ? describeEmbedder : describeDetector;
const { preprocess } = await describe(name);
const engine = loadEngine();
mkdirSync(folder, { recursive: true });
for (const [i, ref] of (await cocoFolds())[fold].slice(0, Number(count)).entries()) {
  const { data } = await engine.preprocess([{ image: await decode(ref), box: null }], preprocess);
  const shape = `(1, 3, ${preprocess.heightPx}, ${preprocess.widthPx})`;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
  const padded = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11, ' ') + '\n';
  const header = Buffer.alloc(10);
  header.write('\x93NUMPY\x01\x00', 'latin1');
  header.writeUInt16LE(padded.length, 8);
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  writeFileSync(
    join(folder, `${String(i).padStart(3, '0')}.npy`),
    Buffer.concat([header, Buffer.from(padded), bytes]),
  );
}
