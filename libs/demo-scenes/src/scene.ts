import { join } from 'node:path';
import type { PixelBox } from '@hazure/contracts';
import type { Random } from '@hazure/numerics';
import { LANES, paintBackdrop, SCENE_WIDTH_PX } from './backdrop.js';
import type { Actor, OddActor } from './cast.js';
import { VEHICLES } from './cast.js';
import type { Painting, Sprite } from './sprite.js';
import { loadSprite, paintShadow, paintSprite } from './sprite.js';

type Lane = (typeof LANES)[number];

/** Side of a vehicle's picture in a lane of scale 1. */
const VEHICLE_PX = 150;
const MARGIN_PX = 14;
/** Room between vehicles of a lane: closer ones are sometimes detected as one long truck. */
const LANE_GAP_PX = 110;
/** Room around an odd one: what it hides looks odd too, and would count as a false alarm. */
const ODD_GAP_PX = 14;
/** Share of a vehicle that a nearer one may hide. */
const MAX_HIDDEN = 0.06;
const PLACING_ATTEMPTS = 40;
/** Odd ones up to this size may stand in the far lane; a larger one would reach into the sky. */
const FAR_LANE_MAX_PX = 130;

interface Placed {
  readonly sprite: Sprite;
  readonly lane: Lane;
  readonly box: PixelBox;
}

/**
 * One picture: a road, one or two vehicles in each lane, and the odd one if there is one.
 *
 * @returns the painting, and where the odd one stands
 */
export async function composeScene(
  random: Random,
  noise: Float32Array,
  odd: OddActor | null,
  emojiDir: string,
): Promise<{ painting: Painting; oddBox: PixelBox | null }> {
  const painting = paintBackdrop(random, noise);
  const placed: Placed[] = [];
  let oddPlaced: Placed | null = null;
  if (odd !== null) {
    const isSmall = odd.sizePx[1] <= FAR_LANE_MAX_PX;
    const lane = isSmall ? LANES[random.nextInt(LANES.length)] : LANES[1 + random.nextInt(LANES.length - 1)];
    const [smallest, largest] = odd.sizePx;
    const sizePx = Math.round(smallest + (largest - smallest) * random.next());
    const sprite = await dress(random, odd, sizePx, random.next() < 0.5, emojiDir);
    oddPlaced = { sprite, lane, box: standAt(random, sprite, lane) };
    placed.push(oddPlaced);
  }
  for (const lane of LANES) {
    const count = 1 + random.nextInt(2);
    for (let k = 0; k < count; k++) {
      const vehicle = VEHICLES[random.nextInt(VEHICLES.length)];
      const sizePx = Math.round(VEHICLE_PX * lane.scale * (0.92 + 0.16 * random.next()));
      const sprite = await dress(random, vehicle, sizePx, lane.rightwards, emojiDir);
      const box = findPlace(random, sprite, lane, placed, oddPlaced);
      if (box !== null) placed.push({ sprite, lane, box });
    }
  }
  // Far lanes first: what stands nearer is painted over what stands behind it.
  placed.sort((a, b) => a.lane.groundY - b.lane.groundY);
  for (const { sprite, box } of placed) {
    const half = sprite.widthPx / 2;
    const shadowHeight = Math.max(7, sprite.heightPx * 0.11);
    paintShadow(painting, box.x1 + half, box.y2 - 3, half * 1.12, shadowHeight, 0.55);
    paintSprite(painting, sprite, box.x1, box.y1);
  }
  return { painting, oddBox: oddPlaced?.box ?? null };
}

/** Scales, tilts and lights an actor. */
async function dress(
  random: Random,
  actor: Actor,
  sizePx: number,
  mirror: boolean,
  emojiDir: string,
): Promise<Sprite> {
  return loadSprite(join(emojiDir, `${actor.code}.webp`), {
    sizePx,
    turnDegrees: actor.tiltDegrees * (2 * random.next() - 1),
    mirror: mirror && actor.mirrors,
    brightness: 0.9 + 0.16 * random.next(),
  });
}

/** Some place of a lane, with the sprite's feet on the ground. */
function standAt(random: Random, sprite: Sprite, lane: Lane): PixelBox {
  const x1 = MARGIN_PX + random.nextInt(Math.max(1, SCENE_WIDTH_PX - 2 * MARGIN_PX - sprite.widthPx));
  const y2 = lane.groundY + random.nextInt(7) - 3;
  return { x1, y1: y2 - sprite.heightPx, x2: x1 + sprite.widthPx, y2 };
}

/** A free place for a vehicle in its lane; null when there is none, and the vehicle stays away. */
function findPlace(
  random: Random,
  sprite: Sprite,
  lane: Lane,
  placed: readonly Placed[],
  odd: Placed | null,
): PixelBox | null {
  for (let attempt = 0; attempt < PLACING_ATTEMPTS; attempt++) {
    const box = standAt(random, sprite, lane);
    const isFree = placed.every((other) => {
      if (other === odd && covered(widened(other.box, ODD_GAP_PX), box) > 0) return false;
      if (other.lane === lane) return covered(widened(other.box, gapBeside(other, odd)), box) === 0;
      return other.lane.groundY < lane.groundY
        ? covered(other.box, box) <= MAX_HIDDEN
        : covered(box, other.box) <= MAX_HIDDEN;
    });
    if (isFree) return box;
  }
  return null;
}

const gapBeside = (other: Placed, odd: Placed | null): number => (other === odd ? ODD_GAP_PX : LANE_GAP_PX);

function widened({ x1, y1, x2, y2 }: PixelBox, by: number): PixelBox {
  return { x1: x1 - by, y1: y1 - by, x2: x2 + by, y2: y2 + by };
}

/** Share of `behind` that `front` covers, 0…1. */
function covered(behind: PixelBox, front: PixelBox): number {
  const width = Math.min(behind.x2, front.x2) - Math.max(behind.x1, front.x1);
  const height = Math.min(behind.y2, front.y2) - Math.max(behind.y1, front.y1);
  if (width <= 0 || height <= 0) return 0;
  return (width * height) / ((behind.x2 - behind.x1) * (behind.y2 - behind.y1));
}
