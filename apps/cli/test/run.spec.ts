import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readManifest, readNpy, verifyArtifacts } from '@hazure/run-store';
import { hazure, photosAndModels, runFolder, start } from './hazure.js';

interface Results {
  readonly objects: { cropId: string; className: string; verdict: { outlier: boolean; reason: string } }[];
}

let root: string;
let normal: string;
let fresh: string;
const read = (folder: string, name: string): string => readFileSync(join(folder, name), 'utf8');
const results = (outputDir: string): Results =>
  JSON.parse(read(runFolder(outputDir, 'detection'), 'detection_results.json')) as Results;
const { photos: source, models, standIn } = await photosAndModels();

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'hazure-run-'));
  normal = join(root, 'normal');
  fresh = join(root, 'fresh');
  const photos = readdirSync(source).sort();
  for (const [folder, names] of [
    [normal, photos.slice(0, 28)],
    [fresh, photos.slice(28, 40)],
  ] as const) {
    mkdirSync(folder);
    for (const name of names) cpSync(join(source, name), join(folder, name));
  }
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const BASELINE_TREE = [
  'calibration.json',
  'class_statistics.json',
  'concepts.json',
  'config.json',
  'cropped_objects',
  'crops.jsonl',
  'failures.jsonl',
  'features.npy',
  'iso_model.json',
  'manifest.json',
  'report.html',
  'tsne_visualization.png',
];
const DETECTION_TREE = [
  'combined_tsne.png',
  'config.json',
  'cropped_objects',
  'detection_results.json',
  'detections.parquet',
  'failures.jsonl',
  'manifest.json',
  'outlier_list.csv',
  'outliers',
  'report.html',
  'statistics.json',
  'timing.json',
  'timing.txt',
];

