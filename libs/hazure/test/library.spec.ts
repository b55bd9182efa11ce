import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import type { ObjectResult } from '@hazure/contracts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const tinyModels = join(root, 'libs/test-kit/src/tiny-models');

/**
 * The library as a stranger uses it: scripts in a folder outside the repository that import the published name, with
 * the command line beside it for comparison.
 */
let folder: string;
const models = (): string =>
  JSON.stringify({ detector: 'grid:2x2', embedder: join(folder, 'clip/onnx/vision_model.onnx') });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hazure-library-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(join(root, 'apps/cli'), join(folder, 'node_modules/hazure'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  execFileSync(process.execPath, [join(tinyModels, 'make-tiny-clip.mjs'), join(folder, 'clip')], {
    stdio: 'pipe',
  });
  for (const [name, count, offset] of [
    ['normal', 16, 0],
    ['new', 6, 100],
  ] as const) {
    mkdirSync(join(folder, name));
    for (let i = 0; i < count; i++) await paint(join(folder, name, `${i}.png`), offset + i);
  }
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function paint(path: string, number: number): Promise<void> {
  const [width, height] = [96, 72];
  const data = new Uint8Array(width * height * 3).map(
    (_, at) => (at * (number + 3) + (at % 7) * number * 5) % 251,
  );
  await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(path);
}

/** Runs a module in the stranger's folder; the process must end by itself. */
function script(source: string): string {
  const path = join(folder, 'script.mjs');
  writeFileSync(path, `const models = ${models()};\n${source}`);
  return execFileSync(process.execPath, [path], { cwd: folder, encoding: 'utf8', timeout: 100_000 });
}

const objectsOf = (detection: string): ObjectResult[] =>
  (JSON.parse(readFileSync(join(detection, 'detection_results.json'), 'utf8')) as { objects: ObjectResult[] })
    .objects;

test('learn, detect and openBaseline agree with the command, in one process, twice and two at once', () => {
  const answer = JSON.parse(
    script(`
      import { learn, detect, openBaseline } from 'hazure';
      import { readFileSync } from 'node:fs';
      const stages = new Set();
      const learned = await learn({
        images: 'normal', outputDir: 'library', ...models, onProgress: ({ stage }) => stages.add(stage),
      });
      const options = { images: 'new', baseline: learned.folder, outputDir: 'library' };
      const first = await detect(options);
      const both = await Promise.all([detect(options), detect({ ...options, outputDir: 'beside' })]);
      const runs = [];
      for (const run of [first, ...both]) {
        const verdicts = [];
        for await (const { cropId, verdict } of run) verdicts.push([cropId, verdict]);
        runs.push(verdicts);
      }
      const judge = await openBaseline(learned.folder);
      const asked = { fromDisk: 'new', fromMemory: [{ id: '3.png', bytes: readFileSync('new/3.png') }, { id: 'bad', bytes: Uint8Array.of(1, 2) }] };
      const judged = {};
      for (const [name, images] of Object.entries(asked)) {
        judged[name] = [];
        for await (const image of judge.judge(images)) judged[name].push(image);
      }
      await judge.close();
      console.log(JSON.stringify({ learned, runs, judged, stages: [...stages], outliers: first.outliers }));
    `),
  ) as {
    learned: { folder: string; images: number; objects: number; failures: number; warnings: object[] };
    runs: [string, object][][];
    judged: Record<string, { imageId: string; objects: ObjectResult[]; failures: { code: string }[] }[]>;
    stages: string[];
    outliers: number;
  };
  expect(answer.learned).toMatchObject({ images: 16, objects: 64, failures: 0 });
  expect(answer.stages).toContain('objects');
  expect(answer.runs[1]).toEqual(answer.runs[0]);
  expect(answer.runs[2]).toEqual(answer.runs[0]);

  const command = JSON.parse(
    execFileSync(
      process.execPath,
      [
        join(root, 'apps/cli/bin/hazure.cjs'),
        ...[
          'run',
          '--baseline-folder',
          'normal',
          '--test-folder',
          'new',
          '--output-dir',
          'command',
          '--json',
          '--quiet',
        ],
        ...['--detector', 'grid:2x2', '--embedder', join(folder, 'clip/onnx/vision_model.onnx')],
      ],
      { cwd: folder, encoding: 'utf8' },
    ),
  ) as { detectionDir: string };
  const ofCommand = objectsOf(command.detectionDir).map(({ cropId, verdict }) => [cropId, verdict]);
  expect(answer.runs[0]).toEqual(ofCommand);

  const ofJudge = answer.judged['fromDisk'].flatMap(({ objects }) =>
    objects.map(({ cropId, verdict }) => [cropId, verdict]),
  );
  expect(ofJudge).toEqual(ofCommand);
  const [three, bad] = answer.judged['fromMemory'];
  expect(three.objects.map(({ verdict }) => verdict)).toEqual(
    answer.judged['fromDisk']
      .find(({ imageId }) => imageId === '3.png')
      ?.objects.map(({ verdict }) => verdict),
  );
  expect(bad).toMatchObject({ imageId: 'bad', objects: [], failures: [{ code: 'INPUT_UNREADABLE' }] });
}, 120_000);

test('errors are coded and name options as code writes them; a wish to stop is one of them', () => {
  const codes = JSON.parse(
    script(`
      import { learn, detect, openBaseline } from 'hazure';
      const attempts = [
        () => learn({ images: 'normal', confThres: 2 }),
        () => learn({ images: 'normal', confTres: 0.2 }),
        () => learn({ images: 'normal', lim1: 0.5 }),
        () => learn({ images: 'nowhere', ...models }),
        () => detect({ images: 'new', baseline: 'new' }),
        () => openBaseline('nowhere'),
        () => learn({ images: 'normal', outputDir: 'stopped', ...models, signal: AbortSignal.abort() }),
      ];
      const found = [];
      for (const attempt of attempts)
        found.push(await attempt().then(() => 'no error', ({ code, message }) => [code, message]));
      console.log(JSON.stringify(found));
    `),
  ) as [string, string][];
  expect(codes.map(([code]) => code)).toEqual([
    'CONFIG_INVALID',
    'CONFIG_UNKNOWN_KEY',
    'CONFIG_INVALID',
    'INPUT_MISSING',
    'BASELINE_INVALID',
    'INPUT_MISSING',
    'INTERRUPTED',
  ]);
  for (const [, message] of codes) expect(message).not.toContain('--');
  expect(codes[0][1]).toContain('confThres');
  expect(codes[1][1]).toContain('confThres');
});
