import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ARTIFACTS,
  type ArtifactKey,
  type CropRecord,
  type FailureRecord,
  type ImageRecord,
  type ObjectResult,
  type RunManifestHead,
} from '@hazure/contracts';
import { DirectoryRunFolder } from '../run-folder.js';
import { RunReader } from './run-reader.js';

const OBJECTS = 3;
const modelInfo = { name: 'm', sha256: null, licence: null, device: 'cpu' };
const map = { method: 'exact', perplexity: 30, iterations: 10, klDivergence: 1, seed: 42, metric: 'cosine' };
const times = { stage: 'embed', seconds: 1, items: 3, unit: 'objects', memoryBytes: 1, perSecond: 3 };
const perClass = {
  className: 'car',
  objects: 3,
  share: 1,
  images: 3,
  confidence: { mean: 0.5, min: 0.5, max: 0.5 },
  meanAreaShare: 1,
};
const totals = { images: 3, emptyImages: 0, objects: 3 };

const crop = (n: number): CropRecord => ({
  cropId: `${n}.jpg#0`,
  imageId: `${n}.jpg`,
  imageIndex: n,
  imageWidthPx: 9,
  imageHeightPx: 9,
  box: { x1: 0, y1: 0, x2: 9, y2: 9 },
  classId: 0,
  className: 'car',
  confidence: 0.5,
  file: `cropped_objects/${n}.jpg`,
});
const object = (n: number): ObjectResult => ({
  ...crop(n),
  verdict: {
    outlier: n === 1,
    feature: { score: n, scores: { ensemble: n }, pValue: 0.5, outlier: n === 1 },
    semantic: null,
    reason: 'it is odd, "very", \u2028 odd',
  },
  nearestNormals: [],
  outlierFile: null,
  probabilityPlot: null,
  map: [0.5, n],
});
const image = (n: number): ImageRecord => ({
  imageId: `${n}.jpg`,
  imageIndex: n,
  widthPx: 9,
  heightPx: 9,
  objects: 1,
});
const failure: FailureRecord = {
  stage: 'decode',
  imageId: 'x',
  cropId: null,
  code: 'INPUT_INVALID',
  message: 'cut',
};

const documents: Partial<Record<ArtifactKey, object>> = {
  config: {
    phase: 'detect',
    inputFolder: '/in',
    options: { seed: 42 },
    models: { detector: modelInfo },
    baseline: 'b',
    baselineFolder: '/b',
    similarity: 'wordnet',
    scorer: 'ensemble',
  },
  timing: {
    totalSeconds: 1,
    imagesPerSecond: 3,
    images: 3,
    objects: 3,
    peakHostMemoryBytes: 1,
    stages: [times],
  },
  classStatistics: { ...totals, classes: [perClass], warnings: [] },
  statistics: {
    ...totals,
    outliers: 1,
    outlierShare: 0.3,
    featureOutliers: 1,
    semanticOutliers: 0,
    bothOutliers: 0,
    failures: 1,
    failuresByStage: { decode: 1 },
    judgedBy: 'object',
    imageOutliers: 1,
    expectedFalseAlarmShare: 0.05,
    drift: [{ of: 'scores', statistic: 1, pValue: 1, baseline: 1, judged: 1 }],
    warnings: [{ code: 'NOTE', message: 'a note' }],
    classes: [{ ...perClass, outliers: 1 }],
  },
  combinedMap: {
    parameters: { how: 'joint', reason: 'none', ...map },
    baseline: [[0, 1, 2]],
    new: [[0, 3, 4]],
  },
};

