import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PixelBox } from '@hazure/contracts';
import { Random } from '@hazure/numerics';
import sharp from 'sharp';
import { LANES, noiseTile, paintBackdrop, SCENE_HEIGHT_PX, SCENE_WIDTH_PX } from './backdrop.js';
import type { Actor } from './cast.js';
import { ODD_ONES, VEHICLES } from './cast.js';
import type { Painting, Sprite } from './sprite.js';
import { loadSprite, paintShadow, paintSprite } from './sprite.js';
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
const MARGIN_PX = 14;
/** Room between neighbours: closer ones are sometimes detected as one long truck. */
const GAP_PX = 110;
const FAR_LANE_MAX_PX = 130;
const PLACING_ATTEMPTS = 24;
/** Share of an object that another may hide. */
const MAX_HIDDEN = 0.06;

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
export function dealOddOnes(random: Random, count: number): Actor[] {
  const deck: Actor[] = [];
  while (deck.length < count) {
    const order = random.shuffle(Array.from(ODD_ONES.keys()));
    deck.push(...order.map((index) => ODD_ONES[index]));
  }
  return deck.slice(0, count);
}

async function composeScene(
  random: Random,
  noise: Float32Array,
  odd: Actor | null,
  emojiDir: string,
): Promise<{ painting: Painting; oddBox: PixelBox | null }> {
  const painting = paintBackdrop(random, noise);
  const oddLane = odd === null ? -1 : laneFor(random, odd);
  let oddBox: PixelBox | null = null;
  const taken: PixelBox[] = [];
  for (const [index, lane] of LANES.entries()) {
    const cars = random.nextInt(3) === 0 ? 2 : 1;
    const actors = Array.from({ length: cars }, () => VEHICLES[random.nextInt(VEHICLES.length)]);
    if (index === oddLane && odd !== null)
      actors.splice(random.nextInt(actors.length + 1), actors.length > 1 ? 1 : 0, odd);
    const sprites: Sprite[] = [];
    for (const actor of actors) sprites.push(await dress(random, actor, lane, emojiDir));
    const lefts = standClear(random, sprites, lane.groundY, taken);
    for (const [k, sprite] of sprites.entries()) {
      const left = lefts[k];
      const top = lane.groundY - sprite.heightPx + Math.round(6 * (random.next() - 0.5));
      const bottom = top + sprite.heightPx;
      const half = sprite.widthPx / 2;
      paintShadow(painting, left + half, bottom - 3, half * 1.12, Math.max(7, sprite.heightPx * 0.11), 0.55);
      paintSprite(painting, sprite, left, top);
      const box = { x1: left, y1: top, x2: left + sprite.widthPx, y2: bottom };
      taken.push(box);
      if (actors[k] === odd) oddBox = box;
    }
  }
  return { painting, oddBox };
}

/** Sizes, tilts and lights an actor for its lane. */
async function dress(
  random: Random,
  actor: Actor,
  lane: (typeof LANES)[number],
  emojiDir: string,
): Promise<Sprite> {
  const [smallest, largest] = actor.sizePx;
  const isVehicle = VEHICLES.includes(actor);
  // Vehicles are as large as their lane asks; an odd one has its own range.
  const wanted = isVehicle
    ? 150 * lane.scale * (0.92 + 0.16 * random.next())
    : smallest + (largest - smallest) * random.next();
  const sizePx = Math.round(Math.min(largest, Math.max(smallest, wanted)));
  const turnDegrees = actor.tiltDegrees * (2 * random.next() - 1);

  const mirror = actor.mirrors && (isVehicle ? lane.rightwards : random.next() < 0.5);
  const brightness = 0.9 + 0.16 * random.next();
  return loadSprite(join(emojiDir, `${actor.code}.webp`), { sizePx, turnDegrees, mirror, brightness });
}

/** Only small ones stand in the far lane: a large one would reach into the sky. */
function laneFor(random: Random, odd: Actor): number {
  return odd.sizePx[1] <= FAR_LANE_MAX_PX
    ? random.nextInt(LANES.length)
    : 1 + random.nextInt(LANES.length - 1);
}

/** Tries places in a lane until nothing hides much of what stands behind; the best try wins. */
function standClear(
  random: Random,
  sprites: readonly Sprite[],
  groundY: number,
  taken: readonly PixelBox[],
): number[] {
  const widths = sprites.map((sprite) => sprite.widthPx);
  let best = spread(random, widths);
  let bestHidden = Infinity;
  for (let attempt = 0; attempt < PLACING_ATTEMPTS; attempt++) {
    const lefts = attempt === 0 ? best : spread(random, widths);
    let hidden = 0;
    for (const [k, { widthPx, heightPx }] of sprites.entries()) {
      const box = { x1: lefts[k], y1: groundY - heightPx, x2: lefts[k] + widthPx, y2: groundY };
      for (const other of taken) hidden = Math.max(hidden, coveredShare(other, box));
    }
    if (hidden < bestHidden) [best, bestHidden] = [lefts, hidden];
    if (bestHidden <= MAX_HIDDEN) break;
  }
  return best;
}

/** Share of `behind` that `front` covers, 0…1. */
function coveredShare(behind: PixelBox, front: PixelBox): number {
  const width = Math.min(behind.x2, front.x2) - Math.max(behind.x1, front.x1);
  const height = Math.min(behind.y2, front.y2) - Math.max(behind.y1, front.y1);
  if (width <= 0 || height <= 0) return 0;
  return (width * height) / ((behind.x2 - behind.x1) * (behind.y2 - behind.y1));
}

/** Left edges for widths that stand side by side in the given order, with random room between them. */
function spread(random: Random, widths: readonly number[]): number[] {
  const used = widths.reduce((sum, width) => sum + width, 0) + GAP_PX * (widths.length - 1);
  const room = Math.max(0, SCENE_WIDTH_PX - 2 * MARGIN_PX - used);
  const cuts = Float64Array.from(widths, () => random.next() * room).sort();
  let shift = MARGIN_PX;
  return widths.map((width, i) => {
    const left = Math.round(shift + cuts[i]);
    shift += width + GAP_PX;
    return left;
  });
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
