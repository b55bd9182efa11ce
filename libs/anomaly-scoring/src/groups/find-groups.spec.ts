import { Random } from '@hazure/numerics';
import { findGroups } from './find-groups.js';
import { runsOf } from './sequences.js';
import { THUMBNAIL_LENGTH, THUMBNAIL_SIDE, thumbnailCorrelation, thumbnailOf } from './thumbnails.js';

const COLS = 96;
const random = new Random(11);
const normals = (count: number): number[] => Array.from({ length: count }, () => random.nextNormal());
/** Scenes about one common direction; each with copies that differ by `noise`. */
function scenes(
  count: number,
  copies: number,
  noise: number,
): { data: Float32Array; rows: number; cols: number } {
  const common = normals(COLS).map((value) => 2 * value);
  const rows = Array.from({ length: count }, () => normals(COLS)).flatMap((scene) =>
    Array.from({ length: copies }, () => {
      const own = normals(COLS);
      return scene.map((value, j) => common[j] + value + noise * own[j]);
    }),
  );
  return { data: Float32Array.from(rows.flat()), rows: rows.length, cols: COLS };
}

/** A smooth picture of its own for each seed. */
function picture(
  seed: number,
  widthPx = 120,
  heightPx = 90,
): { data: Uint8Array; widthPx: number; heightPx: number } {
  const own = new Random(seed);
  const waves = Array.from({ length: 12 }, () => [
    own.nextNormal() * 5,
    own.nextNormal() * 5,
    own.next() * 7,
  ]);
  const data = new Uint8Array(widthPx * heightPx * 3);
  for (let y = 0, at = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++, at += 3) {
      const sum = waves.reduce((s, [u, v, w]) => s + Math.sin((u * x) / widthPx + (v * y) / heightPx + w), 0);
      data.fill(Math.max(0, Math.min(255, 128 + 20 * sum)), at, at + 3);
    }
  }
  return { data, widthPx, heightPx };
}

describe('groups of near-duplicates', () => {
  test('copies are found, scenes stay apart', async () => {
    const { groupOf, report } = await findGroups({ features: scenes(60, 4, 0.35), threads: 1 });
    expect([...groupOf]).toEqual(Array.from({ length: 240 }, (_, row) => row >> 2));
    expect(report).toMatchObject({ images: 240, groups: 60, largestGroup: 4, sequence: null });
  });

  test('rows without near-duplicates are each their own group, in any number of cells', async () => {
    const { report } = await findGroups({ features: scenes(2500, 1, 0), threads: 1 });
    expect(report.groups).toBeGreaterThan(2490);
  });

  test('most copies are found among thousands, searched by cells', async () => {
    const { groupOf } = await findGroups({ features: scenes(1500, 2, 0.3), threads: 1 });
    const together = Array.from({ length: 1500 }, (_, i) => groupOf[2 * i] === groupOf[2 * i + 1]);
    expect(together.filter(Boolean).length).toBeGreaterThan(1350);
  });

  test('rows of one image and images of one given label stay together', async () => {
    const features = scenes(40, 1, 0);
    const imageOf = Array.from({ length: 40 }, (_, row) => row >> 1);
    const given = Array.from({ length: 20 }, (_, image) => `batch ${image % 5}`);
    const { groupOf, groupOfImage, report } = await findGroups({ features, imageOf, given, threads: 1 });
    expect([...groupOfImage]).toEqual(given.map((_, image) => image % 5));
    expect([...groupOf]).toEqual(imageOf.map((image) => image % 5));
    expect(report.given).toBe(true);
  });

  test('a drift along the order of names makes blocks; the same rows in random order do not', async () => {
    const walk: number[][] = [];
    let at = normals(COLS);
    for (let i = 0; i < 200; i++) {
      const step = normals(COLS);
      at = at.map((value, j) => 0.85 * value + 0.5 * step[j]);
      walk.push(at);
    }
    const names = walk.map((_, i) => `drive/frame_${String(30 * i).padStart(6, '0')}.jpg`);
    const features = { data: Float32Array.from(walk.flat()), rows: 200, cols: COLS };
    const inOrder = await findGroups({ features, names, threads: 1 });
    expect(inOrder.report.sequence).toMatchObject({ runs: 1 });
    expect(inOrder.report.groups).toBeGreaterThanOrEqual(5);
    expect(inOrder.report.groups).toBeLessThan(40);
    const shuffled = new Random(3).shuffle(Array.from(names.keys())).map((i) => names[i]);
    expect((await findGroups({ features, names: shuffled, threads: 1 })).report.sequence).toBeNull();
  });

  test('names make runs: by folder and pattern, cut at gaps of even steps', () => {
    const runs = runsOf([
      'a/f_10.png',
      'a/f_20.png',
      'b/f_30.png',
      'a/f_30.png',
      'a/f_40.png',
      'a/f_50.png',
      'a/f_200.png',
      'x.png',
    ]);
    expect(runs.map(({ images }) => images)).toEqual([[0, 1, 3, 4, 5], [6], [2]]);
    expect(runs.map(({ sequence }) => sequence)).toEqual([0, 0, 1]);
  });

  test('wrong lengths are refused', async () => {
    const features = scenes(4, 1, 0);
    await expect(findGroups({ features, names: ['a'] })).rejects.toThrow('the name of each image (4), got 1');
    await expect(findGroups({ features, imageOf: [0, 1, 2, -1] })).rejects.toThrow('got -1 in row 3');
    await expect(findGroups({ features, thumbnails: new Float32Array(7) })).rejects.toThrow(
      'a thumbnail of each image',
    );
  });
});