let root: string;
let folder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hazure-reader-'));
  const run = await DirectoryRunFolder.open(join(root, 'detection_20260101_000000.partial'));
  for (const [key, value] of Object.entries(documents)) {
    const { file, format } = ARTIFACTS[key as ArtifactKey];
    await run.writeJson(file, { format, ...value });
  }
  const results = await run.openJsonList(
    ARTIFACTS.results.file,
    { format: ARTIFACTS.results.format, scorer: 'ensemble', candidates: [] },
    'objects',
  );
  const [images, crops, failures] = [
    await run.openJsonl(ARTIFACTS.images.file),
    await run.openJsonl(ARTIFACTS.crops.file),
    await run.openJsonl(ARTIFACTS.failures.file),
  ];
  for (let n = 0; n < OBJECTS; n++) {
    await results.write(object(n));
    await images.write(image(n));
    await crops.write(crop(n));
  }
  await failures.write(failure);
  for (const writer of [results, images, crops, failures]) await writer.close();
  await run.writeBytes('cropped_objects/0.jpg', Uint8Array.of(1, 2, 3));
  const head: RunManifestHead = {
    kind: 'detection',
    hazureVersion: '0',
    createdAt: '2026-01-31T23:59:59.000Z',
    seed: 42,
    resumeKey: 'key',
    device: 'cpu',
    models: { detector: modelInfo },
    versions: {},
    counts: { images: OBJECTS, objects: OBJECTS, failures: 1 },
    lineage: [],
  };
  await run.finish(head);
  folder = run.path;
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function all<T>(records: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const record of records) list.push(record);
  return list;
}

test('reads back what was written', async () => {
  const run = await RunReader.open(folder);
  expect(await all(run.objects())).toEqual([0, 1, 2].map(object));
  expect(await all(run.crops())).toEqual([0, 1, 2].map(crop));
  expect(await all(run.images())).toEqual([0, 1, 2].map(image));
  expect(await all(run.failures())).toEqual([failure]);
  expect(await run.resultsHead()).toMatchObject({ scorer: 'ensemble', candidates: [] });
  expect(await run.detectionConfig()).toMatchObject(documents.config!);
  expect(await run.timing()).toMatchObject(documents.timing!);
  expect(await run.statistics()).toMatchObject(documents.statistics!);
  expect(await run.classStatistics()).toMatchObject(documents.classStatistics!);
  expect(await run.combinedMap()).toMatchObject(documents.combinedMap!);
  expect(await run.bytes('cropped_objects/0.jpg')).toEqual(Buffer.of(1, 2, 3));
  expect(run.manifest?.artifacts.find(({ path }) => path === 'images.jsonl')?.format).toBe('hazure-images/1');
});

/** Reads everything of a kind. */
const readers: readonly [ArtifactKey, (run: RunReader) => Promise<unknown>][] = [
  ['config', (run) => run.config()],
  ['timing', (run) => run.timing()],
  ['statistics', (run) => run.statistics()],
  ['classStatistics', (run) => run.classStatistics()],
  ['combinedMap', (run) => run.combinedMap()],
  ['results', (run) => all(run.objects())],
  ['crops', (run) => all(run.crops())],
  ['images', (run) => all(run.images())],
  ['failures', (run) => all(run.failures())],
];

const edit = async (key: ArtifactKey, change: (text: string) => string): Promise<void> => {
  const path = join(folder, ARTIFACTS[key].file);
  await writeFile(path, change(await readFile(path, 'utf8')));
};

