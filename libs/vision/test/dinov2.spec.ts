import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeEmbedder } from '@hazure/models';
import { loadEngine } from '@hazure/native-engine';
import { EngineEmbedder, FixedBatches } from '../src/index.js';
import { cosines, photos, pngFiles, shrink } from './photos.js';
import { cocoFolder, testWith } from './shared-data.js';
import { runTinyModelScript } from '@hazure/test-kit';

const engine = loadEngine();

/** An image embedder that is not CLIP: all that hazure knows of it stands in its folder. */
describe('a DINOv2 folder', () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'tiny-dinov2-')), 'model');
  runTinyModelScript('make-tiny-dinov2.mjs', [folder]);
  const path = join(folder, 'onnx', 'model.onnx');
  const described = (): ReturnType<typeof describeEmbedder> =>
    describeEmbedder(path, { cacheDir: join(folder, '..', 'cache') });

  test('its preprocessing, size and vectors are read from its files', async () => {
    const found = await described();
    expect(found).toMatchObject({ output: 'hazure_pooled', dimensions: 24, fixedBatch: null });
    expect(found.preprocess).toMatchObject({
      widthPx: 224,
      heightPx: 224,
      fit: 'centre-crop',
      resizeShortestPx: 256,
      interpolation: 'bicubic-antialias',
      mean: [0.485, 0.456, 0.406],
    });
  });

  testWith(cocoFolder)(
    'real photos give what transformers.js gives',
    async () => {
      const images = await Promise.all((await photos(24)).map((image) => shrink(engine, image, 256)));
      const request = JSON.stringify({ images: await pngFiles(images) });
      const { imageEmbeds } = JSON.parse(runTinyModelScript('transformers-image.mjs', [folder], request)) as {
        imageEmbeds: number[][];
      };
      const embedder = await EngineEmbedder.load(engine, await described(), {
        batches: () => new FixedBatches(8),
      });
      const ours = await embedder.embed(images.map((image) => ({ image, box: null })));
      expect(Math.min(...cosines(ours.data, imageEmbeds))).toBeGreaterThanOrEqual(0.9999);
      expect(Math.min(...cosines(ours.data, [...imageEmbeds.slice(1), imageEmbeds[0]]))).toBeLessThan(0.999);
      await embedder.close();
    },
    60_000,
  );
});
