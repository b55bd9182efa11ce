import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { InputError, ModelError } from '@hazure/contracts';
import { itemsAtFault, loadEngine } from '../src/index.js';
import type { RawImage, RawRegion, Tensor } from '../src/index.js';
import { addonPath, loadBinding } from '../src/load-binding.js';
import { squareSpec, syntheticImage, tinyModel } from './support/fixtures.js';

const engine = loadEngine();
const spec = squareSpec(32, { fit: 'stretch', interpolation: 'bicubic-antialias' });
const embedderConfig = (modelPath: string) => ({
  modelPath,
  preprocess: spec,
  output: 'features',
  normalise: true,
});
const whole = (image: RawImage): RawRegion => ({ image, box: null });
/** The same pixels in a buffer of their own. */
const copied = (image: RawImage, buffer: ArrayBufferLike): RawImage => {
  const data = new Uint8Array(buffer);
  data.set(image.data);
  return { ...image, data };
};
/** ArrayBuffer as of ES2024. */
const ResizableBuffer = ArrayBuffer as unknown as new (
  bytes: number,
  options: { maxByteLength: number },
) => ArrayBuffer;
const detach = (buffer: ArrayBufferLike): void => {
  structuredClone(0, { transfer: [buffer as ArrayBuffer] });
};

describe('arguments that change while they are read', () => {
  test('a getter that grows the array: its length is the one it had', async () => {
    const regions: unknown[] = [0];
    Object.defineProperty(regions, 0, {
      get: () => {
        for (let i = 0; i < 100_000; i++) regions.push(7);
        return 1;
      },
    });
    await expect(engine.preprocess(regions as never, spec)).rejects.toThrow(
      /regions\[0\]: expected an object, got 1/,
    );
  });

  test("a getter that detaches another image's buffer", async () => {
    const first = syntheticImage(1, 300, 200);
    const data = new Uint8Array(3);
    const second = {
      widthPx: 1,
      heightPx: 1,
      get data() {
        detach(first.data.buffer);
        return data;
      },
    };
    await expect(engine.preprocess([whole(first), whole(second)], spec)).rejects.toThrow(
      /regions\[0\].image.data: expected a Uint8Array of 180000 bytes .* got a detached buffer/,
    );
  });

  test('a getter that closes the model', async () => {
    const embedder = await engine.loadEmbedder(embedderConfig(tinyModel('embedder')));
    let closed: Promise<void> | undefined;
    const image = {
      ...syntheticImage(1, 8, 8),
      get widthPx() {
        closed ??= embedder.close();
        return 8;
      },
    };
    await expect(embedder.embed([whole(image)])).rejects.toThrow(
      'an embedder that is open, got one that was closed',
    );
    await closed;
  });

  test('each property is read once', async () => {
    let reads = 0;
    const image = {
      ...syntheticImage(1, 8, 8),
      get heightPx() {
        reads += 1;
        return reads === 1 ? 8 : 4000;
      },
    };
    await engine.preprocess([whole(image)], spec);
    expect(reads).toBe(1);
  });

  test('what a getter throws is what the caller gets, also where it is a proxy', async () => {
    const asked = { has: () => true, get: () => { throw new Error('asked'); } }; // prettier-ignore
    for (const thrown of [new RangeError('mine'), null, 7, new Proxy({}, asked)]) {
      const image = { widthPx: 1, heightPx: 1, get data(): Uint8Array { throw thrown; } }; // prettier-ignore
      const caught = await loadBinding()
        .preprocess([whole(image)], spec)
        .then(
          () => [],
          (error: unknown) => [error],
        );
      expect(caught.length).toBe(1);
      expect(Object.is(caught[0], thrown)).toBe(true);
    }
  });
});

describe('buffers of a call under way', () => {
  const image = syntheticImage(4, 900, 700);

  test.each([
    ['transferred', () => new ArrayBuffer(image.data.length), detach],
    [
      'resized',
      () => new ResizableBuffer(image.data.length, { maxByteLength: image.data.length }),
      (buffer: ArrayBufferLike) => (buffer as unknown as { resize(bytes: number): void }).resize(0),
    ],
    ['shared', () => new SharedArrayBuffer(image.data.length), () => undefined],
  ])('%s: the answer is that of the pixels as they were', async (_, make, spoil) => {
    const expected = await engine.preprocess([whole(image)], spec);
    const calls = Array.from({ length: 6 }, () => {
      const own = copied(image, make());
      const call = engine.preprocess(
        [whole(own), { image: own, box: { x1: 3, y1: 4, x2: 50, y2: 60 } }],
        spec,
      );
      spoil(own.data.buffer);
      return call;
    });
    for (const { data } of await Promise.all(calls)) {
      expect(data.subarray(0, expected.data.length)).toEqual(expected.data);
    }
  });

  test('crops of a picture that goes away are embedded as they were', async () => {
    const embedder = await engine.loadEmbedder(embedderConfig(tinyModel('embedder')));
    const boxes = [1, 2, 3].map((i) => ({ x1: 10.4 * i, y1: 7 * i, x2: 10.4 * i + 30, y2: 7 * i + 41.5 }));
    const cut = (from: RawImage) => boxes.map((box) => ({ image: from, box }));
    const shared = copied(image, new SharedArrayBuffer(image.data.length));
    const expected = await embedder.embed(cut(shared));
    const own = copied(image, new ArrayBuffer(image.data.length));
    const call = embedder.embed(cut(own));
    detach(own.data.buffer);
    expect(await call).toEqual(expected);
    await embedder.close();
  });

  test('a result that is fed again is held, and may be dropped', async () => {
    const session = await engine.loadSession(tinyModel('embedder'));
    const run = (data: Float32Array) =>
      session.run({ image: { type: 'float32', dims: [1, 3, 32, 32], data } });
    const first = (await engine.preprocess([whole(image)], spec)).data;
    const expected = await run(first.slice());
    const call = run(first);
    expect((await call)['features']).toEqual(expected['features']);
    await session.close();
  });
});

