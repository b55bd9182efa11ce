import type { Random } from '@hazure/numerics';
import type { Painting } from './sprite.js';

export const SCENE_WIDTH_PX = 640;
export const SCENE_HEIGHT_PX = 480;

/** Where wheels touch the ground in each lane, far to near, and how large things are there. */
export const LANES = [
  { groundY: 236, scale: 0.72, rightwards: true },
  { groundY: 332, scale: 0.88, rightwards: false },
  { groundY: 440, scale: 1.08, rightwards: false },
] as const;

const HORIZON_Y = 104;
const ROAD_TOP_Y = 152;
const ROAD_BOTTOM_Y = 450;
const KERB_PX = 6;
const MARKS = [
  { y: 246, thicknessPx: 4, dashPx: 42, gapPx: 34 },
  { y: 343, thicknessPx: 6, dashPx: 58, gapPx: 46 },
] as const;

type Colour = readonly [number, number, number];

/** Times of day: what the light does to sky, grass and road. */
const LIGHTS: readonly {
  sky: readonly [Colour, Colour];
  hills: Colour;
  grass: Colour;
  road: number;
  warmth: number;
}[] = [
  {
    sky: [
      [112, 164, 224],
      [206, 226, 242],
    ],
    hills: [104, 138, 122],
    grass: [104, 146, 74],
    road: 98,
    warmth: 0,
  },
  {
    sky: [
      [146, 170, 196],
      [214, 219, 224],
    ],
    hills: [118, 132, 136],
    grass: [98, 128, 80],
    road: 90,
    warmth: -4,
  },
  {
    sky: [
      [126, 150, 208],
      [246, 214, 178],
    ],
    hills: [122, 116, 120],
    grass: [124, 136, 66],
    road: 104,
    warmth: 8,
  },
];

/**
 * Smooth noise in −1…1 on a torus of `size × size`, three octaves. Made once per demo and read at random offsets:
 * every scene gets its own ground at the price of a look-up.
 */
export function noiseTile(random: Random, size = 256): Float32Array {
  const tile = new Float32Array(size * size);
  for (const [cells, weight] of [
    [8, 0.5],
    [32, 0.3],
    [128, 0.2],
  ]) {
    const lattice = Float32Array.from({ length: cells * cells }, () => random.next() * 2 - 1);
    const at = (x: number, y: number): number => lattice[(y % cells) * cells + (x % cells)];
    const step = size / cells;
    for (let y = 0; y < size; y++) {
      const v = y / step;
      const row = Math.floor(v);
      const fy = smooth(v - row);
      for (let x = 0; x < size; x++) {
        const u = x / step;
        const column = Math.floor(u);
        const fx = smooth(u - column);
        const above = at(column, row) + fx * (at(column + 1, row) - at(column, row));
        const below = at(column, row + 1) + fx * (at(column + 1, row + 1) - at(column, row + 1));
        tile[y * size + x] += weight * (above + fy * (below - above));
      }
    }
  }
  return tile;
}

const smooth = (t: number): number => t * t * (3 - 2 * t);

/** Paints sky, hills, verge and a three-lane road: a fresh picture without any object in it. */
export function paintBackdrop(random: Random, noise: Float32Array): Painting {
  const light = LIGHTS[random.nextInt(LIGHTS.length)];
  const rgb = new Uint8ClampedArray(SCENE_WIDTH_PX * SCENE_HEIGHT_PX * 3);
  const [offsetX, offsetY, phase] = [random.nextInt(256), random.nextInt(256), random.nextInt(100)];
  const sample = (x: number, y: number): number => noise[((y + offsetY) & 255) * 256 + ((x + offsetX) & 255)];
  const roadTone = light.road + 8 * (random.next() - 0.5);
  let p = 0;
  // One place writes every pixel: a base colour, lightened by a number, warmed by the light of the day.
  const put = (base: Colour, lighter: number): void => {
    rgb[p++] = base[0] + lighter + light.warmth;
    rgb[p++] = base[1] + lighter;
    rgb[p++] = base[2] + lighter - light.warmth;
  };

  const ridges = Float64Array.from(
    { length: SCENE_WIDTH_PX },
    (_, x) => HORIZON_Y - 22 - 16 * sample(x >> 2, 7) - 5 * sample(x, 99),
  );
  for (let y = 0; y < HORIZON_Y; y++) {
    const sky = blend(light.sky[0], light.sky[1], y / HORIZON_Y);
    for (let x = 0; x < SCENE_WIDTH_PX; x++) {
      if (y > ridges[x]) put(light.hills, 10 * sample(x, y));
      else put(sky, 0);
    }
  }
  for (let y = HORIZON_Y; y < ROAD_TOP_Y; y++) {
    const darker = (y - HORIZON_Y) * 0.3;
    for (let x = 0; x < SCENE_WIDTH_PX; x++) put(light.grass, 26 * sample(x * 2, y * 3) - darker);
  }
  for (let y = ROAD_TOP_Y; y < SCENE_HEIGHT_PX; y++) {
    const depth = (y - ROAD_TOP_Y) / (ROAD_BOTTOM_Y - ROAD_TOP_Y);
    const mark = MARKS.find((candidate) => y >= candidate.y && y < candidate.y + candidate.thicknessPx);
    const isRoad = y >= ROAD_TOP_Y + KERB_PX && y < ROAD_BOTTOM_Y;
    const border = y < ROAD_BOTTOM_Y + KERB_PX ? KERB : PAVEMENT;
    for (let x = 0; x < SCENE_WIDTH_PX; x++) {
      const grain = 7 * (random.nextUint32() / 4294967296 - 0.5);
      if (!isRoad) put(border, grain + 10 * sample(x, y));
      else if (mark !== undefined && (x + phase) % (mark.dashPx + mark.gapPx) < mark.dashPx)
        put(PAINT, grain * 2);
      else put(ASPHALT, roadTone - 10 * depth + 9 * sample(x, y * 2) + grain);
    }
  }
  return { widthPx: SCENE_WIDTH_PX, heightPx: SCENE_HEIGHT_PX, rgb };
}

const KERB: Colour = [168, 168, 166];
const PAVEMENT: Colour = [142, 138, 132];
const PAINT: Colour = [206, 206, 200];
/** Added to the road's tone: asphalt is a little blue. */
const ASPHALT: Colour = [0, 1, 4];

function blend(from: Colour, to: Colour, t: number): Colour {
  return [from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1]), from[2] + t * (to[2] - from[2])];
}
