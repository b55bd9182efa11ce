import type { DecodedImage } from '@hazure/contracts';
import type { DetectorDescription, EmbedderDescription } from '@hazure/models';
import type { DetectorEngineConfig, DetectOptions, Engine, RawRegion } from '@hazure/native-engine';
import { EngineDetector, EngineEmbedder, FixedBatches, tileDetector } from '../src/index.js';

const image = (index: number, widthPx: number, heightPx: number): DecodedImage => ({
  ref: { index, id: `${index}.png`, path: `/${index}.png`, bytes: 0 },
  widthPx,
  heightPx,
  data: new Uint8Array(widthPx * heightPx * 3),
});
const model = { name: 'm', path: '/m.onnx', folder: '/', sha256: 'ab', licence: null, origin: null };
const described = { model, licence: 'MIT', fixedBatch: null, because: [] };
const running = { device: 'cpu', deviceReason: 'auto: no driver', precision: 'fp32' };

/** An engine that answers by rule and keeps what it was asked. */
function fakeEngine(): { engine: Engine; asked: unknown[]; sizes: number[] } {
  const asked: unknown[] = [];
  const sizes: number[] = [];
  const engine = {
    loadDetector: async (config: DetectorEngineConfig) => {
      asked.push(config);
      return {
        ...running,
        detect: async (images: readonly DecodedImage[], options: DetectOptions) => {
          asked.push(options);
          sizes.push(images.length);
          return images.map(({ widthPx }) => Float32Array.of(1, 2, widthPx, 4, 0.5, 1, 0, 0, 1, 1, 0.25, 0));
        },
        close: async () => asked.push('closed'),
      };
    },
    loadEmbedder: async () => ({
      ...running,
      dimensions: 2,
      embed: async (regions: readonly RawRegion[]) => {
        sizes.push(regions.length);
        return Float32Array.from(regions.flatMap(({ box }) => [box?.x1 ?? -1, regions.length]));
      },
      close: async () => asked.push('closed'),
    }),
  };
  return { engine: engine as unknown as Engine, asked, sizes };
}

const detectorModel = {
  ...described,
  classNames: ['car', 'traffic light'],
  head: { kind: 'yolov8', classes: 2 },
  preprocess: {},
  stridePx: 32,
} as unknown as DetectorDescription;
const thresholds = { confidence: 0.3, iou: 0.5, maxDetections: 9 };

describe('EngineDetector', () => {
  test('turns rows into detections, batch by batch and in order', async () => {
    const { engine, sizes } = fakeEngine();
    const detector = await EngineDetector.load(engine, detectorModel, {
      ...thresholds,
      batches: () => new FixedBatches(2),
    });
    const found = await detector.detect([image(0, 10, 9), image(1, 20, 9), image(2, 30, 9)]);
    expect(sizes).toEqual([2, 1]);
    expect(found.map((each) => each[0]!.box.x2)).toEqual([10, 20, 30]);
    expect(found[0]).toEqual([
      { box: { x1: 1, y1: 2, x2: 10, y2: 4 }, classId: 1, className: 'traffic light', confidence: 0.5 },
      { box: { x1: 0, y1: 0, x2: 1, y2: 1 }, classId: 0, className: 'car', confidence: 0.25 },
    ]);
    expect(await detector.detect([])).toEqual([]);
    expect(detector.info).toEqual({
      name: 'm',
      sha256: 'ab',
      licence: 'MIT',
      device: 'cpu (auto: no driver)',
    });
  });

  test('passes wanted classes as ids, by name or number', async () => {
    const { engine, asked } = fakeEngine();
    const options = { ...thresholds, batches: () => new FixedBatches(2) };
    const detector = await EngineDetector.load(engine, detectorModel, {
      ...options,
      classes: ['Traffic Light', '0'],
    });
    await detector.detect([image(0, 10, 9)]);
    expect(asked.at(-1)).toEqual({ ...thresholds, classIds: [1, 0] });
    for (const wanted of ['lorry', '2', '-1']) {
      await expect(
        EngineDetector.load(engine, detectorModel, { ...options, classes: [wanted] }),
      ).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        hint: expect.stringContaining('car, traffic light'),
      });
    }
  });
});

test('EngineEmbedder joins batches into one matrix', async () => {
  const { engine, sizes } = fakeEngine();
  const embedder = await EngineEmbedder.load(
    engine,
    { ...described, preprocess: {}, output: 'features', normalise: true } as unknown as EmbedderDescription,
    { batches: () => new FixedBatches(2) },
  );
  const whole = image(0, 50, 50);
  const boxes = [3, 5, 7].map((x1) => ({ x1, y1: 0, x2: 50, y2: 50 }));
  const matrix = await embedder.embed([
    ...boxes.map((box) => ({ image: whole, box })),
    { image: whole, box: null },
  ]);
  expect(sizes).toEqual([2, 2]);
  expect(matrix).toEqual({ data: Float32Array.of(3, 2, 5, 2, 7, 2, -1, 2), rows: 4, cols: 2 });
  expect(await embedder.embed([])).toMatchObject({ rows: 0, cols: 2 });
});

describe('tileDetector', () => {
  test('none is the whole image', async () => {
    const [[only]] = (await tileDetector('none')!.detect([image(0, 7, 5)])) as [[unknown]];
    expect(only).toEqual({
      box: { x1: 0, y1: 0, x2: 7, y2: 5 },
      classId: 0,
      className: 'image',
      confidence: 1,
    });
  });

  test('tiles of a grid cover every pixel once', async () => {
    const [tiles] = await tileDetector('grid:3x4')!.detect([image(0, 103, 50)]);
    expect(tiles).toHaveLength(12);
    const covered = new Uint8Array(103 * 50);
    for (const { box } of tiles!) {
      for (let y = box.y1; y < box.y2; y++) for (let x = box.x1; x < box.x2; x++) covered[y * 103 + x]! += 1;
    }
    expect(covered.every((count) => count === 1)).toBe(true);
  });

  test('model names are none of its business, and bad grids are refused', () => {
    expect(tileDetector('nanodet')).toBeNull();
    for (const name of ['grid:', 'grid:0x2', 'grid:2', 'grid:65x1', 'grid:axb']) {
      expect(() => tileDetector(name)).toThrow(/grid:RxC/);
    }
  });
});
