#!/usr/bin/env node
/**
 * The measured table behind `method: 'auto'` and `neighbours: 'auto'` (EXACT_UP_TO in libs/tsne/src/tsne.ts and
 * neighbours.ts): processor seconds of one thread, best of `repeats`, so that a busy machine does not matter.
 *   node libs/tsne/bench/calibrate.mjs [--repeats 2]
 */
import { parseArgs } from 'node:util';
import { tsne } from '../dist/index.js';
import { readMatrix } from './data.mjs';

const { values } = parseArgs({ options: { repeats: { type: 'string', default: '2' } } });

async function cpuSeconds(x, options) {
  let best = Infinity;
  for (let repeat = 0; repeat < Number(values.repeats); repeat++) {
    const started = process.cpuUsage();
    await tsne(x, { threads: 1, ...options });
    const { user, system } = process.cpuUsage(started);
    best = Math.min(best, (user + system) / 1e6);
  }
  return Number(best.toFixed(2));
}

const methods = [];
for (const n of [250, 500, 750, 1000, 2000]) {
  const x = readMatrix(`clusters:${n}x50`);
  const row = { n };
  for (const method of ['exact', 'barnes-hut', 'fft']) row[method] = await cpuSeconds(x, { method });
  methods.push(row);
}
console.log('Whole run, 1000 iterations, 50 columns, by repulsion:');
console.table(methods);

const searches = [];
for (const shape of ['2000x512', '5000x512', '10000x512', '5000x50', '10000x50', '20000x50']) {
  for (const kind of [`clusters:${shape}`, `clusters:${shape}x20x2`, `sheets:${shape}`]) {
    const x = readMatrix(kind);
    const row = { data: kind };
    for (const neighbours of ['exact', 'approximate']) {
      row[neighbours] = await cpuSeconds(x, { neighbours, iterations: 0 });
    }
    searches.push(row);
  }
}
console.log('No iterations, by neighbour search:');
console.table(searches);
