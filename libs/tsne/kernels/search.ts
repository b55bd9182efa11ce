// Nearest rows by blocked dot products: |a − b|² = |a|² + |b|² − 2 a·b, kept in one max-heap per query.
// Rows are f32, `stride` floats apart, `stride` a multiple of 4 (padded with zeros).
import { sumFour, sumLanes } from './vectors';

/** Bytes of candidate rows that stay in the second-level cache while all queries pass by. */
const TILE_BYTES: usize = 131072;

/** out[row] = |row|² for rows [from, to). */
export function squaredNorms(rows: usize, stride: i32, from: i32, to: i32, out: usize): void {
  for (let i = from; i < to; i++) {
    const row = rows + (<usize>i * stride << 2);
    let sum = f32x4.splat(0);
    for (let c: usize = 0; c < <usize>stride << 2; c += 16) {
      const v = v128.load(row + c);
      sum = f32x4.add(sum, f32x4.mul(v, v));
    }
    store<f32>(out + (<usize>i << 2), sumLanes(sum));
  }
}

/** Empties the heaps of queries [from, to). */
export function clearHeaps(from: i32, to: i32, k: i32, heapDistances: usize, heapIndices: usize): void {
  for (let i = <usize>from * k; i < <usize>to * k; i++) {
    store<f32>(heapDistances + (i << 2), f32.MAX_VALUE);
    store<i32>(heapIndices + (i << 2), -1);
  }
}

/** Replaces the root of a max-heap of k entries. */
function replaceRoot(distances: usize, indices: usize, k: i32, distance: f32, index: i32): void {
  let at = 0;
  while (true) {
    let child = 2 * at + 1;
    if (child >= k) break;
    let larger = load<f32>(distances + (<usize>child << 2));
    if (child + 1 < k) {
      const right = load<f32>(distances + (<usize>(child + 1) << 2));
      if (right > larger) {
        larger = right;
        child++;
      }
    }
    if (larger <= distance) break;
    store<f32>(distances + (<usize>at << 2), larger);
    store<i32>(indices + (<usize>at << 2), load<i32>(indices + (<usize>child << 2)));
    at = child;
  }
  store<f32>(distances + (<usize>at << 2), distance);
  store<i32>(indices + (<usize>at << 2), index);
}

/** Offers four squared distances to one heap; returns its new worst entry. */
function offer(
  d: v128,
  valid: i32,
  first: i32,
  self: i32,
  k: i32,
  distances: usize,
  indices: usize,
): f32 {
  let worst = load<f32>(distances);
  for (let lane = 0; lane < valid; lane++) {
    let value: f32;
    if (lane == 0) value = f32x4.extract_lane(d, 0);
    else if (lane == 1) value = f32x4.extract_lane(d, 1);
    else if (lane == 2) value = f32x4.extract_lane(d, 2);
    else value = f32x4.extract_lane(d, 3);
    if (value < worst && first + lane != self) {
      replaceRoot(distances, indices, k, value, first + lane);
      worst = load<f32>(distances);
    }
  }
  return worst;
}

/**
 * Offers candidate rows [cFrom, cTo) to the heaps of query rows [qFrom, qTo), or with `list` ≠ 0 of the rows that
 * its places [qFrom, qTo) name. With `same` ≠ 0 both are rows of one matrix and a row is not its own neighbour.
 * `cNorms` is readable up to a multiple of 4 past the end.
 */
