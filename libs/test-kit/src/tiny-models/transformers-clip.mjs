/**
 * The reference for our CLIP: what transformers.js makes of the same files. Reads {"tokenise": […], "texts": […],
 * "images": [paths], "pixels": [paths], "dtype": "fp32"} on standard input, prints {"tokens", "textEmbeds",
 * "imageEmbeds", "pixelEmbeds"} with unit rows. `pixels` are files of float32 [3, 224, 224], given to the model as
 * they are.
 *
 *   node libs/test-kit/src/tiny-models/transformers-clip.mjs MODEL_FOLDER < request.json
 */
process.env.ORT_DISABLE_TELEMETRY = '1';
const {
  AutoTokenizer,
  AutoProcessor,
  CLIPTextModelWithProjection,
  CLIPVisionModelWithProjection,
  RawImage,
  Tensor,
} = await import('@xenova/transformers');
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const folder = resolve(process.argv[2]);
const {
  tokenise = [],
  texts = [],
  images = [],
  pixels = [],
  dtype = 'fp32',
} = JSON.parse(readFileSync(0, 'utf8'));
const options = { local_files_only: true, dtype };

const unitRows = (tensor) => {
  const [rows, cols] = tensor.dims;
  return Array.from({ length: rows }, (_, row) => {
    const values = Array.from(tensor.data.slice(row * cols, (row + 1) * cols));
    const norm = Math.hypot(...values);
    return values.map((value) => value / norm);
  });
};

const tokenizer = await AutoTokenizer.from_pretrained(folder, options);
const tokens = tokenise.map((text) => tokenizer.encode(text));
const textEmbeds = [];
if (texts.length > 0) {
  const model = await CLIPTextModelWithProjection.from_pretrained(folder, options);
  for (const text of texts) {
    const inputs = tokenizer([text], { padding: true, truncation: true });
    textEmbeds.push(...unitRows((await model(inputs)).text_embeds));
  }
}
const imageEmbeds = [];
const pixelEmbeds = [];
if (images.length + pixels.length > 0) {
  const processor = await AutoProcessor.from_pretrained(folder, options);
  const model = await CLIPVisionModelWithProjection.from_pretrained(folder, options);
  for (const path of pixels) {
    const values = new Float32Array(new Uint8Array(readFileSync(path)).buffer);
    const pixel_values = new Tensor('float32', values, [1, 3, 224, 224]);
    pixelEmbeds.push(...unitRows((await model({ pixel_values })).image_embeds));
  }
  for (const path of images) {
    const image = await RawImage.read(path);
    imageEmbeds.push(...unitRows((await model(await processor(image))).image_embeds));
  }
}
console.log(JSON.stringify({ tokens, textEmbeds, imageEmbeds, pixelEmbeds }));
