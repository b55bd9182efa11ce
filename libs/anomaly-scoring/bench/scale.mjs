#!/usr/bin/env node
/**
 * Time and memory of streaming fits and scores up to a million rows of 512 columns; the rows are made on the way
 * and never held:
 *   node libs/anomaly-scoring/bench/scale.mjs [rows…, default 62500 250000 1000000]
 * Prints processor seconds of all threads per 100,000 rows (flat = linear growth) and the peak resident memory.
 */
import { MahalanobisScorer } from '@hazure/anomaly-scoring';
import { fitIsolationForestStream } from '@hazure/isolation-forest';
import { Random } from '@hazure/numerics';
import { timed } from './lib.mjs';

const COLS = 512;
const BLOCK = 8192;
const pool = new Float32Array(4 * BLOCK * COLS);
const random = new Random(1);
for (let i = 0; i < pool.length; i++) pool[i] = random.next() + random.next() + random.next() - 1.5;

/** Blocks of a repeating pool, shifted so that no two blocks are alike. */
const rowsOf = (rows) => ({
  rows,
  cols: COLS,
  *blocks() {
    for (let first = 0, n = 0; first < rows; first += BLOCK, n++) {
      const count = Math.min(BLOCK, rows - first);
      const from = ((n * 4099) % (3 * BLOCK)) * COLS;
      yield { data: pool.subarray(from, from + count * COLS), rows: count, cols: COLS };
    }
  },
});

async function scoreAll(stream, score) {
  let sum = 0;
  for (const block of stream.blocks()) for (const value of await score(block)) sum += value;
  if (!Number.isFinite(sum)) throw new Error('scores must be finite');
}

const sizes = process.argv.slice(2).map(Number);
for (const rows of sizes.length > 0 ? sizes : [62_500, 250_000, 1_000_000]) {
  const stream = rowsOf(rows);
  const report = (what, { cpu, wall }) =>
    console.log(
      `${String(rows).padStart(8)} rows  ${what.padEnd(18)} ${((cpu / rows) * 1e5).toFixed(3)} s/100k` +
        `  (wall ${wall.toFixed(1)} s, peak ${Math.round(process.resourceUsage().maxRSS / 1024)} MB)`,
    );
  const [fitForest, forest] = await timed(() => fitIsolationForestStream(stream, { contamination: 'auto' }));
  report('iforest fit', fitForest);
  report(
    'iforest score',
    (await timed(() => scoreAll(stream, (block) => forest.scoreSamplesParallel(block))))[0],
  );
  const [fitGaussian, gaussian] = await timed(() => new MahalanobisScorer().fit(stream));
  report('mahalanobis fit', fitGaussian);
  report('mahalanobis score', (await timed(() => scoreAll(stream, (block) => gaussian.score(block))))[0]);
}
