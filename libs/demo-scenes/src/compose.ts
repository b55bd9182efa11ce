import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Random } from '@hazure/numerics';
import sharp from 'sharp';
import { noiseTile, SCENE_HEIGHT_PX, SCENE_WIDTH_PX } from './backdrop.js';
import type { OddActor } from './cast.js';
import { ODD_ONES } from './cast.js';
import { composeScene } from './scene.js';
import type { PlantedObject } from './truth.js';

export interface DemoOptions {
  readonly seed: number;
  /** Folder with the emoji as `<code>.webp`, see `ensureEmoji`. */
  readonly emojiDir: string;
  readonly normalImages?: number;
  readonly newImages?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface DemoScenes {
  readonly normalFolder: string;
  readonly newFolder: string;
  readonly truth: readonly PlantedObject[];
}

/** Every other new scene has one odd object: enough to look for, few enough to be odd. */
const PLANT_EVERY = 2;

/**
 * Composes the demo's scenes: a road with vehicles for the normal folder, and the same with odd objects planted for
 * the new folder; beside them `truth.json` (every planted object with its box) and `truth.csv` (one row per new image:
 * image, label, planted). The same seed gives the same scenes.
 *
 * @param folder is created; its `normal` and `new` folders are replaced
 */
export async function composeDemo(folder: string, options: DemoOptions): Promise<DemoScenes> {
  const { seed, normalImages = 60, newImages = 30 } = options;
  const normalFolder = join(folder, 'normal');
  const newFolder = join(folder, 'new');
  const random = new Random(seed);
  const noise = noiseTile(random.fork(0));
  const oddDeck = dealOddOnes(random.fork(1), Math.ceil(newImages / PLANT_EVERY));
  const truth: PlantedObject[] = [];
  for (const path of [normalFolder, newFolder]) {
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { recursive: true });
  }
  const total = normalImages + newImages;
  for (let i = 0; i < total; i++) {
    options.signal?.throwIfAborted();
    const isNew = i >= normalImages;
    const number = isNew ? i - normalImages : i;
    const odd = isNew && number % PLANT_EVERY === 0 ? (oddDeck[number / PLANT_EVERY] ?? null) : null;
    const imageId = `scene-${String(number).padStart(3, '0')}.jpg`;
    const { painting, oddBox } = await composeScene(random.fork(100 + i), noise, odd, options.emojiDir);
    await sharp(painting.rgb, { raw: { width: SCENE_WIDTH_PX, height: SCENE_HEIGHT_PX, channels: 3 } })
      .jpeg({ quality: 92 })
      .toFile(join(isNew ? newFolder : normalFolder, imageId));
    if (odd !== null && oddBox !== null) truth.push({ imageId, kind: odd.name, box: oddBox });
    options.onProgress?.(i + 1, total);
  }
  await writeFile(join(folder, 'truth.json'), `${JSON.stringify(truth, null, 2)}\n`);
  await writeFile(join(folder, 'truth.csv'), truthCsv(newImages, truth));
  return { normalFolder, newFolder, truth };
}

/** Odd ones in random order, each kind once before any comes again. */
export function dealOddOnes(random: Random, count: number): OddActor[] {
  const deck: OddActor[] = [];
  while (deck.length < count) {
    const order = random.shuffle(Array.from(ODD_ONES.keys()));
    deck.push(...order.map((index) => ODD_ONES[index]));
  }
  return deck.slice(0, count);
}

function truthCsv(newImages: number, truth: readonly PlantedObject[]): string {
  const rows = ['image,label,planted'];
  for (let number = 0; number < newImages; number++) {
    const imageId = `scene-${String(number).padStart(3, '0')}.jpg`;
    const planted = truth.filter((object) => object.imageId === imageId).map((object) => object.kind);
    rows.push(`${imageId},${planted.length > 0 ? 1 : 0},${planted.join(' ')}`);
  }
  return `${rows.join('\n')}\n`;
}
