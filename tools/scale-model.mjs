#!/usr/bin/env node
/**
 * What bounds a run on many machines, from measured rates: `node tools/scale-model.mjs --bench bench.json --images 1e7`.
 *
 * `bench.json` is what `hazure bench --json` prints; `--set name=value` gives or overrules a number. Rates that neither
 * tells are the defaults below, each marked as assumed in the output.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    bench: { type: 'string' },
    images: { type: 'string', default: '1e7' },
    'objects-per-image': { type: 'string', default: '10' },
    machines: { type: 'string', default: '1,2,4,8,16,32,64,100' },
    set: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
  },
});

/** Per machine unless said otherwise; seconds, bytes, items a second. */
const ASSUMED = {
  /** Images a second through detector and embedder. */
  inferImagesPerSecond: 250,
  decodeImagesPerSecondPerCore: 90,
  coresPerMachine: 16,
  imageBytes: 300_000,
  /** Of the shared storage, all machines together. */
  storageBytesPerSecond: 5e9,
  /** Entries of a listing, which every part makes. */
  listEntriesPerSecond: 100_000,
  startSeconds: 10,
  /** The one machine that merges. */
  mergeObjectsPerSecond: 20_000,
  fitSeconds: 120,
  mapSeconds: 300,
  bytesPerObject: 2_000 + 512 * 4,
  bytesInMemoryPerObject: 60,
};

const rates = { ...ASSUMED };
const measured = new Set();
const take = (name, value) => {
  if (!(name in ASSUMED))
    throw new Error(`there is no rate ${name}; there are ${Object.keys(ASSUMED).join(', ')}`);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`${name} needs a number above 0, not ${value}`);
  rates[name] = value;
  measured.add(name);
};
if (values.bench) {
  const bench = JSON.parse(readFileSync(values.bench, 'utf8'));
  const rate = bench.endToEnd?.imagesPerSecond;
  if (rate === undefined) throw new Error(`${values.bench} tells no imagesPerSecond of the whole pipeline`);
  take('inferImagesPerSecond', rate);
}
for (const text of values.set) {
  const [name, value] = text.split('=');
  take(name, Number(value));
}

const images = Number(values.images);
const objects = images * Number(values['objects-per-image']);

/** Times of one run on so many machines. */
function simulate(machines) {
  const perMachine = images / machines;
  const stages = {
    inference: perMachine / rates.inferImagesPerSecond,
    decoding: perMachine / (rates.decodeImagesPerSecondPerCore * rates.coresPerMachine),
    storage: (images * rates.imageBytes) / rates.storageBytesPerSecond,
  };
  // stages of a part work at the same time, so the slowest bounds it
  const [bound, streaming] = Object.entries(stages).reduce((most, each) => (each[1] > most[1] ? each : most));
  const fixed = rates.startSeconds + images / rates.listEntriesPerSecond;
  // scoring and writing pass over the pieces twice
  const merge = (2 * objects) / rates.mergeObjectsPerSecond;
  const serial = fixed + merge + rates.fitSeconds + rates.mapSeconds;
  const total = streaming + serial;
  const first = serial > streaming ? (merge > serial / 2 ? 'merge' : 'listing, fit and map') : bound;
  return {
    machines,
    streaming,
    fixed,
    merge,
    fit: rates.fitSeconds,
    map: rates.mapSeconds,
    total,
    bound: first,
  };
}

const results = values.machines.split(',').map((text) => simulate(Number(text)));
const mergeBytes = { disk: objects * rates.bytesPerObject, memory: objects * rates.bytesInMemoryPerObject };
const assumed = Object.keys(ASSUMED).filter((name) => !measured.has(name));
if (values.json)
  console.log(JSON.stringify({ images, objects, rates, assumed, results, mergeBytes }, null, 2));
else {
  const time = (seconds) => `${(seconds / 3600).toFixed(2)} h`;
  console.log('machines  parts     merge     total     speed-up  bound by');
  for (const { machines, streaming, fixed, merge, total, bound } of results) {
    const columns = [
      `${machines}`,
      time(streaming + fixed),
      time(merge),
      time(total),
      `${(results[0].total / total).toFixed(1)}×`,
    ];
    console.log([...columns.map((text) => text.padEnd(8)), bound].join('  '));
  }
  const giga = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`;
  console.log(
    `\nmerge of ${objects} objects: ${giga(mergeBytes.disk)} of pieces, ${giga(mergeBytes.memory)} in memory`,
  );
  console.log(`assumed, not measured: ${assumed.join(', ')}`);
}
