// Places new points on a finished map: each minimises its own KL divergence against the fixed points, so it
// does not depend on the other new points, and the map does not move.
import { lastForceX, lastForceY, walkTree } from './quadtree';

/** Where the affinities' mass is densest on the map: the neighbour with the largest Σ_m p_m / (1 + d²). */
function densestNeighbour(y: usize, indices: usize, affinities: usize, k: i32): i32 {
  let best = load<i32>(indices);
  let bestScore: f32 = -1;
  for (let a = 0; a < k; a++) {
    const at = y + (<usize>load<i32>(indices + (<usize>a << 2)) << 3);
    let score: f32 = 0;
    for (let b = 0; b < k; b++) {
      const to = y + (<usize>load<i32>(indices + (<usize>b << 2)) << 3);
      const dx = load<f32>(at) - load<f32>(to);
      const dy = load<f32>(at, 4) - load<f32>(to, 4);
      score += load<f32>(affinities + (<usize>b << 2)) / (1 + (dx * dx + dy * dy));
    }
    if (score > bestScore) {
      bestScore = score;
      best = load<i32>(indices + (<usize>a << 2));
    }
  }
  return best;
}

/**
 * Coordinates of new points [from, to) into `out`: gradient descent with momentum on Σ p log(p/q) from the
 * densest neighbour. Lists of k neighbours lie `pitch` entries apart.
 */
export function place(
  y: usize,
  from: i32,
  to: i32,
  indices: usize,
  affinities: usize,
  k: i32,
  pitch: i32,
  points: usize,
  tree: usize,
  count: i32,
  thetaSquared: f32,
  iterations: i32,
  learningRate: f32,
  momentum: f32,
  out: usize,
): void {
  for (let i = from; i < to; i++) {
    const list = indices + (<usize>i * pitch << 2);
    const weights = affinities + (<usize>i * pitch << 2);
    const start = y + (<usize>densestNeighbour(y, list, weights, k) << 3);
    let x0 = load<f32>(start);
    let y0 = load<f32>(start, 4);
    let speedX: f32 = 0;
    let speedY: f32 = 0;
    for (let iteration = 0; iteration < iterations; iteration++) {
      let gradientX: f32 = 0;
      let gradientY: f32 = 0;
      for (let s: usize = 0; s < <usize>k; s++) {
        const other = y + (<usize>load<i32>(list + (s << 2)) << 3);
        const dx = x0 - load<f32>(other);
        const dy = y0 - load<f32>(other, 4);
        const w = load<f32>(weights + (s << 2)) / (1 + (dx * dx + dy * dy));
        gradientX += w * dx;
        gradientY += w * dy;
      }
      const z = walkTree(points, x0, y0, -1, tree, count, thetaSquared);
      gradientX -= lastForceX() / z;
      gradientY -= lastForceY() / z;
      speedX = momentum * speedX - learningRate * gradientX;
      speedY = momentum * speedY - learningRate * gradientY;
      x0 += speedX;
      y0 += speedY;
    }
    store<f32>(out + (<usize>i << 3), x0);
    store<f32>(out + (<usize>i << 3), y0, 4);
  }
}
