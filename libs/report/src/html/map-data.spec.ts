import type { ReportMap } from '../model.js';
import { DEFAULT_CAPS } from '../model.js';
import { packMap, samplePoints } from './map-data.js';

function mapOf(n: number, outlierEvery: number): ReportMap {
  const ids = Array.from({ length: n }, (_, i) => `crop-${i}`);
  return {
    points: Float64Array.from({ length: 2 * n }, (_, k) => Math.sin(k) * 30),
    labels: ids.map((_, i) => `class ${i % 3}`),
    cropIds: ids,
    baseline: new Uint8Array(n),
    outliers: Uint8Array.from(ids, (_, i) => (i % outlierEvery === 0 ? 1 : 0)),
    method: 't-SNE',
  };
}

test('every point comes back within one step of its place, axes in proportion', () => {
  const map = mapOf(50, 7);
  const packed = packMap(map, DEFAULT_CAPS)!;
  const bytes = Buffer.from(packed.positions, 'base64');
  const xs = Array.from({ length: 50 }, (_, i) => bytes.readUInt16LE(4 * i) / 65535);
  const ys = Array.from({ length: 50 }, (_, i) => bytes.readUInt16LE(4 * i + 2) / 65535);
  const scaleX = (xs[3] - xs[9]) / (map.points[6] - map.points[18]);
  const scaleY = (ys[3] - ys[9]) / (map.points[7] - map.points[19]);
  expect(scaleX).toBeCloseTo(scaleY, 4);
  expect(packed.labels[packed.labelOf[4]]).toBe('class 1');
  expect(packed.outliers).toBe(8);
});

test('sampling keeps every outlier that fits and is the same each time', () => {
  const map = mapOf(1000, 50);
  const caps = { ...DEFAULT_CAPS, mapPoints: 100 };
  const first = packMap(map, caps)!;
  expect(first).toMatchObject({ count: 100, total: 1000, outliers: 20 });
  expect(packMap(map, caps)).toEqual(first);
  expect(samplePoints([0, 1, 2, 3], [1, 1, 1, 1], 2)).toEqual([0, 2]);
});

test('points without a finite position are left out', () => {
  const map = mapOf(4, 2);
  map.points[2] = Number.NaN;
  expect(packMap(map, DEFAULT_CAPS)?.ids).toEqual(['crop-0', 'crop-2', 'crop-3']);
  map.points.fill(Infinity);
  expect(packMap(map, DEFAULT_CAPS)).toBeNull();
});

test('pictures are capped', () => {
  const map = {
    ...mapOf(10, 20),
    thumbnails: new Map([...Array(10).keys()].map((i) => [i, new Uint8Array([i])])),
  };
  expect(Object.keys(packMap(map, { ...DEFAULT_CAPS, mapThumbnails: 3 })!.thumbnails)).toHaveLength(3);
});
