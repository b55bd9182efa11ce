import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { heatOf } from '@hazure/anomaly-scoring';
import type { DecodedImage } from '@hazure/contracts';
import { describeEmbedder } from '@hazure/models';
import { loadEngine } from '@hazure/native-engine';
import { runTinyModelScript } from '@hazure/test-kit';
import sharp from 'sharp';
import { EngineEmbedder, EngineMapEmbedder, FixedBatches, heatmapPng } from '../src/index.js';
import { photos } from './photos.js';
import { cocoFolder, sharedModel, testWith } from './shared-data.js';

const engine = loadEngine();
const cacheDir = mkdtempSync(join(tmpdir(), 'maps-'));
const batches = (): FixedBatches => new FixedBatches(3);
const MOBILENET = sharedModel('mobilenet_v2_features.onnx');

/** Grey noise, and the same with a bright square in the cell (column, row) of eight a side. */
function squareAt(column: number, row: number, shown: boolean): DecodedImage {
  const side = 256;
  const data = new Uint8Array(3 * side * side).map((_, i) => 100 + ((i * 7919) % 31));
  for (let y = 0; shown && y < 32; y++) {
    const from = 3 * ((row * 32 + y) * side + column * 32);
    data.fill(255, from, from + 96);
  }
  return { ref: { id: 'made', path: 'made.png' }, data, widthPx: side, heightPx: side } as DecodedImage;
}

/** Where the two maps differ most, as shares of the sides. */
function farthestApart(a: { data: Float32Array; height: number; width: number; channels: number }): {
  x: number;
  y: number;
} {
  const cells = a.height * a.width;
  let [most, at] = [-1, 0];
  for (let cell = 0; cell < cells; cell++) {
    let square = 0;
    for (let c = 0; c < a.channels; c++) {
      square += (a.data[cell * a.channels + c]! - a.data[(cells + cell) * a.channels + c]!) ** 2;
    }
    if (square > most) [most, at] = [square, cell];
  }
  return { x: ((at % a.width) + 0.5) / a.width, y: (Math.floor(at / a.width) + 0.5) / a.height };
}

testWith(MOBILENET, cocoFolder)('a CNN: rows as the embedder gives them, maps of every stride', async () => {
  const model = await describeEmbedder(MOBILENET);
  const [maps, plain] = [
    await EngineMapEmbedder.load(engine, model, { batches, cacheDir }),
    await EngineEmbedder.load(engine, model, { batches }),
  ];
  const regions = (await photos(5)).map((image) => ({ image, box: null }));
  const { rows, layers } = await maps.embedMaps(regions);
  const expected = await plain.embed(regions);
  expect(rows.cols).toBe(expected.cols);
  let apart = 0;
  rows.data.forEach((value, i) => (apart = Math.max(apart, Math.abs(value - expected.data[i]!))));
  expect(apart).toBeLessThan(1e-4);
  expect(layers.map(({ count, height, width }) => [count, height, width])).toEqual(
    [56, 28, 14, 7].map((side) => [5, side, side]),
  );
  await Promise.all([maps.close(), plain.close()]);
});

testWith(MOBILENET)('a CNN: what changes in the image changes its cell', async () => {
  const maps = await EngineMapEmbedder.load(engine, await describeEmbedder(MOBILENET), { batches, cacheDir });
  for (const [column, row] of [
    [1, 5],
    [6, 2],
  ] as const) {
    const regions = [true, false].map((shown) => ({ image: squareAt(column, row, shown), box: null }));
    const { layers } = await maps.embedMaps(regions);
    for (const layer of layers.slice(1, 3)) {
      const { x, y } = farthestApart(layer);
      expect(Math.abs(x - (column + 0.5) / 8)).toBeLessThan(0.16);
      expect(Math.abs(y - (row + 0.5) / 8)).toBeLessThan(0.16);
    }
  }
  await maps.close();
});

test('a vision transformer: the tokens of its patches, in their places', async () => {
  const folder = join(cacheDir, 'dinov2');
  runTinyModelScript('make-tiny-dinov2.mjs', [folder]);
  const model = await describeEmbedder(join(folder, 'onnx', 'model.onnx'), { cacheDir });
  const maps = await EngineMapEmbedder.load(engine, model, { batches, cacheDir });
  const regions = [true, false].map((shown) => ({ image: squareAt(5, 2, shown), box: null }));
  const { rows, layers } = await maps.embedMaps(regions);
  expect(rows.rows).toBe(2);
  expect(layers).toHaveLength(1);
  expect(layers[0]!.height).toBe(layers[0]!.width);
  const { x, y } = farthestApart(layers[0]!);
  // Its preparation cuts 16 of 256 pixels off each side.
  expect(Math.abs(x - (5.5 / 8 - 1 / 16) / 0.875)).toBeLessThan(0.15);
  expect(Math.abs(y - (2.5 / 8 - 1 / 16) / 0.875)).toBeLessThan(0.15);
  await maps.close();
});

test('a heatmap is red where the map is hot, the photo elsewhere, and not larger than asked for', async () => {
  const image = squareAt(0, 0, false);
  const heat = heatOf(Float64Array.of(0, 0, 0, 9), 1, 3);
  const box = { x1: 0.5, y1: 0.5, x2: 1, y2: 1, score: 9, cells: 1 };
  const region = { image, box: { x1: 0, y1: 0, x2: 256, y2: 128 } };
  const png = await heatmapPng(region, heat, { height: 2, width: 2, regions: [box], maxSidePx: 128 });
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([128, 64]);
  const pixel = (x: number, y: number): number[] => [
    ...data.subarray(3 * (y * 128 + x), 3 * (y * 128 + x) + 3),
  ];
  const [red, , blue] = pixel(110, 55);
  expect(red! - blue!).toBeGreaterThan(100);
  const [r, , b] = pixel(10, 10);
  expect(Math.abs(r! - b!)).toBeLessThan(20);
  await expect(heatmapPng(region, heat, { height: 3, width: 2 })).rejects.toThrow('3 × 2 cells');
});
