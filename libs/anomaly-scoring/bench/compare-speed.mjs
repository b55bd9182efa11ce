#!/usr/bin/env node
/**
 * Times hazure's scorers and scikit-learn's side by side, alternating, and prints the ratio of the best times, in
 * wall time and in processor time of all threads (the fairer one on a busy machine):
 *   node libs/anomaly-scoring/bench/compare-speed.mjs [repeats, default 3] [job…]
 * Jobs: iforest, mahalanobis, knn-cosine, knn-euclidean. Both may use two cores. With NATIVE=1 matrix
 * work goes to the native engine, as in the product; else everything is WebAssembly. Needs built rooms and a Python
 * with scikit-learn (PYTHON).
 */
import { MahalanobisScorer, nearestNeighbours } from '@hazure/anomaly-scoring';
import { fitIsolationForest } from '@hazure/isolation-forest';
import { Random } from '@hazure/numerics';
import { python, timed } from './lib.mjs';

const engine = new URL('../../native-engine/dist/index.js', import.meta.url).href;
const accelerator = process.env.NATIVE === '1' ? (await import(engine)).nativeAccelerator() : undefined;
const compute = { threads: 2, ...(accelerator ? { accelerator } : {}) };
const [repeats = '3', ...wanted] = process.argv.slice(2);
const threads = 2;
process.env.OMP_NUM_THREADS = process.env.OPENBLAS_NUM_THREADS = String(threads);

function normals(rows, cols) {
  const random = new Random(1);
  const data = new Float32Array(rows * cols);
  for (let i = 0; i < data.length; i++) data[i] = random.next() + random.next() + random.next() - 1.5;
  return { data, rows, cols };
}
const large = normals(100_000, 512);
const small = normals(10_000, 512);
const others = { ...small, data: small.data.slice().reverse() };

const search = async () => ({
  search: (await timed(() => nearestNeighbours(small, others, 5, compute)))[0],
});
const jobs = {
  iforest: async () => {
    const [fit, forest] = await timed(() => fitIsolationForest(large, { contamination: 'auto' }));
    const [score] = await timed(() => forest.scoreSamplesParallel(large, { threads }));
    return { fit, score };
  },
  mahalanobis: async () => {
    const [fit, fitted] = await timed(() => new MahalanobisScorer(compute).fit(large));
    const [score] = await timed(() => fitted.score(large));
    return { fit, score };
  },
  'knn-cosine': search,
  'knn-euclidean': search,
};

for (const [name, job] of Object.entries(jobs)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const best = {};
  for (let repeat = 0; repeat < Number(repeats); repeat++) {
    const pair = { hazure: await job(), sklearn: python('speed_reference.py', [name]) };
    for (const [who, parts] of Object.entries(pair)) {
      for (const [part, times] of Object.entries(parts)) {
        for (const [kind, time] of Object.entries(times)) {
          const key = `${part} ${kind}`;
          best[key] ??= {};
          best[key][who] = Math.min(best[key][who] ?? Infinity, time);
        }
      }
    }
  }
  for (const [key, { hazure, sklearn }] of Object.entries(best)) {
    const ratio = (sklearn / hazure).toFixed(2);
    console.log(
      `${name} ${key}: scikit-learn ${sklearn.toFixed(3)} s, hazure ${hazure.toFixed(3)} s, ${ratio} × as fast`,
    );
  }
}