export function scan(
  queries: usize,
  qNorms: usize,
  qFrom: i32,
  qTo: i32,
  candidates: usize,
  cNorms: usize,
  cFrom: i32,
  cTo: i32,
  stride: i32,
  k: i32,
  heapDistances: usize,
  heapIndices: usize,
  same: i32,
  list: usize,
): void {
  const rowBytes = <usize>stride << 2;
  let tile = <i32>(TILE_BYTES / rowBytes) & ~3;
  if (tile < 4) tile = 4;
  const heapBytes = <usize>k << 2;
  const minusTwo = f32x4.splat(-2);
  for (let tFrom = cFrom; tFrom < cTo; tFrom += tile) {
    const tTo = min(tFrom + tile, cTo);
    for (let place = qFrom; place < qTo; place += 2) {
      const next = place + 1 < qTo ? place + 1 : place;
      const q = list ? load<i32>(list + (<usize>place << 2)) : place;
      const second = list ? load<i32>(list + (<usize>next << 2)) : next;
      const row0 = queries + <usize>q * rowBytes;
      const row1 = queries + <usize>second * rowBytes;
      const norm0 = f32x4.splat(load<f32>(qNorms + (<usize>q << 2)));
      const norm1 = f32x4.splat(load<f32>(qNorms + (<usize>second << 2)));
      const d0 = heapDistances + <usize>q * heapBytes;
      const i0 = heapIndices + <usize>q * heapBytes;
      const d1 = heapDistances + <usize>second * heapBytes;
      const i1 = heapIndices + <usize>second * heapBytes;
      const self0 = same ? q : -1;
      const self1 = same ? second : -1;
      let worst0 = f32x4.splat(load<f32>(d0));
      let worst1 = second == q ? f32x4.splat(-f32.MAX_VALUE) : f32x4.splat(load<f32>(d1));
      for (let c = tFrom; c < tTo; c += 4) {
        const valid = min(4, tTo - c);
        const last = tTo - 1;
        const c0 = candidates + <usize>c * rowBytes;
        const c1 = candidates + <usize>min(c + 1, last) * rowBytes;
        const c2 = candidates + <usize>min(c + 2, last) * rowBytes;
        const c3 = candidates + <usize>min(c + 3, last) * rowBytes;
        let a0 = f32x4.splat(0);
        let a1 = a0;
        let a2 = a0;
        let a3 = a0;
        let b0 = a0;
        let b1 = a0;
        let b2 = a0;
        let b3 = a0;
        for (let at: usize = 0; at < rowBytes; at += 16) {
          const x0 = v128.load(row0 + at);
          const x1 = v128.load(row1 + at);
          let y = v128.load(c0 + at);
          a0 = f32x4.add(a0, f32x4.mul(x0, y));
          b0 = f32x4.add(b0, f32x4.mul(x1, y));
          y = v128.load(c1 + at);
          a1 = f32x4.add(a1, f32x4.mul(x0, y));
          b1 = f32x4.add(b1, f32x4.mul(x1, y));
          y = v128.load(c2 + at);
          a2 = f32x4.add(a2, f32x4.mul(x0, y));
          b2 = f32x4.add(b2, f32x4.mul(x1, y));
          y = v128.load(c3 + at);
          a3 = f32x4.add(a3, f32x4.mul(x0, y));
          b3 = f32x4.add(b3, f32x4.mul(x1, y));
        }
        const norms = v128.load(cNorms + (<usize>c << 2));
        const s0 = f32x4.add(f32x4.add(norm0, norms), f32x4.mul(minusTwo, sumFour(a0, a1, a2, a3)));
        const s1 = f32x4.add(f32x4.add(norm1, norms), f32x4.mul(minusTwo, sumFour(b0, b1, b2, b3)));
        if (v128.any_true(f32x4.lt(s0, worst0))) {
          worst0 = f32x4.splat(offer(s0, valid, c, self0, k, d0, i0));
        }
        if (v128.any_true(f32x4.lt(s1, worst1))) {
          worst1 = f32x4.splat(offer(s1, valid, c, self1, k, d1, i1));
        }
      }
    }
  }
}

/** Squared distance of two rows, summed from differences, so that near rows lose no digits. */
// @ts-ignore: decorator
@inline
function squaredDistance(a: usize, b: usize, rowBytes: usize): f32 {
  let sum = f32x4.splat(0);
  for (let at: usize = 0; at < rowBytes; at += 16) {
    const d = f32x4.sub(v128.load(a + at), v128.load(b + at));
    sum = f32x4.add(sum, f32x4.mul(d, d));
  }
  return sumLanes(sum);
}

/**
 * Turns the heaps of queries [from, to) into lists, nearest first (ties by index), with exact squared
 * distances. With `cosine` ≠ 0 the rows are unit vectors and the value is the squared cosine distance (d²/2)².
 */
export function sortHeaps(
  queries: usize,
  candidates: usize,
  stride: i32,
  from: i32,
  to: i32,
  k: i32,
  heapDistances: usize,
  heapIndices: usize,
  cosine: i32,
): void {
  const rowBytes = <usize>stride << 2;
  for (let q = from; q < to; q++) {
    const distances = heapDistances + (<usize>q * k << 2);
    const indices = heapIndices + (<usize>q * k << 2);
    const row = queries + <usize>q * rowBytes;
    // A heap's end holds its nearest rows: turned round, it is almost in order, and an insertion has a short way.
    for (let s = 0; s < k >> 1; s++) {
      const near = indices + (<usize>(k - 1 - s) << 2);
      const far = indices + (<usize>s << 2);
      const held = load<i32>(far);
      store<i32>(far, load<i32>(near));
      store<i32>(near, held);
    }
    for (let s = 0; s < k; s++) {
      const index = load<i32>(indices + (<usize>s << 2));
      let d = index < 0 ? f32.MAX_VALUE : squaredDistance(row, candidates + <usize>index * rowBytes, rowBytes);
      if (cosine && index >= 0) d = d * d * 0.25;
      let at = s;
      while (at > 0) {
        const before = load<f32>(distances + (<usize>(at - 1) << 2));
        const beforeIndex = load<i32>(indices + (<usize>(at - 1) << 2));
        if (before < d || (before == d && beforeIndex < index)) break;
        store<f32>(distances + (<usize>at << 2), before);
        store<i32>(indices + (<usize>at << 2), beforeIndex);
        at--;
      }
      store<f32>(distances + (<usize>at << 2), d);
      store<i32>(indices + (<usize>at << 2), index);
    }
  }
}
