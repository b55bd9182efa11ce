/** Bins on each side of zero. With 256 levels over one side of the range, at least 16 bins fall to a level. */
const HALF = 8192;

/** Values of one array that are counted, about. */
const COUNTED = 1 << 16;

/**
 * Counts of values in bins of equal width around zero, filled as a stream: the range doubles, and neighbouring bins are
 * joined, whenever a value lies outside. Memory does not grow with the values seen; minimum and maximum are exact.
 */
export class Histogram {
  readonly counts = new Float64Array(2 * HALF);
  #limit = 0;
  min = Infinity;
  max = -Infinity;
  /** Finite values counted. */
  total = 0;
  /** NaN and infinities, which are not counted. */
  notFinite = 0;

  /**
   * @param values all of them give minimum and maximum; the counts take every so many of long arrays, in an odd stride so
   *   that no column of a picture is left out
   */
  add(values: Float32Array): void {
    let low = Infinity;
    let high = -Infinity;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (low === -Infinity || high === Infinity) [low, high] = finiteExtremes(values);
    if (low > high) {
      this.notFinite += values.length;
      return;
    }
    if (low < this.min) this.min = low;
    if (high > this.max) this.max = high;
    this.#cover(Math.max(-low, high));
    this.#count(values);
  }

  #count(values: Float32Array): void {
    const { counts } = this;
    const scale = this.#limit === 0 ? 0 : HALF / this.#limit;
    const stride = Math.ceil(values.length / COUNTED) | 1;
    let counted = 0;
    let lost = 0;
    for (let i = 0; i < values.length; i += stride) {
      const place = values[i]! * scale + HALF;
      // false for NaN and the infinities
      if (place >= 0 && place <= 2 * HALF) {
        const bin = place | 0;
        counts[bin === 2 * HALF ? bin - 1 : bin]!++;
        counted++;
      } else lost++;
    }
    this.notFinite += lost;
    this.total += counted;
  }

  /** Centre of a bin. */
  centre(bin: number): number {
    return ((bin - HALF + 0.5) * this.#limit) / HALF;
  }

  /** Centres and counts of the bins that hold something, in order; neighbours are joined until at most `most` are left. */
  filled(most = Infinity): { readonly values: Float64Array; readonly counts: Float64Array } {
    const bins: number[] = [];
    for (let bin = 0; bin < this.counts.length; bin++) if (this.counts[bin]! > 0) bins.push(bin);
    const step = Math.max(1, Math.ceil(bins.length / most));
    const points = Math.ceil(bins.length / step);
    const values = new Float64Array(points);
    const counts = new Float64Array(points);
    for (let i = 0; i < points; i++) {
      let sum = 0;
      for (const bin of bins.slice(i * step, (i + 1) * step)) {
        counts[i]! += this.counts[bin]!;
        sum += this.counts[bin]! * this.centre(bin);
      }
      // a centre may lie outside of what was seen
      values[i] = Math.min(Math.max(sum / counts[i]!, this.min), this.max);
    }
    return { values, counts };
  }

  /** Value below which the share `q` of all lies, to the width of a bin. */
  quantile(q: number): number {
    const { values, counts } = this.filled();
    const wanted = q * this.total;
    let seen = 0;
    for (let i = 0; i < values.length; i++) {
      seen += counts[i]!;
      if (seen >= wanted) return values[i]!;
    }
    return this.max;
  }

  /** Adds what another one has counted. */
  merge(other: Histogram): void {
    if (other.total === 0) return;
    this.#cover(other.#limit);
    const ratio = this.#limit === 0 ? 1 : other.#limit / this.#limit;
    for (let bin = 0; bin < other.counts.length; bin++) {
      const count = other.counts[bin]!;
      if (count === 0) continue;
      this.counts[Math.floor((bin - HALF + 0.5) * ratio) + HALF]! += count;
    }
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    this.total += other.total;
    this.notFinite += other.notFinite;
  }

  /** Doubles the range until it holds ±`reach`. Limits are powers of two, so that any two histograms fit each other. */
  #cover(reach: number): void {
    if (reach <= this.#limit) return;
    const limit = 2 ** Math.ceil(Math.log2(reach));
    if (this.#limit > 0) this.#widen(limit / this.#limit);
    this.#limit = limit;
  }

  /** Joins so many neighbouring bins into one. */
  #widen(ratio: number): void {
    const old = this.counts.slice();
    this.counts.fill(0);
    for (let bin = 0; bin < old.length; bin++) {
      if (old[bin]! > 0) this.counts[Math.floor((bin - HALF) / ratio) + HALF]! += old[bin]!;
    }
  }
}

function finiteExtremes(values: Float32Array): [low: number, high: number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}
