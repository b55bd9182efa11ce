#!/usr/bin/env node
/**
 * Do points placed by `transform` land among their class? A fifth of the rows is held out; for each perplexity
 * the share of a placed point's 10 nearest map points of its own class is set beside the same share in a joint
 * run of all rows, and the overlap of the two neighbourhoods with the one in the data is printed.
 *   node libs/tsne/bench/placement.mjs clusters:5000x50 | A.npy+B.npy
 */
import { Random } from '@hazure/numerics';
import { transform, tsne } from '../dist/index.js';
import { pick, readMatrix } from './data.mjs';

const K = 10;
const source = process.argv[2] ?? 'clusters:5000x50';
const all = readMatrix(source);
const order = new Random(7).shuffle(Int32Array.from({ length: all.rows }, (_, i) => i));
const held = Array.from(order.subarray(0, Math.floor(all.rows / 5)));
const kept = Array.from(order.subarray(held.length));
const base = pick(all, kept);
const fresh = pick(all, held);

/** The K nearest of `base` points for each of `queries`. */
function nearest(queries, points, cols) {
  return Array.from({ length: queries.length / cols }, (_, i) => {
    const distances = Float64Array.from({ length: points.length / cols }, (_, j) => {
      let sum = 0;
      for (let c = 0; c < cols; c++) sum += (queries[i * cols + c] - points[j * cols + c]) ** 2;
      return sum;
    });
    return Array.from(distances.keys())
      .sort((a, b) => distances[a] - distances[b])
      .slice(0, K);
  });
}
const truth = nearest(fresh.data, base.data, all.cols);
function score(y, yBase) {
  const found = nearest(y, yBase, 2);
  let sameClass = 0;
  let overlap = 0;
  found.forEach((list, i) => {
    const real = new Set(truth[i]);
    for (const j of list) {
      if (base.labels[j] === fresh.labels[i]) sameClass++;
      if (real.has(j)) overlap++;
    }
  });
  return { sameClass: sameClass / (found.length * K), neighboursKept: overlap / (found.length * K) };
}

const rows = [];
const joint = await tsne(all);
const at = (indices) => Float32Array.from(indices.flatMap((row) => [joint.y[2 * row], joint.y[2 * row + 1]]));
rows.push({ who: 'joint run', ...score(at(held), at(kept)), seconds: joint.seconds });
const map = await tsne(base);
for (const perplexity of [2, 5, 10, 30]) {
  for (const iterations of [0, 25, 100, 400]) {
    const placed = await transform({ x: base, y: map.y }, fresh, { perplexity, iterations });
    rows.push({
      who: `perplexity ${perplexity}, ${iterations} steps`,
      ...score(placed.y, map.y),
      seconds: placed.seconds,
    });
  }
}
console.log(`${source}: ${held.length} of ${all.rows} rows placed on the map of the others`);
console.table(rows);