describe.each(readers)('%s', (key, read) => {
  const { file } = ARTIFACTS[key];

  test('that is missing is named', async () => {
    const run = await RunReader.open(folder);
    await rm(join(folder, file));
    await expect(read(run)).rejects.toMatchObject({
      code: 'ARTIFACT_MISSING',
      message: expect.stringContaining(file) as string,
    });
  });

  test('that was cut anywhere is refused, naming the file', async () => {
    const path = join(folder, file);
    const whole = await readFile(path, 'utf8');
    for (let kept = 0; kept < whole.length; kept += Math.max(1, Math.floor(whole.length / 40))) {
      if (whole.slice(kept).trim() === '') continue;
      await writeFile(path, whole.slice(0, kept));
      await expect(RunReader.open(folder).then(read)).rejects.toMatchObject({
        code: expect.stringMatching(/^ARTIFACT_(INVALID|VERSION)$/) as string,
        message: expect.stringContaining(file) as string,
      });
    }
  });

  test('whose every field is needed names the one that is gone', async () => {
    const path = join(folder, file);
    const whole = await readFile(path, 'utf8');
    const names = new Set([...whole.matchAll(/"([a-zA-Z0-9]+)":/g)].map((match) => match[1]));
    let missed = 0;
    for (const name of names) {
      const renamed = whole.replace(`"${name}":`, `"${name}X":`);
      await writeFile(path, renamed);
      const outcome = await RunReader.open(folder)
        .then(read)
        .catch((error: unknown) => error);
      // keys of free records (options, versions, models by role …) may have any name
      if (outcome instanceof Error) {
        expect(outcome).toMatchObject({ code: expect.stringMatching(/^ARTIFACT_/) as string });
        expect(outcome.message).toContain(file);
      } else missed++;
    }
    expect(missed).toBeLessThanOrEqual(2);
  });
});

test.each(readers.filter(([key]) => !['crops', 'images', 'failures'].includes(key)))(
  '%s of another version is refused by name',
  async (key, read) => {
    const { file, format } = ARTIFACTS[key];
    await edit(key, (text) => text.replace(format, format.replace(/\d+$/, '99')));
    await expect(RunReader.open(folder).then(read)).rejects.toMatchObject({
      code: 'ARTIFACT_VERSION',
      message: expect.stringMatching(
        new RegExp(`${file.replace('.', '\\.')} .*/99, not ${format}`),
      ) as string,
    });
  },
);

test('a manifest of another version, or with a field gone, is named', async () => {
  await edit('manifest', (text) => text.replace('hazure-run/3', 'hazure-run/1'));
  await expect(RunReader.open(folder)).rejects.toMatchObject({ code: 'ARTIFACT_VERSION' });
  await edit('manifest', (text) => text.replace('hazure-run/1', 'hazure-run/3').replace('"seed"', '"sed"'));
  await expect(RunReader.open(folder)).rejects.toMatchObject({
    code: 'ARTIFACT_INVALID',
    message: expect.stringContaining('seed') as string,
  });
});

test('a line that is gone from the middle is noticed by the count', async () => {
  for (const key of ['crops', 'images', 'results'] as const) {
    await edit(key, (text) => {
      const lines = text.split('\n');
      lines.splice(key === 'results' ? 6 : 1, 1);
      return lines.join('\n');
    });
    const read = readers.find(([name]) => name === key)![1];
    await expect(RunReader.open(folder).then(read)).rejects.toMatchObject({ code: 'ARTIFACT_INVALID' });
  }
});

test('a wrong value names line and field', async () => {
  await edit('crops', (text) => text.replace('"imageIndex":1', '"imageIndex":"one"'));
  await expect(RunReader.open(folder).then((run) => all(run.crops()))).rejects.toThrow(
    /crops\.jsonl, line 2 of .*imageIndex/,
  );
  await edit('results', (text) => text.replace('"pValue":0.5', '"pValue":7'));
  await expect(RunReader.open(folder).then((run) => all(run.objects()))).rejects.toThrow(
    /detection_results\.json, line \d+ of .*verdict\.feature\.pValue/,
  );
});

test('no path leads out of the folder', async () => {
  const run = await RunReader.open(folder);
  await writeFile(join(root, 'secret'), 'secret');
  await mkdir(join(folder, 'outliers'));
  await symlink(join(root, 'secret'), join(folder, 'outliers', 'link.jpg'));
  for (const path of [
    '../secret',
    '/etc/hostname',
    'outliers/../../secret',
    'outliers/link.jpg',
    'C:\\x',
    'a\\..\\b',
  ]) {
    await expect(run.bytes(path)).rejects.toMatchObject({ code: 'ARTIFACT_INVALID' });
  }
  await edit('crops', (text) => text.replace('"cropped_objects/1.jpg"', '"../../secret"'));
  await expect(all(run.crops())).rejects.toThrow(/line 2 .*file/);
});
