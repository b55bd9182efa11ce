import { BadItemsError, InterruptedError, ModelError, type DecodedImage } from '@hazure/contracts';
import type { DetectorDescription, EmbedderDescription } from '@hazure/models';
import type { Engine, RawImage, RawRegion } from '@hazure/native-engine';
import { EngineDetector, EngineEmbedder, FixedBatches } from '../src/index.js';

const image = (id: string, value: number): DecodedImage => ({
  ref: { index: 0, id, path: '', bytes: 0 },
  widthPx: 1,
  heightPx: 1,
  data: Uint8Array.of(value, value, value),
});
const model = { model: { name: 'm', sha256: '0', path: 'm.onnx' }, preprocess: { widthPx: 1, heightPx: 1 } };
const session = { device: 'cpu', deviceReason: 'test', streams: 1 };

/** Answers NaN for pixels of 13, and is interrupted by 99. */
const engine = {
  loadEmbedder: async () => ({
    ...session,
    dimensions: 2,
    embed: async (regions: RawRegion[]) =>
      Float32Array.from(regions.flatMap(({ image: { data } }) => (data[0] === 13 ? [1, NaN] : [1, 0]))),
  }),
  loadDetector: async () => ({
    ...session,
    detect: async (images: RawImage[]) => {
      if (images.some(({ data }) => data[0] === 99)) throw new InterruptedError();
      if (images.some(({ data }) => data[0] === 13))
        throw new ModelError('MODEL_INVALID', "the model's scores hold NaN");
      return images.map(() => Float32Array.of(0, 0, 1, 1, 0.5, 0));
    },
  }),
} as unknown as Engine;

const embedder = (): Promise<EngineEmbedder> =>
  EngineEmbedder.load(engine, { ...model, output: 'o', normalise: true } as unknown as EmbedderDescription, {
    batches: () => new FixedBatches(2),
  });
const detector = (): Promise<EngineDetector> =>
  EngineDetector.load(
    engine,
    { ...model, classNames: ['a'], masks: false } as unknown as DetectorDescription,
    {
      confidence: 0.3,
      iou: 0.5,
      maxDetections: 10,
      batches: () => new FixedBatches(2),
    },
  );

describe('items that a model answers with non-numbers', () => {
  const images = [1, 2, 3, 13, 5].map((value, i) => image(`${i}.jpg`, value));

  test('are named with image and box by the embedder', async () => {
    const box = { x1: 1, y1: 2, x2: 3, y2: 4 };
    const error = await (
      await embedder()
    )
      .embed(images.map((each) => ({ image: each, box })))
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(BadItemsError);
    expect(error).toMatchObject({
      code: 'MODEL_ANSWER_INVALID',
      count: 5,
      items: [{ index: 3, imageId: '3.jpg', box, message: expect.stringContaining('3.jpg [1, 2, 3, 4]') }],
    });
  });

  test('are all items where the model itself is at fault', async () => {
    const bad = [image('a', 13), image('b', 13)].map((each) => ({ image: each, box: null }));
    await expect((await embedder()).embed(bad)).rejects.toMatchObject({
      code: 'MODEL_ANSWER_INVALID',
      message: expect.stringContaining('every one of 2'),
      items: [{ imageId: 'a' }, { imageId: 'b' }],
    });
  });

  test('are named with their image by the detector, whatever batch they were in', async () => {
    const error = await (await detector()).detect(images).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: 'MODEL_ANSWER_INVALID',
      items: [{ index: 3, imageId: '3.jpg', box: null }],
    });
    expect((error as BadItemsError).items).toHaveLength(1);
    await expect((await detector()).detect([image('a', 13), image('b', 13)])).rejects.toMatchObject({
      code: 'MODEL_INVALID',
    });
    await expect((await detector()).detect([image('a', 99)])).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});
