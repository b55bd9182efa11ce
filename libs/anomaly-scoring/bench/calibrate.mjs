#!/usr/bin/env node
/**
 * Milliseconds of a Cholesky factorisation by how many columns are factored at a time; best of 8, alternating:
 *   node libs/anomaly-scoring/bench/calibrate.mjs [columns…, default 250 500 1280]
 * The fastest over these sizes is the default of `factorTall`. Needs built rooms.
 */
import { factorTall, gramMatrix, Random } from '@hazure/numerics';

const WIDTHS = [32, 48, 64, 96, 128];
const sizes = process.argv.slice(2).map(Number);
console.log('columns'.padEnd(8), ...WIDTHS.map((width) => String(width).padStart(8)));
for (const n of sizes.length > 0 ? sizes : [250, 500, 1280]) {
  const random = new Random(1);
  const data = Float32Array.from({ length: n * n }, () => random.nextNormal());
  const matrix = gramMatrix({ data, rows: n, cols: n }, new Float64Array(n));
  for (let i = 0; i < n; i++) matrix[i * (n + 1)] += 1;
  const best = new Map();
  for (let repeat = 0; repeat < 8; repeat++) {
    for (const blockColumns of WIDTHS) {
      const copy = matrix.slice();
      const start = performance.now();
      factorTall(copy, n, n, { blockColumns });
      best.set(blockColumns, Math.min(best.get(blockColumns) ?? Infinity, performance.now() - start));
    }
  }
  console.log(String(n).padEnd(8), ...WIDTHS.map((width) => best.get(width).toFixed(2).padStart(8)));
}
