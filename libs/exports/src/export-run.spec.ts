import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ARTIFACTS, type CropRecord, type ImageRecord } from '@hazure/contracts';
import { DirectoryRunFolder } from '@hazure/run-store';
import { exportRun } from './export-run.js';

const WIDTH = 200;
const HEIGHT = 100;
/** x1, y1, x2, y2 and class of each object, by image. */
const FOUND = [
  [
    [10, 20, 30, 60, 'car'],
    [0, 0, 200, 100, 'bus, "red"'],
  ],
  [],
  [[50, 50, 51.5, 52, 'car']],
] as const;

const crop = (image: number, n: number): CropRecord => {
  const [x1, y1, x2, y2, className] = FOUND[image][n];
  return {
    cropId: `day/${image}.jpg#${n}`,
    imageId: `day/${image}.jpg`,
    imageIndex: image,
    imageWidthPx: WIDTH,
    imageHeightPx: HEIGHT,
    box: { x1, y1, x2, y2 },
    classId: className === 'car' ? 2 : 5,
    className,
    confidence: 0.5,
    file: null,
  };
};
const image = (n: number): ImageRecord => ({
  imageId: `day/${n}.jpg`,
  imageIndex: n,
  widthPx: WIDTH,
  heightPx: HEIGHT,
  objects: FOUND[n].length,
});

let root: string;
let baseline: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'hazure-exports-'));
  const run = await DirectoryRunFolder.open(join(root, 'baseline_20260101_000000.partial'));
  const crops = await run.openJsonl(ARTIFACTS.crops.file);
  const images = await run.openJsonl(ARTIFACTS.images.file);
  for (const [n, objects] of FOUND.entries()) {
    await images.write(image(n));
    for (const i of objects.keys()) await crops.write(crop(n, i));
  }
  await crops.close();
  await images.close();
  const perClass = { share: 0.5, images: 1, confidence: { mean: 1, min: 1, max: 1 }, meanAreaShare: 0.1 };
  await run.writeJson(ARTIFACTS.classStatistics.file, {
    format: ARTIFACTS.classStatistics.format,
    images: 3,
    emptyImages: 1,
    objects: 3,
    classes: [
      { className: 'car', objects: 2, ...perClass },
      { className: 'bus, "red"', objects: 1, ...perClass },
    ],
    warnings: [],
  });
  await run.writeJson(ARTIFACTS.config.file, {
    format: ARTIFACTS.config.format,
    phase: 'learn',
    inputFolder: join(root, 'gone'),
    options: {},
    modelSources: {},
    models: {},
    detectorClasses: [],
    embeddingDimensions: 4,
  });
  await run.finish({
    kind: 'baseline',
    hazureVersion: '0',
    createdAt: '2026-01-01T00:00:00.000Z',
    seed: 42,
    resumeKey: 'key',
    device: 'cpu',
    models: {},
    versions: {},
    counts: { images: 3, objects: 3, failures: 0 },
    lineage: [],
  });
  baseline = run.path;
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Coco {
  readonly images: { id: number; file_name: string; width: number; height: number }[];
  readonly categories: { id: number; name: string }[];
  readonly annotations: { image_id: number; category_id: number; bbox: number[]; area: number }[];
}

test('COCO read back has every object where it was', async () => {
  const out = join(root, 'coco');
  expect(await exportRun({ run: baseline, to: 'coco', out })).toMatchObject({ images: 3, objects: 3 });
  const coco = JSON.parse(readFileSync(join(out, 'annotations.json'), 'utf8')) as Coco;
  const names = new Map(coco.categories.map(({ id, name }) => [id, name]));
  const files = new Map(coco.images.map(({ id, file_name }) => [id, file_name]));
  expect(coco.images.map(({ width, height }) => [width, height])).toEqual(
    [0, 1, 2].map(() => [WIDTH, HEIGHT]),
  );
  const read = coco.annotations.map(({ image_id, category_id, bbox: [x, y, width, height] }) => [
    files.get(image_id),
    [x, y, x + width, y + height, names.get(category_id)],
  ]);
  const written = FOUND.flatMap((objects, n) => objects.map((object) => [`day/${n}.jpg`, [...object]]));
  expect(read).toEqual(written);
  expect(existsSync(join(out, 'annotations.part'))).toBe(false);
});

test('a folder that holds something, an unknown format and a folder that is no run are refused', async () => {
  const out = join(root, 'twice');
  await exportRun({ run: baseline, to: 'csv', out });
  await expect(exportRun({ run: baseline, to: 'csv', out })).rejects.toMatchObject({
    code: 'OUTPUT_UNWRITABLE',
  });
  await expect(exportRun({ run: baseline, to: 'voc' as never })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
  await expect(exportRun({ run: root, to: 'csv', out: join(root, 'none') })).rejects.toMatchObject({
    code: 'BASELINE_INVALID',
  });
});
