/** Neighbours whose distances make a row's reach; any of 1…20 gives the same AUROC within 0.0003 (bench/evidence.mjs). */
export const REACH_NEIGHBOURS = 5;

/**
 * Least squared reach as a share of the mean over all rows: rows that lie in the baseline more than five times would
 * otherwise reach nowhere, and everything would be infinitely far from them.
 */
const LEAST_REACH_SHARE = 1e-6;

/**
 * Squared reach of each of n rows: the mean squared distance to its nearest others. distancesOf: squared distances
 * to others of one row, at least the nearest REACH_NEIGHBOURS (fewer where there are no more); may be reordered and
 * overwritten. Always > 0.
 */
export function reachOf(n: number, distancesOf: (row: number) => Float64Array): Float64Array {
  const reach = Float64Array.from({ length: n }, (_, row) => meanOfLeast(distancesOf(row)));
  const mean = reach.reduce((sum, value) => sum + value, 0) / n;
  // Rows that are all alike reach nowhere at all: plain distances then.
  const least = mean > 0 ? mean * LEAST_REACH_SHARE : 1;
  return reach.map((value) => Math.max(value, least));
}

function meanOfLeast(distances: Float64Array): number {
  const count = Math.min(REACH_NEIGHBOURS, distances.length);
  if (count === 0) return 0;
  const least = new Float64Array(count).fill(Infinity);
  for (const distance of distances) {
    if (distance >= least[count - 1]) continue;
    let slot = count - 1;
    for (; slot > 0 && least[slot - 1] > distance; slot--) least[slot] = least[slot - 1];
    least[slot] = distance;
  }
  return least.reduce((sum, value) => sum + value, 0) / count;
}
