// Barnes–Hut repulsion (van der Maaten, "Accelerating t-SNE using tree-based algorithms", JMLR 2014).
// Points are sorted along a Z-curve; a tree cell is then a range of them. Nodes lie in preorder, each with the
// index of the node after its subtree, so a walk needs no stack.
//
// Node, 32 bytes: f32 x, f32 y (centre of mass), f32 mass, f32 width², i32 after, i32 from, i32 to, i32 leaf.

const NODE_BYTES: usize = 32;
const LEAF_POINTS: i32 = 8;
/** Levels of the tree: bits per axis in a key. */
const LEVELS: i32 = 16;

/** Spreads the 16 low bits of v to the even places. */
// @ts-ignore: decorator
@inline
function spreadBits(v: u32): u32 {
  v = (v | (v << 8)) & 0x00ff00ff;
  v = (v | (v << 4)) & 0x0f0f0f0f;
  v = (v | (v << 2)) & 0x33333333;
  return (v | (v << 1)) & 0x55555555;
}

/** Z-curve keys of points [from, to), paired with their indices: u32 key, i32 index. */
export function curveKeys(y: usize, from: i32, to: i32, minX: f32, minY: f32, extent: f32, out: usize): void {
  const scale: f32 = 65535 / extent;
  for (let i = from; i < to; i++) {
    const u = <u32>((load<f32>(y + (<usize>i << 3)) - minX) * scale);
    const v = <u32>((load<f32>(y + (<usize>i << 3), 4) - minY) * scale);
    store<u32>(out + (<usize>i << 3), spreadBits(min<u32>(u, 65535)) | (spreadBits(min<u32>(v, 65535)) << 1));
    store<i32>(out + (<usize>i << 3), i, 4);
  }
}

/** Stable radix sort of n (key, index) pairs by key; `spare` holds as many; `counts` 2048 integers. */
export function sortKeys(pairs: usize, spare: usize, n: i32, counts: usize): void {
  // Three passes of 11, 11 and 10 bits leave the result in `spare`: a last copy brings it home.
  for (let shift = 0; shift < 32; shift += 11) {
    memory.fill(counts, 0, 8192);
    for (let i: usize = 0; i < <usize>n; i++) {
      const at = counts + (((load<u32>(pairs + (i << 3)) >> shift) & 2047) << 2);
      store<i32>(at, load<i32>(at) + 1);
    }
    let total = 0;
    for (let bucket: usize = 0; bucket < 2048; bucket++) {
      const count = load<i32>(counts + (bucket << 2));
      store<i32>(counts + (bucket << 2), total);
      total += count;
    }
    for (let i: usize = 0; i < <usize>n; i++) {
      const pair = load<u64>(pairs + (i << 3));
      const at = counts + ((((<u32>pair) >> shift) & 2047) << 2);
      const position = load<i32>(at);
      store<i32>(at, position + 1);
      store<u64>(spare + (<usize>position << 3), pair);
    }
    const held = pairs;
    pairs = spare;
    spare = held;
  }
  memory.copy(spare, pairs, <usize>n << 3);
}

let nodes: usize = 0;
let next: i32 = 0;

/** First pair of [from, to) whose key has `bit` set; keys of the range agree above it. */
function split(pairs: usize, from: i32, to: i32, bit: i32): i32 {
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((load<u32>(pairs + (<usize>middle << 3)) >> bit) & 1) to = middle;
    else from = middle + 1;
  }
  return from;
}

function build(pairs: usize, points: usize, from: i32, to: i32, level: i32, width: f32): void {
  const node = nodes + <usize>next * NODE_BYTES;
  next++;
  const leaf = to - from <= LEAF_POINTS || level == LEVELS;
  let x: f32 = 0;
  let y: f32 = 0;
  if (leaf) {
    for (let i = from; i < to; i++) {
      x += load<f32>(points + (<usize>i << 3));
      y += load<f32>(points + (<usize>i << 3), 4);
    }
  } else {
    const bit = 2 * (LEVELS - 1 - level);
    const half = split(pairs, from, to, bit + 1);
    const left = split(pairs, from, half, bit);
    const right = split(pairs, half, to, bit);
    let begin = from;
    for (let child = 0; child < 4; child++) {
      const end = child == 0 ? left : child == 1 ? half : child == 2 ? right : to;
      if (end > begin) {
        const at = nodes + <usize>next * NODE_BYTES;
        build(pairs, points, begin, end, level + 1, width * 0.5);
        const mass = load<f32>(at, 8);
        x += load<f32>(at) * mass;
        y += load<f32>(at, 4) * mass;
      }
      begin = end;
    }
  }
  const mass = <f32>(to - from);
  store<f32>(node, x / mass);
  store<f32>(node, y / mass, 4);
  store<f32>(node, mass, 8);
  store<f32>(node, width * width, 12);
  store<i32>(node, next, 16);
  store<i32>(node, from, 20);
  store<i32>(node, to, 24);
  store<i32>(node, leaf ? 1 : 0, 28);
}

