import { InputError, ModelError } from '@hazure/contracts';
import { loadEngine } from '../src/index.js';
import type { DetectorEngineConfig, EmbedderEngineConfig, RawRegion } from '../src/index.js';
import { loadBinding } from '../src/load-binding.js';
import { squareSpec, syntheticImage, tinyModel } from './support/fixtures.js';

const engine = loadEngine();
const images = [1, 2, 3, 4, 5, 6, 7].map((seed) => syntheticImage(seed, 40 + 13 * seed, 90 - 9 * seed));
const options = { confidence: 0.4, iou: 0.5, maxDetections: 50 };
const detectorConfig: DetectorEngineConfig = {
  modelPath: tinyModel('detector'),
  preprocess: squareSpec(64),
  head: { kind: 'yolov8', classes: 2 },
};
const embedderConfig = (
  model: string,
  changes: Partial<EmbedderEngineConfig> = {},
): EmbedderEngineConfig => ({
  modelPath: tinyModel(model),
  preprocess: squareSpec(32, { fit: 'stretch', interpolation: 'bicubic-antialias' }),
  output: 'features',
  normalise: true,
  ...changes,
});
const regions: RawRegion[] = images.map((image, i) => ({
  image,
  box: i % 3 === 0 ? null : { x1: i, y1: 2.5, x2: 20.2 + i, y2: 25 },
}));

describe('a detector', () => {
  test('gives a batch what it gives each image alone', async () => {
    const detector = await engine.loadDetector(detectorConfig);
    const together = await detector.detect(images, options);
    const alone = await Promise.all(images.map((image) => detector.detect([image], options)));
    expect(together).toEqual(alone.map((rows) => rows[0]));
    expect(together.reduce((sum, rows) => sum + rows.length, 0)).toBeGreaterThan(60);
    for (const [i, rows] of together.entries()) {
      expect(rows.length % 6).toBe(0);
      for (let at = 0; at < rows.length; at += 6) {
        const [x1, y1, x2, y2, confidence, classId] = rows.subarray(at, at + 6) as unknown as number[];
        expect(x1).toBeGreaterThanOrEqual(0);
        expect(y1).toBeGreaterThanOrEqual(0);
        expect(x2).toBeLessThanOrEqual(images[i]?.widthPx ?? 0);
        expect(y2).toBeLessThanOrEqual(images[i]?.heightPx ?? 0);
        expect(confidence).toBeGreaterThan(options.confidence);
        expect([0, 1]).toContain(classId);
        if (at > 0) expect(confidence).toBeLessThanOrEqual(rows[at - 2] as number);
      }
    }
    await detector.close();
  });

  test('equals preprocess, session and decode done one by one', async () => {
    const detector = await engine.loadDetector(detectorConfig);
    const session = await engine.loadSession(tinyModel('detector'));
    const { data, placements } = await engine.preprocess(
      images.map((image) => ({ image, box: null })),
      detectorConfig.preprocess,
    );
    const outputs = await session.run({
      images: { type: 'float32', dims: [images.length, 3, 64, 64], data },
    });
    const rows = await engine.decodeDetections(detectorConfig.head, outputs, {
      ...options,
      inputWidthPx: 64,
      inputHeightPx: 64,
      sources: images.map(({ widthPx, heightPx }, i) => ({
        widthPx,
        heightPx,
        placement: placements[i] as (typeof placements)[number],
      })),
    });
    expect(rows).toEqual(await detector.detect(images, options));
    await Promise.all([detector.close(), session.close()]);
  });

  test('keeps only the classes asked for, and no more boxes than asked for', async () => {
    const detector = await engine.loadDetector(detectorConfig);
    const [all] = await detector.detect([images[0] as never], options);
    const [ones] = await detector.detect([images[0] as never], { ...options, classIds: [1] });
    const classes = (rows: Float32Array | undefined) => [...(rows ?? [])].filter((_, i) => i % 6 === 5);
    expect(new Set(classes(all))).toEqual(new Set([0, 1]));
    expect(new Set(classes(ones))).toEqual(new Set([1]));
    const [few] = await detector.detect([images[0] as never], { ...options, maxDetections: 2 });
    expect(few).toEqual(all?.subarray(0, 12));
    expect(await detector.detect([], options)).toEqual([]);
    await detector.close();
  });
});

