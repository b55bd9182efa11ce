/**
 * The reference for image networks that give tokens: the class token that transformers.js gets from the same files.
 * Reads {"images": [paths]} on standard input, prints {"imageEmbeds"} with unit rows.
 *
 *   node libs/test-kit/src/tiny-models/transformers-image.mjs MODEL_FOLDER < request.json
 */
process.env.ORT_DISABLE_TELEMETRY = '1';
const { AutoModel, AutoProcessor, RawImage } = await import('@xenova/transformers');
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const folder = resolve(process.argv[2]);
const { images } = JSON.parse(readFileSync(0, 'utf8'));
const options = { local_files_only: true, dtype: 'fp32' };
const processor = await AutoProcessor.from_pretrained(folder, options);
const model = await AutoModel.from_pretrained(folder, options);
const imageEmbeds = [];
for (const path of images) {
  const { last_hidden_state: tokens } = await model(await processor(await RawImage.read(path)));
  const first = Array.from(tokens.data.slice(0, tokens.dims[2]));
  const norm = Math.hypot(...first);
  imageEmbeds.push(first.map((value) => value / norm));
}
console.log(JSON.stringify({ imageEmbeds }));