/** Copies the sorted points to `points` and builds the tree; returns its number of nodes: at most
 * n leaves and, as an inner node has more than LEAF_POINTS points, 16 n / 9 inner ones. */
export function buildTree(
  y: usize,
  pairs: usize,
  points: usize,
  n: i32,
  extent: f32,
  tree: usize,
): i32 {
  for (let i: usize = 0; i < <usize>n; i++) {
    const index = <usize>load<i32>(pairs + (i << 3), 4);
    store<u64>(points + (i << 3), load<u64>(y + (index << 3)));
  }
  nodes = tree;
  next = 0;
  build(pairs, points, 0, n, 0, extent);
  return next;
}

let forceX: f32 = 0;
let forceY: f32 = 0;

/** The force that the last walk found. */
export function lastForceX(): f32 {
  return forceX;
}
export function lastForceY(): f32 {
  return forceY;
}

/**
 * Walks the tree for one place: returns Σ_j 1 / (1 + d²) and leaves Σ_j (place − y_j) / (1 + d²)² in lastForce.
 * A node stands for its points where width² < theta² × d². The sorted point `self` is left out (−1: none).
 */
export function walkTree(
  points: usize,
  x0: f32,
  y0: f32,
  self: i32,
  tree: usize,
  count: i32,
  thetaSquared: f32,
): f32 {
  let sumX: f32 = 0;
  let sumY: f32 = 0;
  let sum: f32 = 0;
  let at = 0;
  while (at < count) {
    const node = tree + <usize>at * NODE_BYTES;
    const dx = x0 - load<f32>(node);
    const dy = y0 - load<f32>(node, 4);
    const d = dx * dx + dy * dy;
    if (load<f32>(node, 12) < thetaSquared * d) {
      const mass = load<f32>(node, 8);
      const q: f32 = 1 / (1 + d);
      const mq = mass * q;
      sum += mq;
      sumX += mq * q * dx;
      sumY += mq * q * dy;
      at = load<i32>(node, 16);
    } else if (load<i32>(node, 28)) {
      const end = load<i32>(node, 24);
      for (let j = load<i32>(node, 20); j < end; j++) {
        if (j == self) continue;
        const ex = x0 - load<f32>(points + (<usize>j << 3));
        const ey = y0 - load<f32>(points + (<usize>j << 3), 4);
        const q: f32 = 1 / (1 + (ex * ex + ey * ey));
        sum += q;
        sumX += q * q * ex;
        sumY += q * q * ey;
      }
      at = load<i32>(node, 16);
    } else {
      at++;
    }
  }
  forceX = sumX;
  forceY = sumY;
  return sum;
}

/** Repulsion of the sorted points [from, to); returns their share of Σ_{i≠j} 1 / (1 + d²). */
export function repelByTree(
  pairs: usize,
  points: usize,
  from: i32,
  to: i32,
  tree: usize,
  count: i32,
  thetaSquared: f32,
  repulsion: usize,
): f64 {
  let total: f64 = 0;
  for (let i = from; i < to; i++) {
    const x0 = load<f32>(points + (<usize>i << 3));
    const y0 = load<f32>(points + (<usize>i << 3), 4);
    total += <f64>walkTree(points, x0, y0, i, tree, count, thetaSquared);
    const index = <usize>load<i32>(pairs + (<usize>i << 3), 4);
    store<f32>(repulsion + (index << 3), forceX);
    store<f32>(repulsion + (index << 3), forceY, 4);
  }
  return total;
}