describe('an embedder', () => {
  test.each(['embedder', 'embedder-batch4'])(
    '%s gives a batch what it gives each region alone',
    async (model) => {
      const embedder = await engine.loadEmbedder(embedderConfig(model));
      expect(embedder.dimensions).toBe(8);
      const together = await embedder.embed(regions);
      const alone = await Promise.all(regions.map((region) => embedder.embed([region])));
      expect(together).toEqual(Float32Array.from(alone.flatMap((row) => [...row])));
      for (let row = 0; row < regions.length; row++) {
        expect(Math.hypot(...together.subarray(row * 8, row * 8 + 8))).toBeCloseTo(1, 5);
      }
      expect(await embedder.embed([])).toEqual(new Float32Array(0));
      await embedder.close();
    },
  );

  test('feeds a fixed batch in pieces: the same rows as an open one', async () => {
    const open = await engine.loadEmbedder(embedderConfig('embedder'));
    const fixed = await engine.loadEmbedder(embedderConfig('embedder-batch4'));
    const [a, b] = await Promise.all([open.embed(regions), fixed.embed(regions)]);
    a.forEach((value, i) => expect(b[i]).toBeCloseTo(value, 6));
    await Promise.all([open.close(), fixed.close()]);
  });

  test('learns open dimensions by trying, and leaves rows unscaled when asked', async () => {
    const raw = await engine.loadEmbedder(embedderConfig('embedder', { output: 'pooled', normalise: false }));
    const unit = await engine.loadEmbedder(embedderConfig('embedder'));
    expect(raw.dimensions).toBe(8);
    const [rawRow, unitRow] = await Promise.all([
      raw.embed(regions.slice(0, 1)),
      unit.embed(regions.slice(0, 1)),
    ]);
    const length = Math.hypot(...rawRow);
    rawRow.forEach((value, i) => expect(value / length).toBeCloseTo(unitRow[i] as number, 5));
    await Promise.all([raw.close(), unit.close()]);
  });

  test('takes graphs where there is no GPU to capture them, but not without device tensors', async () => {
    const session = { device: 'cpu', cuda: { graphs: true } } as const;
    const plain = await engine.loadEmbedder(embedderConfig('embedder'));
    const graphs = await engine.loadEmbedder(embedderConfig('embedder', { session }));
    const wanted = await plain.embed(regions);
    for (let round = 0; round < 3; round++) expect(await graphs.embed(regions)).toEqual(wanted);
    await Promise.all([plain.close(), graphs.close()]);
    const error: unknown = await engine
      .loadEmbedder(
        embedderConfig('embedder', { session: { ...session, cuda: { graphs: true, deviceTensors: false } } }),
      )
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).message).toMatch(/graphs needs cuda\.deviceTensors/);
    expect((error as InputError).hint).toMatch(/leave one of the two out/);
  });

  test('sees a region as it sees the same pixels cut out', async () => {
    const embedder = await engine.loadEmbedder(embedderConfig('embedder'));
    const image = syntheticImage(9, 60, 50);
    const cut = new Uint8Array(20 * 10 * 3);
    for (let y = 0; y < 10; y++) {
      const from = ((y + 7) * 60 + 5) * 3;
      cut.set(image.data.subarray(from, from + 60), y * 60);
    }
    const [region, whole] = await Promise.all([
      embedder.embed([{ image, box: { x1: 5, y1: 7, x2: 25, y2: 17 } }]),
      embedder.embed([{ image: { data: cut, widthPx: 20, heightPx: 10 }, box: null }]),
    ]);
    expect(region).toEqual(whole);
    await embedder.close();
  });
});

