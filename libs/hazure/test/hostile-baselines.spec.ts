import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const here = fileURLToPath(new URL('.', import.meta.url));
const tinyClip = join(here, '../../test-kit/src/tiny-models/make-tiny-clip.mjs');
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hazure-hostile-'));
  execFileSync(process.execPath, [tinyClip, join(folder, 'clip')], { stdio: 'pipe' });
  writeFileSync(join(folder, 'other.onnx'), 'another file');
  for (const [name, count] of [
    ['normal', 24],
    ['new', 2],
  ] as const) {
    mkdirSync(join(folder, name));
    for (let i = 0; i < count; i++) await paint(join(folder, name, `${i}.png`), i);
  }
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function paint(path: string, number: number): Promise<void> {
  const data = new Uint8Array(48 * 32 * 3).map((_, at) => (at * (number + 3)) % 251);
  await sharp(data, { raw: { width: 48, height: 32, channels: 3 } })
    .png()
    .toFile(path);
}

test('a baseline that was tampered with, its checksums mended, is refused with a code and fetches nothing', () => {
  const learn = `
    import { learn } from ${JSON.stringify(join(here, '../dist/index.js'))};
    const { folder } = await learn(${JSON.stringify({
      images: join(folder, 'normal'),
      outputDir: join(folder, 'out'),
      detector: 'none',
      embedder: join(folder, 'clip/onnx/vision_model.onnx'),
    })});
    console.log(folder);`;
  const node = (args: readonly string[]): string =>
    execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 100_000, stdio: 'pipe' }).trim();
  writeFileSync(join(folder, 'learn.mjs'), learn);
  renameSync(node([join(folder, 'learn.mjs')]), join(folder, 'baseline'));
  const answers = JSON.parse(node([join(here, 'hostile-baselines.mjs'), folder])) as Record<string, string>;
  const { untouched, ...tampered } = answers;
  expect(untouched).toBe('taken');
  expect(Object.keys(tampered).length).toBeGreaterThanOrEqual(12);
  const coded = /^(BASELINE|ARTIFACT|MODEL|CONFIG|INPUT)_[A-Z_]+: (?!.*(network was asked|left something))/;
  for (const [name, answer] of Object.entries(tampered))
    expect({ [name]: answer }).toEqual({ [name]: expect.stringMatching(coded) });
}, 120_000);
