#!/usr/bin/env node
/**
 * Time and memory of finding groups, and how many planted near-duplicates are found:
 *   node libs/anomaly-scoring/bench/group-speed.mjs [rows, default 1000000] [columns, default 512] [threads, default 2]
 * Rows lie about 200 centres with noise; every tenth row has a near-duplicate
 * (cosine about the mean about 0.9) elsewhere. Build first.
 */
import { findGroups } from '@hazure/anomaly-scoring';
import { Random } from '@hazure/numerics';

const [rows = 1_000_000, cols = 512, threads = 2] = process.argv.slice(2).map(Number);
const random = new Random(1);
const CENTRES = 200;
const table = Float32Array.from({ length: 1 << 20 }, () => random.nextNormal());
const centres = Float32Array.from({ length: CENTRES * cols }, () => random.nextNormal());
const data = new Float32Array(new SharedArrayBuffer(4 * rows * cols));
const copyOf = new Int32Array(rows).fill(-1);
const noise = () => random.nextInt(table.length - cols);
for (let row = 0; row < rows; row++) {
  const at = row * cols;
  const copied = row >= 20 && row % 10 === 0 ? random.nextInt(row) : -1;
  copyOf[row] = copied;
  const [shift, centre] = [noise(), random.nextInt(CENTRES) * cols];
  for (let j = 0; j < cols; j++) {
    data[at + j] =
      copied >= 0 ? data[copied * cols + j] + 0.5 * table[shift + j] : centres[centre + j] + table[shift + j];
  }
}
const cpu = process.cpuUsage();
const start = performance.now();
const { groupOf, report } = await findGroups({ features: { data, rows, cols }, threads });
const wall = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpu);
let [planted, found] = [0, 0];
copyOf.forEach((other, row) => {
  if (other < 0) return;
  planted++;
  if (groupOf[row] === groupOf[other]) found++;
});
console.log(
  `${rows} × ${cols}: ${wall.toFixed(1)} s wall, ${((user + system) / 1e6).toFixed(1)} s processor, ` +
    `peak ${(process.resourceUsage().maxRSS / 1e6).toFixed(2)} GB; ${found} of ${planted} near-duplicates found; ` +
    `${report.groups} groups, largest ${report.largestGroup}, tightened ${report.duplicates.tightened}`,
);
