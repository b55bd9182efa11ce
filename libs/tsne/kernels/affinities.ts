// Row-wise Gaussian affinities at a given perplexity (van der Maaten & Hinton 2008, section 2).
import { expNegative, sumLanes } from './vectors';

const TOLERANCE: f32 = 1e-5;
const MAX_STEPS: i32 = 100;

/**
 * Overwrites the squared distances of rows [from, to) (k of every `stride`, ascending) by p(j|i) ∝ exp(−β d²),
 * β such that the entropy is `logPerplexity` nats. `scratch`: k + 3 floats, of this thread alone.
 */
export function conditionalAffinities(
  rows: usize,
  stride: i32,
  k: i32,
  from: i32,
  to: i32,
  logPerplexity: f32,
  scratch: usize,
): void {
  const quads = <usize>((k + 3) >> 2) << 4;
  for (let i = from; i < to; i++) {
    const row = rows + (<usize>i * stride << 2);
    const nearest = load<f32>(row);
    let total: f32 = 0;
    for (let s = 0; s < k; s++) {
      const d = load<f32>(row + (<usize>s << 2)) - nearest;
      store<f32>(scratch + (<usize>s << 2), d);
      total += d;
    }
    // Past the end: so far away that the exponential vanishes.
    for (let s = k; s < <i32>(quads >> 2); s++) store<f32>(scratch + (<usize>s << 2), f32.MAX_VALUE);
    let beta: f32 = total > 0 ? <f32>k / total : 1;
    let low: f32 = 0;
    let high: f32 = f32.MAX_VALUE;
    let sum: f32 = 1;
    for (let step = 0; step < MAX_STEPS; step++) {
      const minusBeta = f32x4.splat(-beta);
      let sums = f32x4.splat(0);
      let weighted = sums;
      for (let at: usize = 0; at < quads; at += 16) {
        const d = v128.load(scratch + at);
        // The product with a padded MAX_VALUE may be −∞; then p is 0 and so must be p d: clamp d.
        const p = expNegative(f32x4.mul(d, minusBeta));
        sums = f32x4.add(sums, p);
        weighted = f32x4.add(weighted, f32x4.mul(p, f32x4.min(d, f32x4.splat(1e30))));
      }
      sum = sumLanes(sums);
      const entropy = <f32>Math.log(sum) + (beta * sumLanes(weighted)) / sum;
      const excess = entropy - logPerplexity;
      if (abs(excess) < TOLERANCE) break;
      if (excess > 0) {
        low = beta;
        beta = high == f32.MAX_VALUE ? beta * 2 : (low + high) * 0.5;
      } else {
        high = beta;
        beta = (low + high) * 0.5;
      }
      // More than `perplexity` equal nearest distances: the target is out of reach, the limit is uniform.
      if (beta > 1e30 || beta < 1e-30) break;
    }
    const minusBeta = f32x4.splat(-beta);
    const scale = f32x4.splat(1 / sum);
    for (let at: usize = 0; at < quads; at += 16) {
      const p = f32x4.mul(expNegative(f32x4.mul(v128.load(scratch + at), minusBeta)), scale);
      v128.store(scratch + at, p);
    }
    memory.copy(row, scratch, <usize>k << 2);
  }
}
