// Attraction along the affinity graph, exact repulsion, the optimiser's step, and the KL divergence.
// Map points are interleaved f32 pairs (x, y). The graph is in compressed rows whose lengths are multiples of
// 4; padding entries have affinity 0 and point at the row itself.
import { logPositive, sumLanes } from './vectors';

/** x and y of four points, gathered: lanes of `xs(...)` and `ys(...)` follow the order of the indices at `at`. */
// @ts-ignore: decorator
@inline
function gatherLow(y: usize, at: usize): v128 {
  const first = v128.load64_zero(y + (<usize>load<u32>(at) << 3));
  return v128.load64_lane(y + (<usize>load<u32>(at, 4) << 3), first, 1);
}

/** attraction[i] = Σ_j p_ij (y_i − y_j) / (1 + d²) for points [from, to). */
export function attract(
  y: usize,
  from: i32,
  to: i32,
  rowStarts: usize,
  columns: usize,
  affinities: usize,
  attraction: usize,
): void {
  const one = f32x4.splat(1);
  for (let i = from; i < to; i++) {
    const begin = <usize>load<u32>(rowStarts + (<usize>i << 2)) << 2;
    const end = <usize>load<u32>(rowStarts + (<usize>i << 2), 4) << 2;
    const x0 = f32x4.splat(load<f32>(y + (<usize>i << 3)));
    const y0 = f32x4.splat(load<f32>(y + (<usize>i << 3), 4));
    let sumX = f32x4.splat(0);
    let sumY = sumX;
    for (let at = begin; at < end; at += 16) {
      const low = gatherLow(y, columns + at);
      const high = gatherLow(y, columns + at + 8);
      const dx = f32x4.sub(x0, v128.shuffle<i32>(low, high, 0, 2, 4, 6));
      const dy = f32x4.sub(y0, v128.shuffle<i32>(low, high, 1, 3, 5, 7));
      const d = f32x4.add(f32x4.add(f32x4.mul(dx, dx), f32x4.mul(dy, dy)), one);
      const w = f32x4.div(v128.load(affinities + at), d);
      sumX = f32x4.add(sumX, f32x4.mul(w, dx));
      sumY = f32x4.add(sumY, f32x4.mul(w, dy));
    }
    store<f32>(attraction + (<usize>i << 3), sumLanes(sumX));
    store<f32>(attraction + (<usize>i << 3), sumLanes(sumY), 4);
  }
}

/** Σ_ij p_ij log(1 + d²) over rows [from, to). */
export function stretchedLength(
  y: usize,
  from: i32,
  to: i32,
  rowStarts: usize,
  columns: usize,
  affinities: usize,
): f64 {
  let total: f64 = 0;
  const one = f32x4.splat(1);
  for (let i = from; i < to; i++) {
    const begin = <usize>load<u32>(rowStarts + (<usize>i << 2)) << 2;
    const end = <usize>load<u32>(rowStarts + (<usize>i << 2), 4) << 2;
    const x0 = f32x4.splat(load<f32>(y + (<usize>i << 3)));
    const y0 = f32x4.splat(load<f32>(y + (<usize>i << 3), 4));
    let sum = f32x4.splat(0);
    for (let at = begin; at < end; at += 16) {
      const low = gatherLow(y, columns + at);
      const high = gatherLow(y, columns + at + 8);
      const dx = f32x4.sub(x0, v128.shuffle<i32>(low, high, 0, 2, 4, 6));
      const dy = f32x4.sub(y0, v128.shuffle<i32>(low, high, 1, 3, 5, 7));
      const d = f32x4.add(f32x4.add(f32x4.mul(dx, dx), f32x4.mul(dy, dy)), one);
      sum = f32x4.add(sum, f32x4.mul(v128.load(affinities + at), logPositive(d)));
    }
    total += <f64>sumLanes(sum);
  }
  return total;
}

