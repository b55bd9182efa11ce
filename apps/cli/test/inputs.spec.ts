import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hazure, photosAndModels, runFolder } from './hazure.js';

const { photos: source, models } = await photosAndModels();
let root: string;
let photos: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'hazure-inputs-'));
  photos = join(root, 'photos');
  mkdirSync(photos);
  for (const name of readdirSync(source).sort().slice(0, 24)) {
    cpSync(join(source, name), join(photos, name));
  }
  symlinkSync('nowhere.jpg', join(photos, 'gone.jpg'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('a dangling link is a failure record, crops of earlier runs are no images, and judging what was learned is warned of', async () => {
  const out = join(photos, 'results');
  const args = ['--output-dir', out, '--detector', 'none', '--embedder', models[3], '--json'];
  const first = await hazure(['learn', photos, ...args]);
  expect(first.code).toBe(3);
  expect(JSON.parse(first.stdout)).toMatchObject({ images: 24, failures: 1 });
  expect(readFileSync(join(runFolder(out, 'baseline'), 'failures.jsonl'), 'utf8')).toContain('gone.jpg');

  const both = ['--baseline-folder', photos, '--test-folder', photos, '--test-indices', '0-3'];
  const second = await hazure(['run', ...both, ...args]);
  expect(second.code).toBe(3);
  expect(JSON.parse(second.stdout)).toMatchObject({ images: 28, objects: 28, failures: 1 });
  expect(second.stderr).toMatch(/4 of the 4 images to judge are learned from/);
}, 120_000);

test('where nothing can be found the folders are there all the same, and words without labels are warned of', async () => {
  const out = join(root, 'nothing');
  const whole = ['--detector', 'none', '--embedder', models[3]];
  const learned = await hazure(['learn', photos, '--output-dir', out, ...whole]);
  expect(learned.code).toBe(3);
  const detected = await hazure([
    'detect',
    photos,
    '--baseline',
    runFolder(out, 'baseline'),
    '--output-dir',
    out,
    '--only-additional-candidates',
    '--fusion',
    'semantic',
  ]);
  expect(detected.code).toBe(3);
  expect(detected.stderr).toMatch(/warning: There is no label to compare captions with/);
  expect(readdirSync(join(runFolder(out, 'detection'), 'outliers'))).toEqual([]);
}, 120_000);
