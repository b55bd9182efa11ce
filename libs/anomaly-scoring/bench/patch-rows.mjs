/**
 * Feature maps of photos for `patch-evidence.mjs`: the maps that hazure finds in a network, by its own engine, as
 * float32 in blocks, with the embedding of the same images.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { channelsLast } from '@hazure/anomaly-scoring';
import { describeEmbedder, findSpatialMaps, modelFiles, withMapOutputs } from '@hazure/models';
import { loadEngine } from '@hazure/native-engine';
import sharp from 'sharp';

const BATCH = 8;

/** RGB pixels of a file. */
export async function decode(path) {
  const { data, info } = await sharp(path)
    .rotate()
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), widthPx: info.width, heightPx: info.height };
}

/** A network with its maps as outputs. */
export async function loadMapNetwork(path) {
  const described = await describeEmbedder(path);
  const maps = await findSpatialMaps(described.model.path, described.output);
  const files = await modelFiles(described.model.path);
  const cacheDir = mkdtempSync(join(tmpdir(), 'hazure-maps-'));
  const copy = await withMapOutputs({ files, sha256: described.model.sha256 }, maps, cacheDir);
  const engine = loadEngine();
  const options = { device: 'cpu', threads: 1, streams: 1 };
  const session = await engine.loadSession(copy, options);
  const plain = await engine.loadSession(described.model.path, options);
  return { maps, described, engine, session, plain };
}

/**
 * @param regions `{ image, box }`, at most a few hundred: all maps are kept
 * @returns layers by stride, channels last, one block each; rows of the embedding
 */
export async function mapsOf({ maps, described, engine, session }, regions) {
  const layers = maps.map(() => []);
  const rows = [];
  const input = session.inputs[0].name;
  for (let i = 0; i < regions.length; i += BATCH) {
    const batch = regions.slice(i, i + BATCH);
    const { data } = await engine.preprocess(batch, described.preprocess);
    const { heightPx, widthPx } = described.preprocess;
    const feeds = { [input]: { type: 'float32', dims: [batch.length, 3, heightPx, widthPx], data } };
    const outputs = await session.run(feeds);
    maps.forEach(({ tensor }, layer) => {
      const { data: values, dims } = outputs[tensor];
      layers[layer].push(
        channelsLast(values, batch.length, { channels: dims[1], height: dims[2], width: dims[3] }),
      );
    });
    rows.push(outputs[described.output].data);
  }
  return { layers: layers.map(joined), rows: concatenated(rows) };
}

function concatenated(parts) {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const joined = (blocks) => ({
  ...blocks[0],
  count: blocks.reduce((sum, { count }) => sum + count, 0),
  data: concatenated(blocks.map(({ data }) => data)),
});