describe('sizes', () => {
  const decode = (dims: number[]) =>
    engine.decodeDetections(
      { kind: 'yolov8', classes: 65_532 },
      { o: { type: 'float32', dims, data: new Float32Array(0) } },
      {
        confidence: 0.3,
        iou: 0.5,
        maxDetections: 10,
        inputWidthPx: 8,
        inputHeightPx: 8,
        sources: [],
      },
    );

  test('a product of dimensions that wraps to 0 is no product', async () => {
    await expect(decode([2 ** 30, 65_536, 65_536])).rejects.toThrow(
      'expected more than 2^64 values for its dims, got 0',
    );
  });

  test('lists and texts that no call needs are refused before they are read', async () => {
    await expect(engine.preprocess(new Array(2 ** 32 - 1) as never, spec)).rejects.toThrow(
      /at most 65536 elements, got 4294967295/,
    );
    await expect(decode(new Array<number>(70_000).fill(1))).rejects.toThrow(/at most 4096 elements/);
    await expect(engine.loadSession('x'.repeat(2 ** 20))).rejects.toThrow(/at most 65536 bytes/);
    await expect(engine.loadSession(`${tinyModel('embedder')}\0.txt`)).rejects.toThrow(/without NUL/);
  });

  test('a result larger than the memory is an error, not an end', async () => {
    const big = squareSpec(65_500);
    const regions = Array.from({ length: 2000 }, () => whole(syntheticImage(1, 2, 2)));
    await expect(engine.preprocess(regions, big)).rejects.toMatchObject({ code: 'DEVICE_OUT_OF_MEMORY' });
  });
});

describe('results', () => {
  test('are made without asking prototypes, whatever a key is called', async () => {
    const asked: string[] = [];
    for (const name of ['data', 'placements', 'scaleX', 'description', 'handle']) {
      Object.defineProperty(Object.prototype, name, { configurable: true, set: () => asked.push(name) });
    }
    try {
      const binding = loadBinding();
      const { data } = await binding.preprocess([whole(syntheticImage(1, 8, 8))], { ...spec });
      expect(data.length).toBe(3 * 32 * 32);
      const { handle, description } = await binding.loadSession(tinyModel('embedder'));
      expect(description.metadata).toEqual({ purpose: 'fixture', dimensions: '8' });
      await binding.close(handle);
    } finally {
      for (const name of ['data', 'placements', 'scaleX', 'description', 'handle']) {
        delete (Object.prototype as Record<string, unknown>)[name];
      }
    }
    expect(asked).toEqual([]);
  });

  test('an error says which items of the call it is about', async () => {
    const image = syntheticImage(1, 20, 20);
    const outside = { image, box: { x1: 30, y1: 30, x2: 40, y2: 40 } };
    const refused = await engine.preprocess([whole(image), outside], spec).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(InputError);
    expect(refused).toMatchObject({ message: expect.stringContaining('item 1 of the batch') as string });
    expect(itemsAtFault(refused)).toEqual([1]);

    const rows = new Float32Array(3 * 5).fill(0.5);
    rows[4] = NaN;
    rows[14] = NaN;
    const outputs: Record<string, Tensor> = { o: { type: 'float32', dims: [3, 5, 1], data: rows } };
    const source = { widthPx: 8, heightPx: 8, placement: { scaleX: 1, scaleY: 1, offsetX: 0, offsetY: 0 } };
    const nan = await engine
      .decodeDetections({ kind: 'yolov8', classes: 1 }, outputs, {
        confidence: 0.3,
        iou: 0.5,
        maxDetections: 10,
        inputWidthPx: 8,
        inputHeightPx: 8,
        sources: [source, source, source],
      })
      .catch((error: unknown) => error);
    expect(nan).toBeInstanceOf(ModelError);
    expect(itemsAtFault(nan)).toEqual([0, 2]);
    expect(itemsAtFault(new Error('of something else'))).toBeUndefined();
  });

  test('a model that gives NaN for some crops names them across the pieces of a fixed batch', async () => {
    // Pixels × infinity: black ones give NaN, others infinity; neither is an embedding.
    const embedder = await engine.loadEmbedder({
      ...embedderConfig(tinyModel('embedder-batch4')),
      preprocess: squareSpec(8, { fit: 'stretch', scale: 1e38 }),
    });
    const black = { data: new Uint8Array(12), widthPx: 2, heightPx: 2 };
    const white = { data: new Uint8Array(12).fill(255), widthPx: 2, heightPx: 2 };
    const error = await embedder
      .embed([black, black, black, black, black, white].map(whole))
      .catch((failed: unknown) => failed);
    expect(error).toBeInstanceOf(ModelError);
    expect(itemsAtFault(error)).toEqual([5]);
    expect(await embedder.embed([whole(black)])).toHaveLength(8);
    await embedder.close();
  });
});

test('a short form of the fuzz finds nothing', async () => {
  const script = resolve('bench/fuzz-border.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [
    script,
    ...['--calls', '400', '--per-process', '400', '--seed', '7', '--addon', addonPath()],
  ]);
  const counts = JSON.parse(stdout) as { calls: number; checked: number };
  expect(counts.calls).toBeGreaterThanOrEqual(400);
  expect(counts.checked).toBeGreaterThan(30);
}, 120_000);
