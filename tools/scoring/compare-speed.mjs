#!/usr/bin/env node
/**
 * Times hazure's scorers and scikit-learn's side by side, alternating, and prints the ratio of the best times:
 *   node tools/scoring/compare-speed.mjs [repeats, default 3]
 * Both may use two cores. Needs built rooms and a Python with scikit-learn (PYTHON).
 */
import { MahalanobisScorer, nearestNeighbours } from '@hazure/anomaly-scoring';
import { fitIsolationForest } from '@hazure/isolation-forest';
import { Random } from '@hazure/numerics';
import { python, seconds } from './lib.mjs';

const repeats = Number(process.argv[2] ?? 3);
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

const search = async () => ({ search: (await seconds(() => nearestNeighbours(small, others, 5, { threads })))[0] });
const jobs = {
  iforest: async () => {
    const [fit, forest] = await seconds(() => fitIsolationForest(large, { contamination: 'auto' }));
    const [score] = await seconds(() => forest.scoreSamplesParallel(large, { threads }));
    return { fit, score };
  },
  mahalanobis: async () => {
    const [fit, fitted] = await seconds(() => new MahalanobisScorer({ threads }).fit(large));
    const [score] = await seconds(() => fitted.score(large));
    return { fit, score };
  },
  'knn-cosine': search,
  'knn-euclidean': search,
};

for (const [name, job] of Object.entries(jobs)) {
  const best = {};
  for (let repeat = 0; repeat < repeats; repeat++) {
    const pair = { hazure: await job(), sklearn: python('speed_reference.py', [name]) };
    for (const [who, times] of Object.entries(pair)) {
      for (const [part, time] of Object.entries(times)) {
        best[part] ??= {};
        best[part][who] = Math.min(best[part][who] ?? Infinity, time);
      }
    }
  }
  for (const [part, { hazure, sklearn }] of Object.entries(best)) {
    const ratio = (sklearn / hazure).toFixed(2);
    console.log(`${name} ${part}: scikit-learn ${sklearn.toFixed(3)} s, hazure ${hazure.toFixed(3)} s, ${ratio} × as fast`);
  }
}
