#!/usr/bin/env node
/**
 * Microseconds a row to score by the local outlier factor beside nearest neighbours, in WebAssembly and by the native
 * engine, alternating, best of REPEATS, wall / processor time of all threads (two):
 *   node libs/anomaly-scoring/bench/lof-speed.mjs [repeats, default 3]
 * Needs built rooms and the addon.
 */
import { createScorer } from '@hazure/anomaly-scoring';
import { Random } from '@hazure/numerics';
import { timed } from './lib.mjs';

const [repeats = '3'] = process.argv.slice(2);
const engine = new URL('../../native-engine/dist/index.js', import.meta.url).href;
const accelerator = (await import(engine)).nativeAccelerator();
const normals = (rows, cols, seed) => {
  const random = new Random(seed);
  return { data: Float32Array.from({ length: rows * cols }, () => random.nextNormal()), rows, cols };
};
for (const [rows, cols, queries] of [
  [10_000, 512, 4000],
  [300, 1280, 4000],
]) {
  const [train, test] = [normals(rows, cols, 1), normals(queries, cols, 2)];
  const cases = {};
  for (const name of ['knn', 'lof', 'ensemble']) {
    cases[`${name} wasm`] = await createScorer(name, { threads: 2 }).fit(train);
    cases[`${name} native`] = await createScorer(name, { threads: 2, accelerator }).fit(train);
  }
  const best = {};
  for (let repeat = 0; repeat < Number(repeats); repeat++) {
    for (const [name, fitted] of Object.entries(cases)) {
      const [{ wall, cpu }] = await timed(() => fitted.score(test));
      best[name] = {
        wall: Math.min(wall, best[name]?.wall ?? 1e9),
        cpu: Math.min(cpu, best[name]?.cpu ?? 1e9),
      };
    }
  }
  for (const [name, { wall, cpu }] of Object.entries(best)) {
    const perRow = (seconds) => ((seconds * 1e6) / queries).toFixed(1);
    console.log(`${rows} × ${cols}  ${name.padEnd(16)} ${perRow(wall)} / ${perRow(cpu)} µs a row`);
  }
}
