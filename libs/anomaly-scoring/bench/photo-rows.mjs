/**
 * Embeddings of photos for the measuring scripts beside this one: MobileNetV2 of whole images and of grid tiles, made
 * by hazure's own engine, with small greys of the whole images. Nothing is kept in the repository: rows are computed
 * when asked for, and kept in `HAZURE_BENCH_CACHE` (a folder of yours) where that is set.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeEmbedder } from '@hazure/models';
import { loadEngine } from '@hazure/native-engine';
import sharp from 'sharp';

export const sharedDir = fileURLToPath(new URL('../../../../shared/', import.meta.url));
const BATCH = 16;
const ROWS = 2;
const COLUMNS = 3;
/** Side of the grey kept of each image, from which thumbnails of any smaller size are made. */
const GREY_SIDE = 96;

const plain = (pipeline) => pipeline;
const crop =
  (share, left, top) =>
  (pipeline, { width, height }) =>
    pipeline.extract({
      left: Math.floor(width * left * (1 - share)),
      top: Math.floor(height * top * (1 - share)),
      width: Math.floor(width * share),
      height: Math.floor(height * share),
    });
const brightness = (factor) => (pipeline) => pipeline.linear(factor, 0);
/** The photo and four variants: two exposures, two crops, one of them darker too. */
export const VARIANTS = [
  plain,
  brightness(1.5),
  brightness(0.6),
  crop(0.9, 0.3, 0.8),
  (pipeline, size) => brightness(0.8)(crop(0.8, 0.7, 0.2)(pipeline, size)),
];

/** Image files of a folder, as paths in the order of their names. */
export const imageFiles = (folder) =>
  readdirSync(folder)
    .filter((name) => /\.(jpe?g|png)$/i.test(name))
    .sort()
    .map((name) => join(folder, name));

/**
 * @returns {Promise<{names: string[], photo: number[], whole: {data: Float32Array, rows: number, cols: number},
 *   tiles: {data: Float32Array, rows: number, cols: number}, tileImage: number[], greys: Float32Array, greySide: number}>}
 *   images in the order photo by photo, variant by variant; six tiles an image, row by row.
 */
export async function photoRows(key, files, variants = [plain]) {
  const cache = process.env.HAZURE_BENCH_CACHE;
  const stem = cache && join(cache, key);
  if (stem && existsSync(`${stem}.json`)) return restore(stem);
  const described = await describeEmbedder(join(sharedDir, 'models/mobilenet_v2_features.onnx'));
  const engine = loadEngine();
  const embedder = await engine.loadEmbedder({
    modelPath: described.model.path,
    preprocess: described.preprocess,
    output: described.output,
    normalise: false,
  });
  const [names, photo, whole, tiles, tileImage, greys] = [[], [], [], [], [], []];
  let pending = [];
  const flush = async () => {
    if (pending.length === 0) return;
    const data = await embedder.embed(pending.map(({ region }) => region));
    const cols = data.length / pending.length;
    pending.forEach(({ list }, i) => list.push(data.slice(i * cols, (i + 1) * cols)));
    pending = [];
  };
  for (const [index, file] of files.entries()) {
    for (const variant of variants) {
      const upright = await sharp(file)
        .rotate()
        .toColourspace('srgb')
        .removeAlpha()
        .png({ compressionLevel: 0 })
        .toBuffer();
      const size = await sharp(upright).metadata();
      const made = variant(sharp(upright), size);
      const { data, info } = await made.raw().toBuffer({ resolveWithObject: true });
      const image = { id: `${names.length}`, data, widthPx: info.width, heightPx: info.height, channels: 3 };
      const box = (x1, y1, x2, y2) => ({
        x1: x1 * info.width,
        y1: y1 * info.height,
        x2: x2 * info.width,
        y2: y2 * info.height,
      });
      pending.push({ region: { image, box: box(0, 0, 1, 1) }, list: whole });
      for (let r = 0; r < ROWS; r++) {
        for (let c = 0; c < COLUMNS; c++) {
          pending.push({
            region: { image, box: box(c / COLUMNS, r / ROWS, (c + 1) / COLUMNS, (r + 1) / ROWS) },
            list: tiles,
          });
          tileImage.push(names.length);
        }
      }
      greys.push(
        new Float32Array(
          await sharp(data, { raw: { width: info.width, height: info.height, channels: 3 } })
            .resize(GREY_SIDE, GREY_SIDE, { fit: 'fill', kernel: 'linear' })
            .greyscale()
            .raw()
            .toBuffer(),
        ),
      );
      names.push(file.split('/').pop());
      photo.push(index);
      if (pending.length >= BATCH) await flush();
    }
  }
  await flush();
  await embedder.close();
  const matrix = (rows) => {
    const cols = rows[0].length;
    const data = new Float32Array(rows.length * cols);
    rows.forEach((row, i) => data.set(row, i * cols));
    return { data, rows: rows.length, cols };
  };
  const result = {
    names,
    photo,
    tileImage,
    greySide: GREY_SIDE,
    whole: matrix(whole),
    tiles: matrix(tiles),
    greys: matrix(greys).data,
  };
  if (stem) keep(stem, result);
  return result;
}

function keep(stem, { whole, tiles, greys, ...rest }) {
  mkdirSync(join(stem, '..'), { recursive: true });
  for (const [name, data] of [
    ['whole', whole.data],
    ['tiles', tiles.data],
    ['greys', greys],
  ]) {
    writeFileSync(`${stem}.${name}.bin`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  writeFileSync(`${stem}.json`, JSON.stringify({ ...rest, cols: whole.cols }));
}

function restore(stem) {
  const { cols, ...rest } = JSON.parse(readFileSync(`${stem}.json`, 'utf8'));
  const floats = (name) => {
    const bytes = readFileSync(`${stem}.${name}.bin`);
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  };
  const matrix = (name) => {
    const data = floats(name);
    return { data, rows: data.length / cols, cols };
  };
  return { ...rest, whole: matrix('whole'), tiles: matrix('tiles'), greys: floats('greys') };
}