/**
 * repulsion[i] = Σ_j (y_i − y_j) / (1 + d²)² for points [from, to) over all n points; returns their share of
 * Σ_{i≠j} 1 / (1 + d²). `y` is readable up to a multiple of 4 points; padding lies so far away that it adds 0.
 */
export function repelExactly(y: usize, n: i32, from: i32, to: i32, repulsion: usize): f64 {
  let total: f64 = 0;
  const one = f32x4.splat(1);
  const end = y + (<usize>((n + 3) & ~3) << 3);
  for (let i = from; i < to; i++) {
    const x0 = f32x4.splat(load<f32>(y + (<usize>i << 3)));
    const y0 = f32x4.splat(load<f32>(y + (<usize>i << 3), 4));
    const self = i32x4.splat(i);
    let index: v128 = i32x4(0, 1, 2, 3);
    let sumX = f32x4.splat(0);
    let sumY = sumX;
    let sum = sumX;
    for (let at = y; at < end; at += 32) {
      const low = v128.load(at);
      const high = v128.load(at, 16);
      const dx = f32x4.sub(x0, v128.shuffle<i32>(low, high, 0, 2, 4, 6));
      const dy = f32x4.sub(y0, v128.shuffle<i32>(low, high, 1, 3, 5, 7));
      const d = f32x4.add(f32x4.add(f32x4.mul(dx, dx), f32x4.mul(dy, dy)), one);
      const q = f32x4.div(one, d);
      // The point itself is left out here: subtracting its 1 afterwards would cost the small terms' digits.
      sum = f32x4.add(sum, v128.and(q, i32x4.ne(index, self)));
      index = i32x4.add(index, i32x4.splat(4));
      const qq = f32x4.mul(q, q);
      sumX = f32x4.add(sumX, f32x4.mul(qq, dx));
      sumY = f32x4.add(sumY, f32x4.mul(qq, dy));
    }
    store<f32>(repulsion + (<usize>i << 3), sumLanes(sumX));
    store<f32>(repulsion + (<usize>i << 3), sumLanes(sumY), 4);
    total += <f64>sumLanes(sum);
  }
  return total;
}

/**
 * One step of gradient descent with momentum and gains (Jacobs 1988) for points [from, to):
 * gradient = exaggeration × attraction − repulsion / Z. Writes the new bounds (minX, minY, maxX, maxY).
 */
export function step(
  y: usize,
  from: i32,
  to: i32,
  attraction: usize,
  repulsion: usize,
  velocity: usize,
  gains: usize,
  exaggeration: f32,
  inverseZ: f32,
  momentum: f32,
  learningRate: f32,
  bounds: usize,
): void {
  let minX: f32 = f32.MAX_VALUE;
  let minY: f32 = f32.MAX_VALUE;
  let maxX: f32 = -f32.MAX_VALUE;
  let maxY: f32 = -f32.MAX_VALUE;
  for (let at = <usize>from << 3; at < <usize>to << 3; at += 4) {
    const gradient = exaggeration * load<f32>(attraction + at) - inverseZ * load<f32>(repulsion + at);
    const speed = load<f32>(velocity + at);
    let gain = load<f32>(gains + at);
    gain = gradient * speed < 0 ? gain + 0.2 : gain * 0.8;
    if (gain < 0.01) gain = 0.01;
    const next = momentum * speed - learningRate * gain * gradient;
    store<f32>(gains + at, gain);
    store<f32>(velocity + at, next);
    const value = load<f32>(y + at) + next;
    store<f32>(y + at, value);
    if (at & 4) {
      minY = min(minY, value);
      maxY = max(maxY, value);
    } else {
      minX = min(minX, value);
      maxX = max(maxX, value);
    }
  }
  store<f32>(bounds, minX);
  store<f32>(bounds, minY, 4);
  store<f32>(bounds, maxX, 8);
  store<f32>(bounds, maxY, 12);
}
