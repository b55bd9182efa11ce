import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DecodedImage } from '@hazure/contracts';
import { describeEmbedder } from '@hazure/models';
import { loadEngine, type PreprocessSpec } from '@hazure/native-engine';
import { ClipTextEmbedder, ClipTokenizer, EngineEmbedder, FixedBatches } from '../src/index.js';
import { cosines, photos, pngFiles, shrink } from './photos.js';
import { cocoFolder, testWith } from './shared-data.js';
import { askTransformers, makeTinyClip } from './tiny-clip.js';

/**
 * Real photos of all aspect ratios against transformers.js on the same model files. It resizes without antialiasing,
 * CLIP and hazure with it (docs/reference/semantics.md), so what is compared is everything but its resize: whole
 * pipelines on photos brought to CLIP's shortest side beforehand, and its network on the pixels that ours sees.
 */
const engine = loadEngine();
const SHORTEST_PX = 224;

async function imageTower(folder: string, suffix: string, batch: number): Promise<EngineEmbedder> {
  const model = await describeEmbedder(join(folder, 'onnx', `vision_model${suffix}.onnx`));
  return EngineEmbedder.load(engine, model, {
    session: { device: 'cpu' },
    batches: () => new FixedBatches(batch),
  });
}

/** One file of float32 [3, 224, 224] per photo: the pixels that our network sees. */
async function pixelFiles(images: readonly DecodedImage[], preprocess: PreprocessSpec): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'clip-pixels-'));
  return Promise.all(
    images.map(async (image, i) => {
      const { data } = await engine.preprocess([{ image, box: null }], preprocess);
      const path = join(folder, `${i}.f32`);
      writeFileSync(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      return path;
    }),
  );
}

testWith(cocoFolder)(
  '64 photos, shrunk beforehand: both pipelines give the same embeddings',
  async () => {
    const folder = makeTinyClip(null);
    const small = await Promise.all((await photos(64)).map((image) => shrink(engine, image, SHORTEST_PX)));
    const ratios = small.map(({ widthPx, heightPx }) => widthPx / heightPx);
    expect(Math.min(...ratios)).toBeLessThan(0.7);
    expect(Math.max(...ratios)).toBeGreaterThan(1.4);
    const paths = await pngFiles(small);
    const embedder = await imageTower(folder, '', 16);
    const ours = await embedder.embed(small.map((image) => ({ image, box: null })));
    const { imageEmbeds } = askTransformers(folder, { images: paths });
    expect(imageEmbeds).toHaveLength(64);
    expect(Math.min(...cosines(ours.data, imageEmbeds))).toBeGreaterThanOrEqual(0.9999);
    // the network does tell photos apart
    expect(Math.min(...cosines(ours.data, [...imageEmbeds.slice(1), imageEmbeds[0]]))).toBeLessThan(0.99);
    await embedder.close();
  },
  120_000,
);

/** Precision, file name ending, least cosine of a batch's rows to the same rows alone. */
const PRECISIONS = [
  ['fp32', '', 0.999999],
  ['fp16', '_fp16', 0.999999],
  // activations are quantised by the whole batch's range, so an item's rows depend a little on its neighbours
  ['q8', '_quantized', 0.98],
] as const;

describe.each(PRECISIONS)('%s towers', (dtype, suffix, alike) => {
  const folder = makeTinyClip(null, ['fp32', 'fp16', 'quantized']);

  testWith(cocoFolder)(
    'original photos: the same network on the same pixels, batches as single',
    async () => {
      const images = await photos(32);
      const single = await imageTower(folder, suffix, 1);
      const batched = await imageTower(folder, suffix, 8);
      const { preprocess } = await describeEmbedder(join(folder, 'onnx', `vision_model${suffix}.onnx`));
      const regions = images.map((image) => ({ image, box: null }));
      const [alone, together] = [await single.embed(regions), await batched.embed(regions)];
      const { pixelEmbeds } = askTransformers(folder, {
        pixels: await pixelFiles(images, preprocess),
        dtype,
      });
      expect(pixelEmbeds).toHaveLength(images.length);
      expect(Math.min(...cosines(alone.data, pixelEmbeds))).toBeGreaterThanOrEqual(0.9999);
      expect(Math.min(...cosines(together.data, pixelEmbeds))).toBeGreaterThanOrEqual(alike);
      await Promise.all([single.close(), batched.close()]);
    },
    120_000,
  );

  test('texts: the same embeddings, batches as single', async () => {
    const texts = ['', 'a car', 'a photo of a zebra.', '日本語 🦓', 'x'.repeat(60), 'two dogs on a sofa'];
    const session = await engine.loadSession(join(folder, 'onnx', `text_model${suffix}.onnx`), {
      device: 'cpu',
    });
    const info = { name: 'tiny-clip', sha256: null, licence: null, device: 'cpu' };
    const tokenizer = await ClipTokenizer.fromFolder(folder);
    const embedder = await ClipTextEmbedder.create(session, tokenizer, info);
    const alone = new Float32Array(texts.length * embedder.dimensions);
    for (const [i, text] of texts.entries()) {
      alone.set((await embedder.embed([text])).data, i * embedder.dimensions);
    }
    const together = await embedder.embed(texts);
    const { textEmbeds } = askTransformers(folder, { texts, dtype });
    expect(Math.min(...cosines(alone, textEmbeds))).toBeGreaterThanOrEqual(0.9999);
    expect(Math.min(...cosines(together.data, textEmbeds))).toBeGreaterThanOrEqual(alike);
    await embedder.close();
  }, 60_000);
});
