import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '@hazure/numerics';
import sharp from 'sharp';
import { ODD_ONES, VEHICLES } from './cast.js';
import { composeDemo, dealOddOnes } from './compose.js';
import type { PlantedObject } from './truth.js';

let folder: string;
let emojiDir: string;

/** Stand-ins for the emoji: vehicles are grey boxes, odd ones magenta discs. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hazure-demo-'));
  emojiDir = folder;
  const draw = (code: string, shape: string): Promise<unknown> =>
    sharp(Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256">${shape}</svg>`))
      .webp({ lossless: true })
      .toFile(join(emojiDir, `${code}.webp`));
  await Promise.all([
    ...VEHICLES.map(({ code }) => draw(code, '<rect x="20" y="80" width="216" height="120" fill="#888"/>')),
    ...ODD_ONES.map(({ code }) => draw(code, '<circle cx="128" cy="128" r="100" fill="#f0f"/>')),
  ]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function magentaBounds(
  path: string,
): Promise<{ x1: number; y1: number; x2: number; y2: number } | null> {
  const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  const bounds = { x1: Infinity, y1: Infinity, x2: -1, y2: -1 };
  for (let y = 0; y < info.height; y++) {
    for (let x = 0; x < info.width; x++) {
      const p = (y * info.width + x) * 3;
      if (data[p] < 190 || data[p + 1] > 70 || data[p + 2] < 190) continue;
      bounds.x1 = Math.min(bounds.x1, x);
      bounds.y1 = Math.min(bounds.y1, y);
      bounds.x2 = Math.max(bounds.x2, x + 1);
      bounds.y2 = Math.max(bounds.y2, y + 1);
    }
  }
  return bounds.x2 < 0 ? null : bounds;
}

test('plants odd objects where the truth says, and nowhere else', async () => {
  const out = join(folder, 'scenes');
  const scenes = await composeDemo(out, { seed: 5, emojiDir, normalImages: 2, newImages: 6 });
  expect((await readdir(scenes.normalFolder)).sort()).toEqual(['scene-000.jpg', 'scene-001.jpg']);
  expect(await readdir(scenes.newFolder)).toHaveLength(6);
  expect(scenes.truth.map(({ imageId }) => imageId)).toEqual([
    'scene-000.jpg',
    'scene-002.jpg',
    'scene-004.jpg',
  ]);
  for (const name of await readdir(scenes.newFolder)) {
    const bounds = await magentaBounds(join(scenes.newFolder, name));
    const planted = scenes.truth.find(({ imageId }) => imageId === name);
    if (planted === undefined) {
      expect(bounds).toBeNull();
      continue;
    }
    for (const side of ['x1', 'y1', 'x2', 'y2'] as const) {
      expect(Math.abs(bounds![side] - planted.box[side])).toBeLessThanOrEqual(3);
    }
  }
  for (const name of await readdir(scenes.normalFolder)) {
    expect(await magentaBounds(join(scenes.normalFolder, name))).toBeNull();
  }
  const written = JSON.parse(await readFile(join(out, 'truth.json'), 'utf8')) as PlantedObject[];
  expect(written).toEqual(scenes.truth);
  const csv = (await readFile(join(out, 'truth.csv'), 'utf8')).trim().split('\n');
  expect(csv[0]).toBe('image,label,planted');
  expect(csv[1]).toBe(`scene-000.jpg,1,${scenes.truth[0].kind}`);
  expect(csv[2]).toBe('scene-001.jpg,0,');
});

test('the same seed gives the same bytes, another seed other scenes', async () => {
  const make = async (name: string, seed: number): Promise<Buffer[]> => {
    const out = join(folder, name);
    const { newFolder } = await composeDemo(out, { seed, emojiDir, normalImages: 1, newImages: 2 });
    return Promise.all(['scene-000.jpg', 'scene-001.jpg'].map((file) => readFile(join(newFolder, file))));
  };
  const first = await make('a', 1);
  const again = await make('b', 1);
  const other = await make('c', 2);
  expect(first[0].equals(again[0]) && first[1].equals(again[1])).toBe(true);
  expect(first[0].equals(other[0])).toBe(false);
});

test('every kind is planted once before any comes again', () => {
  const dealt = dealOddOnes(new Random(3), ODD_ONES.length + 2).map(({ name }) => name);
  expect(new Set(dealt.slice(0, ODD_ONES.length)).size).toBe(ODD_ONES.length);
  expect(dealt).not.toEqual(dealOddOnes(new Random(4), ODD_ONES.length + 2).map(({ name }) => name));
});

test('stops when asked to', async () => {
  const signal = AbortSignal.abort();
  await expect(composeDemo(join(folder, 'stop'), { seed: 1, emojiDir, signal })).rejects.toThrow(/abort/i);
});
