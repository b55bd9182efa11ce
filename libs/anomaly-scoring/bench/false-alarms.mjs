#!/usr/bin/env node
/**
 * False alarms on near-duplicate photos, with groups found and without, on normals that were not learned:
 *   node libs/anomaly-scoring/bench/false-alarms.mjs [--only camvid,coco] [--splits 6] [--share 0.5]
 * - coco: 128 photos and four variants of each; random photos learn, the others are judged. `plain`: without variants.
 * - camvid: blocks of time of two drives' videos; random blocks learn, the others are judged; and by sequence.
 * - mvtec: normals of seven categories (embeddings), for data without duplicates.
 * Whole images (`none`) and the tiles of a 2 × 3 grid, the latter per tile and per image.
 * Build first. The photos' embeddings are computed by hazure's engine (see photo-rows.mjs).
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findGroups, fitBaseline, thumbnailOf, THUMBNAIL_LENGTH } from '@hazure/anomaly-scoring';
import { mean, Random, selectRows } from '@hazure/numerics';
import { readNpy } from './lib.mjs';
import { imageFiles, photoRows, sharedDir, VARIANTS } from './photo-rows.mjs';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'coco,plain,camvid,mvtec' },
    splits: { type: 'string', default: '6' },
    share: { type: 'string', default: '0.5' },
    blocks: { type: 'string', default: '20,40' },
    percentiles: { type: 'string', default: '95,99' },
    tiles: { type: 'boolean', default: false },
    images: { type: 'string', default: '' },
  },
});
const percentiles = values.percentiles.split(',').map(Number);
const only = values.only.split(',');
const range = (n) => Array.from({ length: n }, (_, i) => i);

/** One split: rows that learn and rows that are judged, by unit. */
function split(unitOf, seed, share = Number(values.share)) {
  const units = new Random(seed).shuffle([...new Set(unitOf)]);
  const learned = new Set(units.slice(0, Math.round(units.length * share)));
  const [train, test] = [[], []];
  unitOf.forEach((unit, image) => (learned.has(unit) ? train : test).push(image));
  return [train, test];
}

async function trial(name, set, unitOf, tiles) {
  const figures = new Map();
  const add = (key, value) => figures.set(key, [...(figures.get(key) ?? []), value]);
  for (let seed = 0; seed < Number(values.splits); seed++) {
    const [train, test] = split(unitOf, 1000 + seed);
    const place = new Map(train.map((image, i) => [image, i]));
    const rowsOf = (images) => {
      if (!tiles) return images;
      const wanted = new Set(images);
      return range(set.tiles.rows).filter((row) => wanted.has(set.tileImage[row]));
    };
    const x = tiles ? set.tiles : set.whole;
    const [fitRows, testRows] = [rowsOf(train), rowsOf(test)];
    const imageOf = fitRows.map((row) => place.get(tiles ? set.tileImage[row] : row));
    const features = selectRows(x, fitRows);
    const { groupOf, report } = await findGroups({
      features,
      imageOf,
      seed,
      ...(set.thumbnails ? { thumbnails: pick(set.thumbnails, train) } : {}),
      ...(set.names ? { names: train.map((image) => set.names[image]) } : {}),
    });
    add('groups', report.groups);
    add('block length', report.sequence?.blockLength ?? 0);
    const judged = selectRows(x, testRows);
    for (const [how, groups] of [
      ['found', groupOf],
      ['image', imageOf],
    ]) {
      const baseline = await fitBaseline({ features, groups, percentile: 95, scorers: ['ensemble'], seed });
      if (how === 'found') add('effective rows', baseline.effectiveRows);
      for (const percentile of percentiles) {
        let flagged;
        try {
          flagged = (await baseline.score(judged, { percentile })).outlier;
        } catch (error) {
          add(`${how} refused at ${percentile} (${error.code})`, 1);
          continue;
        }
        add(`${how} ${percentile}`, 100 * mean(flagged));
      }
    }
  }
  const shown = [...figures].map(([key, list]) => {
    const spread = Math.sqrt(mean(list.map((v) => (v - mean(list)) ** 2)));
    return `${key} ${mean(list).toFixed(2)} (±${spread.toFixed(1)})`;
  });
  console.log(`${name}${tiles ? ', grid 2x3' : ''}: ${shown.join(' · ')}`);
}

function pick(thumbnails, images) {
  const chosen = new Float32Array(images.length * THUMBNAIL_LENGTH);
  images.forEach((image, i) =>
    chosen.set(
      thumbnails.subarray(image * THUMBNAIL_LENGTH, (image + 1) * THUMBNAIL_LENGTH),
      i * THUMBNAIL_LENGTH,
    ),
  );
  return chosen;
}

function withThumbnails(set) {
  const area = set.greySide ** 2;
  const thumbnails = new Float32Array(set.names.length * THUMBNAIL_LENGTH);
  set.names.forEach((_, i) =>
    thumbnails.set(
      thumbnailOf({
        data: Uint8Array.from(set.greys.subarray(i * area, (i + 1) * area)),
        widthPx: set.greySide,
        heightPx: set.greySide,
        channels: 1,
      }),
      i * THUMBNAIL_LENGTH,
    ),
  );
  return { ...set, thumbnails };
}

const both = values.tiles ? [false, true] : [false];
if (only.includes('coco') || only.includes('plain')) {
  const files = imageFiles(values.images || join(sharedDir, 'data/coco128/images'));
  const set = withThumbnails(await photoRows('coco-variants', files, VARIANTS));
  set.names = set.names.map((name, i) => name.replace(/\.\w+$/, `-v${i % VARIANTS.length}$&`));
  for (const tiles of both)
    if (only.includes('coco')) await trial('coco128 with variants', set, set.photo, tiles);
  // Without variants: their images are nobody's.
  const plain = range(set.names.length).filter((i) => i % VARIANTS.length === 0);
  const single = {
    names: plain.map((i) => set.names[i]),
    photo: range(plain.length),
    whole: selectRows(set.whole, plain),
    tiles: selectRows(
      set.tiles,
      plain.flatMap((i) => range(6).map((t) => i * 6 + t)),
    ),
    tileImage: plain.flatMap((_, i) => Array(6).fill(i)),
    thumbnails: pick(set.thumbnails, plain),
  };
  for (const tiles of both) if (only.includes('plain')) await trial('coco128', single, single.photo, tiles);
}
if (only.includes('camvid')) {
  const set = withThumbnails(await photoRows('camvid', imageFiles(join(sharedDir, 'data/camvid/frames'))));
  const sequence = set.names.map((name) => name.split('_')[0]);
  for (const length of values.blocks.split(',').map(Number)) {
    let block = -1;
    const blocks = set.names.map((_, i) => {
      const place = sequence.slice(0, i).filter((other) => other === sequence[i]).length;
      if (place % length === 0) block++;
      return block;
    });
    for (const tiles of both) await trial(`camvid, blocks of ${length}`, set, blocks, tiles);
  }
}
if (only.includes('mvtec')) {
  const folder = join(sharedDir, 'data/mvtec-vit-embeddings');
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.features.npy'))) {
    const x = readNpy(join(folder, file));
    const { data } = readNpy(join(folder, file.replace('features', 'labels')));
    const normal = range(x.rows).filter((row) => Number(data[row]) === 0);
    await trial(file.split('.')[0], { whole: selectRows(x, normal) }, range(normal.length), false);
  }
}
