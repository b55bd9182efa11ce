import type { DecodedImage, ImageRef } from '@hazure/contracts';
import { imageList } from '@hazure/contracts';
import type { ObjectStages } from './chunk-worker.js';
import { processImages } from './objects.js';
import { StageTimes } from './stage-times.js';

const info = { name: 'fake', sha256: null, licence: null, device: 'cpu' };
const refs = Array.from({ length: 20 }, (_, index): ImageRef => ({
  index,
  id: `${index}`,
  path: '',
  bytes: 0,
}));

function stages(decode: (ref: ImageRef) => Promise<void>, released: string[] = []): ObjectStages {
  return {
    decoder: {
      decode: async (ref): Promise<DecodedImage> => {
        await decode(ref);
        return { ref, widthPx: 1, heightPx: 1, data: new Uint8Array(3) };
      },
      release: ({ ref }) => released.push(ref.id),
    },
    detector: {
      info,
      classNames: [],
      detect: async (images) => images.map(() => []),
      close: async () => undefined,
    },
    embedder: {
      info,
      dimensions: 1,
      embed: async () => ({ data: new Float32Array(0), rows: 0, cols: 1 }),
      close: async () => undefined,
    },
    encoder: { encode: async () => new Uint8Array() },
    captioner: null,
  };
}

const run = (given: ObjectStages): ReturnType<typeof processImages> =>
  processImages({
    refs: imageList(refs),
    start: 0,
    folder: null,
    stages: given,
    options: { saveCrops: false, chunkImages: 4, chunkBytes: 1e6, decodeConcurrency: 3 },
    times: new StageTimes({ now: () => new Date(0), monotonicMs: () => 0 }),
    signal: new AbortController().signal,
  });

test('a slow image leaves no decoder idle, and the order stays', async () => {
  let finish: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => (finish = resolve));
  let begun = 0;
  let running = 0;
  let most = 0;
  const parts = run(
    stages(async ({ index }) => {
      begun += 1;
      most = Math.max(most, ++running);
      await (index === 0 ? slow : new Promise((done) => setImmediate(done)));
      running -= 1;
      // all that fit into the window were decoded beside it
      if (begun === 6) finish();
    }),
  );
  const ids: string[] = [];
  for await (const { images } of parts) ids.push(...images.map(({ imageId }) => imageId));
  expect(ids).toEqual(refs.map(({ id }) => id));
  expect(most).toBe(3);
});

test('every image is given back once its last stage is done', async () => {
  const released: string[] = [];
  for await (const part of run(stages(async () => undefined, released))) {
    expect(released).toEqual(expect.arrayContaining(part.images.map(({ imageId }) => imageId)));
  }
  expect(released).toEqual(refs.map(({ id }) => id));
});