describe('run over real photos', () => {
  let out: string;

  beforeAll(async () => {
    out = join(root, 'run');
    const { code, stderr } = await hazure([
      'run',
      '--baseline_folder',
      normal,
      '--test_folder',
      fresh,
      '--output_dir',
      out,
      ...models,
    ]);
    if (code !== 0) throw new Error(stderr);
  }, 240_000);

  test('makes the whole tree, every file whole and not empty', async () => {
    for (const [kind, tree] of [
      ['baseline', BASELINE_TREE],
      ['detection', DETECTION_TREE],
    ] as const) {
      const folder = runFolder(out, kind);
      for (const name of tree) {
        const info = statSync(join(folder, name));
        expect([
          name,
          info.isDirectory()
            ? readdirSync(join(folder, name)).length > 0
            : info.size > 0 !== (name === 'failures.jsonl'),
        ]).toEqual([name, true]);
      }
      const manifest = await readManifest(folder);
      await verifyArtifacts(folder, manifest);
      expect(manifest.models['detector'].sha256).toMatch(/^[0-9a-f]{64}$/);
    }
    const baseline = runFolder(out, 'baseline');
    const { shape } = await readNpy(join(baseline, 'features.npy'));
    expect(shape).toEqual([read(baseline, 'crops.jsonl').trimEnd().split('\n').length, standIn ? 24 : 1280]);
  });

  test('the numbers of all files agree', () => {
    const folder = runFolder(out, 'detection');
    const statistics = JSON.parse(read(folder, 'statistics.json')) as Record<string, number>;
    const { objects } = results(out);
    const outliers = objects.filter(({ verdict }) => verdict.outlier);
    expect(statistics['objects']).toBe(objects.length);
    expect(statistics['outliers']).toBe(outliers.length);
    expect(outliers.length).toBeGreaterThan(0);
    expect(outliers.length).toBeLessThan(objects.length);
    expect(read(folder, 'outlier_list.csv').trimEnd().split('\n').length).toBe(1 + outliers.length);
    expect(readdirSync(join(folder, 'outliers')).filter((name) => name.endsWith('.jpg')).length).toBe(
      outliers.length,
    );
    expect(readdirSync(join(folder, 'cropped_objects')).length).toBe(objects.length);
  });

  test('learn, then detect, gives the same verdicts, byte for byte', async () => {
    const two = join(root, 'two');
    const learned = await hazure(['learn', normal, '--output-dir', two, ...models, '--json']);
    expect(learned.code).toBe(0);
    const { baselineDir } = JSON.parse(learned.stdout) as { baselineDir: string };
    const detected = await hazure([
      'detect',
      fresh,
      '--baseline',
      baselineDir,
      '--output-dir',
      two,
      '--json',
    ]);
    expect(detected.code).toBe(0);
    for (const name of [
      'detection_results.json',
      'detections.parquet',
      'outlier_list.csv',
      'statistics.json',
      'combined_tsne.png',
      'tsne_map.json',
    ]) {
      const bytes = (outputDir: string): Buffer =>
        readFileSync(join(runFolder(outputDir, 'detection'), name));
      expect([name, bytes(two).equals(bytes(out))]).toEqual([name, true]);
    }
    for (const name of [
      'features.npy',
      'iso_model.json',
      'calibration.json',
      'scorers.json',
      'crops.jsonl',
    ]) {
      const bytes = (outputDir: string): Buffer => readFileSync(join(runFolder(outputDir, 'baseline'), name));
      expect([name, bytes(two).equals(bytes(out))]).toEqual([name, true]);
    }
  }, 240_000);

  test("new objects are placed on the baseline's map, which stays as it is", () => {
    interface MapFile {
      readonly parameters: Record<string, unknown>;
      readonly points: number[][];
      readonly baseline: number[][];
      readonly new: number[][];
    }
    const learned = JSON.parse(read(runFolder(out, 'baseline'), 'tsne_map.json')) as MapFile;
    const combined = JSON.parse(read(runFolder(out, 'detection'), 'tsne_map.json')) as MapFile;
    expect(combined.baseline).toEqual(learned.points);
    expect(combined.parameters).toMatchObject({ how: 'placement', baselineMap: learned.parameters });
    expect(combined.new).toHaveLength(results(out).objects.length);
    expect(read(runFolder(out, 'detection'), 'report.html')).toContain('placed on the baseline');
  });

  test('a baseline whose map is gone still judges, on a new map, and says why', async () => {
    const copy = join(root, 'mapless');
    cpSync(runFolder(out, 'baseline'), copy, { recursive: true });
    rmSync(join(copy, 'tsne_map.json'));
    const to = join(root, 'joint');
    const args = ['detect', fresh, '--baseline', copy, '--output-dir', to];
    const { code, stderr } = await hazure(args);
    expect(code).toBe(0);
    expect(stderr).toMatch(/tsne_map\.json/);
    expect(JSON.parse(read(runFolder(to, 'detection'), 'tsne_map.json'))).toMatchObject({
      parameters: { how: 'joint', reason: expect.stringContaining('tsne_map.json') as string },
    });
    const verdicts = (dir: string): unknown => results(dir).objects.map(({ verdict }) => verdict);
    expect(verdicts(to)).toEqual(verdicts(out));
  }, 240_000);

  test('the report can be made again from its files', async () => {
    const folder = runFolder(out, 'detection');
    const { code } = await hazure(['report', folder]);
    expect(code).toBe(0);
    await verifyArtifacts(folder, await readManifest(folder));
    expect(read(folder, 'report.html')).toContain('Detection report');
  });

  test('a changed baseline is refused', async () => {
    const copy = join(root, 'changed');
    cpSync(runFolder(out, 'baseline'), copy, { recursive: true });
    writeFileSync(
      join(copy, 'calibration.json'),
      read(copy, 'calibration.json').replace('"percentile": 95', '"percentile": 94'),
    );
    const { code, stderr } = await hazure([
      'detect',
      fresh,
      '--baseline',
      copy,
      '--output-dir',
      join(root, 'none'),
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('calibration.json');
  });
});

test('Ctrl-C finishes the batch, and --resume ends with the same results', async () => {
  const interrupted = join(root, 'interrupted');
  const args = ['learn', normal, '--output-dir', interrupted, ...models];
  const running = start(args);
  await running.said('learn: 28 images');
  await new Promise((resolve) => setTimeout(resolve, 1200));
  running.interrupt();
  const first = await running.finished;
  const folders = existsSync(interrupted) ? readdirSync(interrupted) : [];
  if (first.code === 130 && folders.length === 1) expect(folders[0]).toMatch(/\.partial$/);
  expect([0, 130]).toContain(first.code);
  const second = await hazure([...args, '--resume']);
  expect(second.code).toBe(0);
  const bytes = (outputDir: string, name: string): string => read(runFolder(outputDir, 'baseline'), name);
  for (const name of ['calibration.json', 'crops.jsonl', 'class_statistics.json']) {
    expect(bytes(interrupted, name)).toBe(bytes(join(root, 'run'), name));
  }
}, 240_000);

test('without crops on disk the outliers are still saved', async () => {
  const out = join(root, 'lean');
  const { code } = await hazure([
    'run',
    '--baseline-folder',
    normal,
    '--test-folder',
    fresh,
    '--output-dir',
    out,
    ...models,
    '--no-save-crops',
    '--no-save-probability-plots',
    '--no-save-outlier-list',
    '--cleanup-temp-files',
    '--quiet',
  ]);
  expect(code).toBe(0);
  const folder = runFolder(out, 'detection');
  expect(existsSync(join(folder, 'cropped_objects'))).toBe(false);
  expect(existsSync(join(folder, 'outlier_list.csv'))).toBe(false);
  expect(existsSync(join(folder, '.shards'))).toBe(false);
  const outliers = results(out).objects.filter(({ verdict }) => verdict.outlier);
  expect(readdirSync(join(folder, 'outliers')).length).toBe(outliers.length);
}, 240_000);

test('a truncated photo among good ones is a failure record and exit code 3', async () => {
  const mixed = join(root, 'mixed');
  cpSync(normal, mixed, { recursive: true });
  const [first] = readdirSync(mixed);
  writeFileSync(join(mixed, 'cut.jpg'), readFileSync(join(mixed, first)).subarray(0, 20_000));
  const out = join(root, 'partial');
  const { code, stdout } = await hazure(['learn', mixed, '--output-dir', out, ...models, '--json']);
  expect(code).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject({ failures: 1, images: 28 });
  expect(read(runFolder(out, 'baseline'), 'failures.jsonl')).toContain('cut.jpg');
}, 120_000);

test('too few normal objects are an error with the number needed; what was computed is kept', async () => {
  const out = join(root, 'few');
  const { code, stdout } = await hazure([
    'learn',
    normal,
    '--output-dir',
    out,
    ...models,
    '--train-indices',
    '0-1',
    '--json',
  ]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/BASELINE_TOO_SMALL/);
  expect(readdirSync(out)).toEqual([expect.stringMatching(/^baseline_.*\.partial$/)]);
}, 120_000);