describe('what models refuse', () => {
  test.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'another input size',
      () => engine.loadDetector({ ...detectorConfig, preprocess: squareSpec(32) }),
      /64×64/,
    ],
    [
      'an output that is not there',
      () => engine.loadEmbedder(embedderConfig('embedder', { output: 'x' })),
      /no output x; it has features, pooled, map/,
    ],
    [
      'an output that is no vector',
      () => engine.loadEmbedder(embedderConfig('embedder', { output: 'map' })),
      /one vector per image/,
    ],
    ['several inputs', () => engine.loadEmbedder(embedderConfig('element-types')), /has 6 inputs/],
    [
      'a head whose outputs are missing',
      () =>
        engine.loadDetector({
          ...detectorConfig,
          head: { kind: 'detr', classes: 2, logitsOutput: 'logits', boxesOutput: 'boxes' },
        }),
      /reads the output logits, but the model has output0/,
    ],
  ])('%s', async (_, load, message) => {
    const error: unknown = await load().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ModelError);
    expect((error as Error).message).toMatch(message);
  });

  test('a head of other classes than the model has', async () => {
    const detector = await engine.loadDetector({ ...detectorConfig, head: { kind: 'yolov8', classes: 80 } });
    await expect(detector.detect(images.slice(0, 1), options)).rejects.toBeInstanceOf(ModelError);
    await detector.close();
  });

  test('bad images, boxes and options, naming the field', async () => {
    const detector = await engine.loadDetector(detectorConfig);
    const embedder = await engine.loadEmbedder(embedderConfig('embedder'));
    const image = images[0] as (typeof images)[number];
    const box = { x1: 0, y1: 0, x2: 4, y2: 4 };
    const cases: [() => Promise<unknown>, RegExp][] = [
      [
        () => detector.detect([{ ...image, widthPx: 7 }], options),
        /images\[0\]\.data: expected a Uint8Array of/,
      ],
      [() => detector.detect([image, { ...image, heightPx: 0 }], options), /images\[1\]\.heightPx/],
      [
        () => detector.detect([{ ...image, data: [...image.data] } as never], options),
        /a typed array, got an array/,
      ],
      [() => detector.detect(image as never, options), /images: expected an array, got an object/],
      [
        () => detector.detect([image], { ...options, confidence: 1.5 }),
        /options\.confidence: expected 0…1, got 1\.5/,
      ],
      [() => detector.detect([image], { ...options, iou: NaN }), /options\.iou: expected a finite number/],
      [() => detector.detect([image], { ...options, maxDetections: 0 }), /options\.maxDetections/],
      [() => detector.detect([image], { ...options, classIds: [0.5] }), /options\.classIds/],
      [() => embedder.embed([{ image, box: { ...box, x1: 1e6, x2: 2e6 } }]), /./],
      [() => embedder.embed([{ image, box: { ...box, y2: Infinity } }]), /regions\[0\]\.box\.y2/],
      [() => embedder.embed([{ image, box: undefined } as never]), /regions\[0\]\.box: expected an object/],
      [() => engine.preprocess([], squareSpec(32, { std: [1, 0, 1] })), /std/i],
      [() => engine.preprocess([], squareSpec(32, { fit: 'squash' as never })), /spec\.fit: expected one of/],
      [
        () => engine.preprocess([], squareSpec(32, { mean: [0, 0] as never })),
        /spec\.mean: expected 3 numbers/,
      ],
    ];
    for (const [call, message] of cases) {
      const error: unknown = await call().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(InputError);
      expect((error as Error).message).toMatch(message);
    }
    await Promise.all([detector.close(), embedder.close()]);
  });

  test('a handle of another kind', async () => {
    const binding = loadBinding();
    const { handle } = await binding.loadEmbedder({ ...embedderConfig('embedder'), session: {} });
    for (const wrong of [handle, {}, null, 3, Object.create(handle)]) {
      await expect(binding.detect(wrong as never, images, options)).rejects.toThrow(
        /the handle of a detector/,
      );
    }
    await expect(binding.close({} as never)).rejects.toThrow(/handle/);
    await binding.close(handle);
  });
});
