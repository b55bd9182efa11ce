import { join } from 'node:path';
import type { ImageRegion } from '@hazure/contracts';
import { describeEmbedder } from '@hazure/models';
import { loadEngine } from '@hazure/native-engine';
import { EngineEmbedder, FixedBatches, SharpImageDecoder, walkImages } from '../src/index.js';
import { cocoFolder, cocoLabels, sharedModel, testWith } from './shared-data.js';

const mobilenet = sharedModel('mobilenet_v2_features.onnx');

testWith(cocoFolder, mobilenet)('crops of real photos: a batch gives what its crops give alone', async () => {
  const decoder = new SharpImageDecoder();
  const labels = cocoLabels();
  const regions: ImageRegion[] = [];
  for (const ref of (await walkImages(join(cocoFolder, 'images'))).slice(0, 4)) {
    const image = await decoder.decode(ref);
    regions.push({ image, box: null });
    for (const { cx, cy, width, height } of (labels.get(ref.id.replace(/\.\w+$/, '')) ?? []).slice(0, 2)) {
      const box = {
        x1: (cx - width / 2) * image.widthPx,
        y1: (cy - height / 2) * image.heightPx,
        x2: (cx + width / 2) * image.widthPx,
        y2: (cy + height / 2) * image.heightPx,
      };
      regions.push({ image, box });
    }
  }
  const load = async (size: number): Promise<EngineEmbedder> =>
    EngineEmbedder.load(loadEngine(), await describeEmbedder(mobilenet), {
      batches: () => new FixedBatches(size),
    });
  const [together, single] = [await load(16), await load(1)];
  const [a, b] = [await together.embed(regions), await single.embed(regions)];
  expect([a.rows, a.cols]).toEqual([regions.length, 1280]);
  a.data.forEach((value, i) => expect(Math.abs(value - b.data[i]!)).toBeLessThan(1e-5));
  for (let row = 0; row < a.rows; row++) {
    const norm = a.data.subarray(row * a.cols, (row + 1) * a.cols).reduce((sum, x) => sum + x * x, 0);
    expect(norm).toBeCloseTo(1, 5);
  }
  await Promise.all([together.close(), single.close()]);
});