describe('thumbnails', () => {
  test('do not change with brightness and contrast, nor much with crops and mirroring', () => {
    const image = picture(1);
    const whole = thumbnailOf(image);
    const darker = { ...image, data: image.data.map((value) => 20 + value * 0.5) };
    expect(thumbnailCorrelation(whole, thumbnailOf(darker))).toBeGreaterThan(0.999);
    const crop = { data: new Uint8Array(96 * 72 * 3), widthPx: 96, heightPx: 72 };
    const mirror = { ...image, data: new Uint8Array(image.data.length) };
    for (let y = 0; y < 90; y++) {
      for (let x = 0; x < 120; x++) {
        const from = image.data.subarray((y * 120 + x) * 3, (y * 120 + x) * 3 + 3);
        mirror.data.set(from, (y * 120 + 119 - x) * 3);
        if (x >= 20 && x < 116 && y >= 5 && y < 77) crop.data.set(from, ((y - 5) * 96 + x - 20) * 3);
      }
    }
    expect(thumbnailCorrelation(whole, thumbnailOf(mirror))).toBeGreaterThan(0.99);
    expect(thumbnailCorrelation(whole, thumbnailOf(crop))).toBeGreaterThan(0.9);
    expect(thumbnailCorrelation(whole, thumbnailOf(picture(2)))).toBeLessThan(0.85);
  });

  test('have unit norm and no mean; a flat image gives zeros; small images work; bad shapes are refused', () => {
    const values = thumbnailOf(picture(3, 10, 7));
    expect(values).toHaveLength(THUMBNAIL_LENGTH);
    expect(values.reduce((sum, v) => sum + v * v, 0)).toBeCloseTo(1, 5);
    expect(values.reduce((sum, v) => sum + v, 0)).toBeCloseTo(0, 5);
    const flat = thumbnailOf({ data: new Uint8Array(30).fill(9), widthPx: 5, heightPx: 2 });
    expect(flat.every((value) => value === 0)).toBe(true);
    expect(thumbnailCorrelation(flat, values)).toBe(0);
    expect(THUMBNAIL_SIDE ** 2).toBe(THUMBNAIL_LENGTH);
    expect(() => thumbnailOf({ data: new Uint8Array(5), widthPx: 2, heightPx: 2 })).toThrow(
      'expected 2 × 2 pixels',
    );
  });
});
