export interface HistogramSeries {
  readonly name: string;
  readonly scores: ArrayLike<number>;
}

export interface Histogram {
  /** `bins + 1` ascending edges. */
  readonly edges: Float64Array;
  /** Per series: the share (0…1) of its finite scores in each bin. */
  readonly shares: readonly Float64Array[];
  /** Per series: how many finite scores were counted. */
  readonly counts: readonly number[];
  /** Scores beyond the last edge are counted in the last bin; true when there are any. */
  readonly overflow: boolean;
}

/**
 * Bins one or more sets of scores on common edges. A long upper tail is cut, at six times the distance between
 * median and 95th percentile above the median, so that a single extreme outlier does not squeeze the rest into one
 * bin; what lies beyond is counted in the last bin.
 *
 * @param include values that must lie inside the range, such as a threshold
 * @returns null when no score is finite
 */
export function binScores(
  series: readonly HistogramSeries[],
  bins = 60,
  include: readonly number[] = [],
): Histogram | null {
  const finite = series.map(({ scores }) => Float64Array.from(scores).filter(Number.isFinite).sort());
  const all = finite.filter((sorted) => sorted.length > 0);
  if (all.length === 0) return null;
  const inside = include.filter(Number.isFinite);
  const low = Math.min(...all.map((sorted) => sorted[0]), ...inside);
  const top = Math.max(...all.map((sorted) => sorted[sorted.length - 1]));
  const cut = Math.max(...all.map(tailCut), ...inside.map((value) => low + (value - low) * 1.25));
  const overflow = top > cut;
  const high = overflow ? cut : Math.max(top, ...inside);
  const span = high > low ? high - low : 1;
  const last = high > low ? high : low + 1;
  const edges = Float64Array.from({ length: bins + 1 }, (_, i) =>
    i === bins ? last : low + (span * i) / bins,
  );
  const shares = finite.map((sorted) => {
    const share = new Float64Array(bins);
    for (const score of sorted)
      share[Math.min(bins - 1, Math.floor(((score - low) / span) * bins))] += 1 / sorted.length;
    return share;
  });
  return { edges, shares, counts: finite.map((sorted) => sorted.length), overflow };
}

function tailCut(sorted: Float64Array): number {
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  const median = at(0.5);
  const spread = at(0.95) - median;
  return spread > 0 ? median + 6 * spread : sorted[sorted.length - 1];
}
