#!/usr/bin/env node
/**
 * What learning a baseline costs: all scorers fitted and cross-calibrated in ten folds, beside scikit-learn doing
 * the same, alternating; best of the repeats, wall time and processor time of all threads:
 *   node libs/anomaly-scoring/bench/compare-learn.mjs [repeats, default 2] [ROWSxCOLUMNS…, default 552x1280 3000x512]
 * Jobs: `gaussians` (the ensemble's two Ledoit–Wolf Mahalanobis scorers), `all` (these, kNN and isolation forest).
 * Both may use two cores. Also checks that held-out distances have the same quantiles within a few percent: folds
 * are dealt differently. Needs built rooms; without a Python that has scikit-learn (PYTHON) only hazure is timed.
 */
import { spawnSync } from 'node:child_process';
import { fitBaseline } from '@hazure/anomaly-scoring';
import { Random } from '@hazure/numerics';
import { python, timed } from './lib.mjs';

const [repeats = '2', ...shapes] = process.argv.slice(2);
const threads = 2;
process.env.OMP_NUM_THREADS = process.env.OPENBLAS_NUM_THREADS = String(threads);
const hasReference =
  spawnSync(process.env.PYTHON ?? 'python3', ['-c', 'import sklearn'], { stdio: 'ignore' }).status === 0;
if (!hasReference) console.log('no Python with scikit-learn (set PYTHON): hazure alone');

/** Rows with a few dozen strong directions and noise in all, as embeddings have. */
function embeddings(rows, cols) {
  const random = new Random(3);
  const directions = Float64Array.from({ length: 40 * cols }, () => random.nextNormal());
  const data = new Float32Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    const row = data.subarray(i * cols, (i + 1) * cols);
    for (let j = 0; j < cols; j++) row[j] = 1 + 0.3 * random.nextNormal();
    for (let k = 0; k < 40; k++) {
      const weight = random.nextNormal() / (1 + k);
      for (let j = 0; j < cols; j++) row[j] += weight * directions[k * cols + j];
    }
  }
  return { data, rows, cols };
}

const jobs = {
  // The baseline always holds a forest: here one of a single tree.
  gaussians: { scorers: ['ensemble', 'mahalanobis'], scorerOptions: { threads, iforest: { trees: 1 } } },
  all: { scorerOptions: { threads } },
};

for (const shape of shapes.length > 0 ? shapes : ['552x1280', '3000x512']) {
  const [rows, cols] = shape.split('x').map(Number);
  const features = embeddings(rows, cols);
  const input = Buffer.from(features.data.buffer);
  for (const [name, options] of Object.entries(jobs)) {
    const best = {};
    const keep = (who, times) => {
      for (const [kind, time] of Object.entries(times)) {
        best[kind] ??= {};
        best[kind][who] = Math.min(best[kind][who] ?? Infinity, time);
      }
    };
    let apart = NaN;
    for (let repeat = 0; repeat < Number(repeats); repeat++) {
      const [time, baseline] = await timed(() => fitBaseline({ features, calibration: 'cross', ...options }));
      keep('hazure', time);
      if (!hasReference) continue;
      const reference = python('learn_reference.py', [name, rows, cols], input);
      keep('sklearn', reference.time);
      const { heldOut } = baseline.scorers.get('mahalanobis').calibration;
      const quantiles = [0.1, 0.5, 0.9].map((share) => heldOut[Math.round(share * (heldOut.length - 1))]);
      apart = Math.max(...quantiles.map((value, i) => Math.abs(value / reference.quantiles[i] - 1)));
      if (apart > 0.05)
        throw new Error(`${shape}: held-out distances differ from scikit-learn's by ${apart}`);
    }
    for (const [kind, { hazure, sklearn }] of Object.entries(best)) {
      const beside = sklearn
        ? `, scikit-learn ${sklearn.toFixed(2)} s, ${(sklearn / hazure).toFixed(1)} × as fast`
        : '';
      console.log(`${shape} ${name} ${kind}: hazure ${hazure.toFixed(2)} s${beside}`);
    }
    if (hasReference)
      console.log(`  held-out quantiles within ${(100 * apart).toFixed(2)}% of scikit-learn's`);
  }
}
