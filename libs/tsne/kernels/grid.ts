// Repulsion on a grid: a window spreads the map points as charges over the nodes of a square grid, one
// transform carries the charges to the field of the kernels, and the same window reads the field back.
// The window's own response is divided out of the kernel's spectrum.
//
// Sizes: `nodes` per side (a multiple of 8), `size` ≥ 2 nodes + 8 per side of the padded, periodic transform,
// `half` = size/2 + 1 frequencies kept of the real rows, `pitch` = half rounded up to a multiple of 4.
import { transformFour } from './fourier';
import { windowWeights } from './window';

/** Fixed point of one window weight; a product of two has 30 fractional bits. */
const WEIGHT_ONE: i32 = 32768;
/** Grid coordinate of the smallest x and y: the window reaches one node before a point's cell. */
const OFFSET: f32 = 1.5;

/** As fixed-point integers. */
// @ts-ignore: decorator
@inline
function fixedWeights(t: f32): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(windowWeights(t), f32x4.splat(<f32>WEIGHT_ONE))));
}

/**
 * Adds unit charges of points [from, to) to a grid of 64-bit integers. Integer sums do not depend on the order,
 * so any number of threads with a grid each gives the same total.
 * (minX, minY) is the exact corner of the map, so that no digits are lost when a small map has drifted far;
 * every point must lie between nodes 1 and `nodes` − 2.
 */
export function spread(
  y: usize,
  from: i32,
  to: i32,
  minX: f32,
  minY: f32,
  inverseSpacing: f32,
  nodes: i32,
  charges: usize,
): void {
  const rowBytes = <usize>nodes << 3;
  for (let i = from; i < to; i++) {
    const u = (load<f32>(y + (<usize>i << 3)) - minX) * inverseSpacing + OFFSET;
    const v = (load<f32>(y + (<usize>i << 3), 4) - minY) * inverseSpacing + OFFSET;
    const column = <i32>u;
    const row = <i32>v;
    const wx = fixedWeights(u - <f32>column);
    const wy = fixedWeights(v - <f32>row);
    let at = charges + <usize>(row - 1) * rowBytes + (<usize>(column - 1) << 3);
    for (let r = 0; r < 4; r++) {
      let w: i32;
      if (r == 0) w = i32x4.extract_lane(wy, 0);
      else if (r == 1) w = i32x4.extract_lane(wy, 1);
      else if (r == 2) w = i32x4.extract_lane(wy, 2);
      else w = i32x4.extract_lane(wy, 3);
      const weight = i32x4.splat(w);
      v128.store(at, i64x2.add(v128.load(at), i64x2.extmul_low_i32x4_s(wx, weight)));
      v128.store(at, i64x2.add(v128.load(at, 16), i64x2.extmul_high_i32x4_s(wx, weight)), 16);
      at += rowBytes;
    }
  }
}

/**
 * Rows [row, row + 8) of the charges, summed over `grids` grids `gridBytes` apart, transformed along x.
 * Two real rows make one complex one. Results: half-spectra in two planes of `pitch` floats per row.
 */
export function forwardRows(
  row: i32,
  charges: usize,
  grids: i32,
  gridBytes: usize,
  nodes: i32,
  size: i32,
  pitch: i32,
  radices: usize,
  radixCount: i32,
  roots: usize,
  buffer: usize,
  planeRe: usize,
  planeIm: usize,
): void {
  const span = <usize>size << 4;
  let re = buffer;
  let im = buffer + span;
  const scale: f32 = 1.0 / (<f32>WEIGHT_ONE * <f32>WEIGHT_ONE);
  const rowBytes = <usize>nodes << 3;
  for (let lane: usize = 0; lane < 4; lane++) {
    const even = charges + (<usize>row + 2 * lane) * rowBytes;
    for (let x: usize = 0; x < <usize>nodes; x++) {
      let a: i64 = 0;
      let b: i64 = 0;
      let at = even + (x << 3);
      for (let g = 0; g < grids; g++) {
        a += load<i64>(at);
        b += load<i64>(at + rowBytes);
        at += gridBytes;
      }
      store<f32>(re + (x << 4) + (lane << 2), <f32>a * scale);
      store<f32>(im + (x << 4) + (lane << 2), <f32>b * scale);
    }
  }
  memory.fill(re + (<usize>nodes << 4), 0, <usize>(size - nodes) << 4);
  memory.fill(im + (<usize>nodes << 4), 0, <usize>(size - nodes) << 4);
  if (transformFour(size, radices, radixCount, roots, re, im, buffer + 2 * span, buffer + 3 * span)) {
    re = buffer + 2 * span;
    im = buffer + 3 * span;
  }
  const halfOne = f32x4.splat(0.5);
  for (let f = 0; f <= size >> 1; f++) {
    const mirrored = f == 0 ? 0 : size - f;
    const fr = v128.load(re + (<usize>f << 4));
    const fi = v128.load(im + (<usize>f << 4));
    const gr = v128.load(re + (<usize>mirrored << 4));
    const gi = v128.load(im + (<usize>mirrored << 4));
    const evenRe = f32x4.mul(halfOne, f32x4.add(fr, gr));
    const evenIm = f32x4.mul(halfOne, f32x4.sub(fi, gi));
    const oddRe = f32x4.mul(halfOne, f32x4.add(fi, gi));
    const oddIm = f32x4.mul(halfOne, f32x4.sub(gr, fr));
    let at = (<usize>row * pitch + f) << 2;
    const next = <usize>pitch << 2;
    store<f32>(planeRe + at, f32x4.extract_lane(evenRe, 0));
    store<f32>(planeIm + at, f32x4.extract_lane(evenIm, 0));
    store<f32>(planeRe + at + next, f32x4.extract_lane(oddRe, 0));
    store<f32>(planeIm + at + next, f32x4.extract_lane(oddIm, 0));
    at += 2 * next;
    store<f32>(planeRe + at, f32x4.extract_lane(evenRe, 1));
    store<f32>(planeIm + at, f32x4.extract_lane(evenIm, 1));
    store<f32>(planeRe + at + next, f32x4.extract_lane(oddRe, 1));
    store<f32>(planeIm + at + next, f32x4.extract_lane(oddIm, 1));
    at += 2 * next;
    store<f32>(planeRe + at, f32x4.extract_lane(evenRe, 2));
    store<f32>(planeIm + at, f32x4.extract_lane(evenIm, 2));
    store<f32>(planeRe + at + next, f32x4.extract_lane(oddRe, 2));
    store<f32>(planeIm + at + next, f32x4.extract_lane(oddIm, 2));
    at += 2 * next;
    store<f32>(planeRe + at, f32x4.extract_lane(evenRe, 3));
    store<f32>(planeIm + at, f32x4.extract_lane(evenIm, 3));
    store<f32>(planeRe + at + next, f32x4.extract_lane(oddRe, 3));
    store<f32>(planeIm + at + next, f32x4.extract_lane(oddIm, 3));
  }
}

/**
 * Columns [4 quad, 4 quad + 4): forward along y, times the three kernels, back along y. Overwrites the charge
 * planes by the x force and fills the y force's planes. Returns this quad's share of Σ charge × potential.
 * Kernel spectra lie as [quad][0 … size/2][4 lanes].
 */
export function columns(
  quad: i32,
  nodes: i32,
  size: i32,
  pitch: i32,
  radices: usize,
  radixCount: i32,
  roots: usize,
  buffer: usize,
  planeRe: usize,
  planeIm: usize,
  otherRe: usize,
  otherIm: usize,
  potential: usize,
  forceX: usize,
  forceY: usize,
): f64 {
  const span = <usize>size << 4;
  let re = buffer;
  let im = buffer + span;
  let re2 = buffer + 2 * span;
  let im2 = buffer + 3 * span;
  const backRe = buffer + 4 * span;
  const backIm = buffer + 5 * span;
  const rowBytes = <usize>pitch << 2;
  const first = <usize>quad << 4;
  for (let row: usize = 0; row < <usize>nodes; row++) {
    v128.store(re + (row << 4), v128.load(planeRe + first + row * rowBytes));
    v128.store(im + (row << 4), v128.load(planeIm + first + row * rowBytes));
  }
  memory.fill(re + (<usize>nodes << 4), 0, <usize>(size - nodes) << 4);
  memory.fill(im + (<usize>nodes << 4), 0, <usize>(size - nodes) << 4);
  if (transformFour(size, radices, radixCount, roots, re, im, re2, im2)) {
    re = re2;
    im = im2;
    re2 = buffer;
    im2 = buffer + span;
  }
  const halfBytes = (<usize>(size >> 1) + 1) << 4;
  const kp = potential + <usize>quad * halfBytes;
  const kx = forceX + <usize>quad * halfBytes;
  const ky = forceY + <usize>quad * halfBytes;
  // Force spectra are i times real tables: i w (r + i m) = −w m + i w r. y's table is odd in the y frequency.
  let energy = f32x4.splat(0);
  for (let f = 0; f < size; f++) {
    const folded = <usize>(f <= size >> 1 ? f : size - f) << 4;
    const at = <usize>f << 4;
    const r = v128.load(re + at);
    const m = v128.load(im + at);
    const p = f32x4.add(f32x4.mul(r, r), f32x4.mul(m, m));
    energy = f32x4.add(energy, f32x4.mul(p, v128.load(kp + folded)));
    const wx = v128.load(kx + folded);
    let wy = v128.load(ky + folded);
    if (f > size >> 1) wy = f32x4.neg(wy);
    v128.store(backRe + at, f32x4.neg(f32x4.mul(wy, m)));
    v128.store(backIm + at, f32x4.mul(wy, r));
    v128.store(re + at, f32x4.neg(f32x4.mul(wx, m)));
    v128.store(im + at, f32x4.mul(wx, r));
  }
  // Inverse: real and imaginary parts trade places. The spare pair serves both.
  let fromRe = re;
  let fromIm = im;
  if (transformFour(size, radices, radixCount, roots, im, re, im2, re2)) {
    fromRe = re2;
    fromIm = im2;
  }
  for (let row: usize = 0; row < <usize>nodes; row++) {
    v128.store(planeRe + first + row * rowBytes, v128.load(fromRe + (row << 4)));
    v128.store(planeIm + first + row * rowBytes, v128.load(fromIm + (row << 4)));
  }
  fromRe = backRe;
  fromIm = backIm;
  if (transformFour(size, radices, radixCount, roots, backIm, backRe, im2, re2)) {
    fromRe = re2;
    fromIm = im2;
  }
  for (let row: usize = 0; row < <usize>nodes; row++) {
    v128.store(otherRe + first + row * rowBytes, v128.load(fromRe + (row << 4)));
    v128.store(otherIm + first + row * rowBytes, v128.load(fromIm + (row << 4)));
  }
  // Half the frequencies stand for all: the inner ones count twice, those past the end not at all.
  let total: f64 = 0;
  for (let lane = 0; lane < 4; lane++) {
    const f = 4 * quad + lane;
    const weight: f64 = f > size >> 1 ? 0 : f == 0 || 2 * f == size ? 1 : 2;
    let share: f32;
    if (lane == 0) share = f32x4.extract_lane(energy, 0);
    else if (lane == 1) share = f32x4.extract_lane(energy, 1);
    else if (lane == 2) share = f32x4.extract_lane(energy, 2);
    else share = f32x4.extract_lane(energy, 3);
    if (weight > 0) total += weight * <f64>share;
  }
  return total;
}

/** Rows [row, row + 4) of both force planes back along x, as interleaved pairs: field[row][column] = (x, y). */
export function inverseRows(
  row: i32,
  nodes: i32,
  size: i32,
  pitch: i32,
  radices: usize,
  radixCount: i32,
  roots: usize,
  buffer: usize,
  planeRe: usize,
  planeIm: usize,
  otherRe: usize,
  otherIm: usize,
  field: usize,
): void {
  const span = <usize>size << 4;
  let re = buffer;
  let im = buffer + span;
  const rowBytes = <usize>pitch << 2;
  const first = <usize>row * rowBytes;
  for (let quad = 0; quad < pitch >> 2; quad++) {
    const at = first + (<usize>quad << 4);
    for (let lane = 0; lane < 4; lane++) {
      const f = 4 * quad + lane;
      if (f > size >> 1) break;
      const a = at + (<usize>lane << 2);
      const xr = column(planeRe + a, rowBytes);
      const xi = column(planeIm + a, rowBytes);
      const yr = column(otherRe + a, rowBytes);
      const yi = column(otherIm + a, rowBytes);
      // x + i y is one complex signal: its spectrum at −f comes from the conjugates.
      v128.store(re + (<usize>f << 4), f32x4.sub(xr, yi));
      v128.store(im + (<usize>f << 4), f32x4.add(xi, yr));
      if (f > 0 && 2 * f < size) {
        const mirrored = <usize>(size - f) << 4;
        v128.store(re + mirrored, f32x4.add(xr, yi));
        v128.store(im + mirrored, f32x4.sub(yr, xi));
      }
    }
  }
  if (transformFour(size, radices, radixCount, roots, im, re, buffer + 3 * span, buffer + 2 * span)) {
    re = buffer + 2 * span;
    im = buffer + 3 * span;
  }
  const fieldRow = <usize>nodes << 3;
  const out = field + <usize>row * fieldRow;
  for (let x: usize = 0; x < <usize>nodes; x++) {
    const r = v128.load(re + (x << 4));
    const m = v128.load(im + (x << 4));
    const low = v128.shuffle<i32>(r, m, 0, 4, 1, 5);
    const high = v128.shuffle<i32>(r, m, 2, 6, 3, 7);
    const at = out + (x << 3);
    v128.store64_lane(at, low, 0);
    v128.store64_lane(at + fieldRow, low, 1);
    v128.store64_lane(at + 2 * fieldRow, high, 0);
    v128.store64_lane(at + 3 * fieldRow, high, 1);
  }
}

/** One float of each of four rows. */
// @ts-ignore: decorator
@inline
function column(at: usize, rowBytes: usize): v128 {
  let v = v128.load32_zero(at);
  v = v128.load32_lane(at + rowBytes, v, 1);
  v = v128.load32_lane(at + 2 * rowBytes, v, 2);
  return v128.load32_lane(at + 3 * rowBytes, v, 3);
}

/** out[i] = the field at points [from, to), read by the same window. */
export function interpolate(
  y: usize,
  from: i32,
  to: i32,
  minX: f32,
  minY: f32,
  inverseSpacing: f32,
  nodes: i32,
  field: usize,
  out: usize,
): void {
  const rowBytes = <usize>nodes << 3;
  for (let i = from; i < to; i++) {
    const u = (load<f32>(y + (<usize>i << 3)) - minX) * inverseSpacing + OFFSET;
    const v = (load<f32>(y + (<usize>i << 3), 4) - minY) * inverseSpacing + OFFSET;
    const left = <i32>u;
    const top = <i32>v;
    const wx = windowWeights(u - <f32>left);
    const wy = windowWeights(v - <f32>top);
    const low = v128.shuffle<i32>(wx, wx, 0, 0, 1, 1);
    const high = v128.shuffle<i32>(wx, wx, 2, 2, 3, 3);
    let at = field + <usize>(top - 1) * rowBytes + (<usize>(left - 1) << 3);
    let sum = f32x4.mul(v128.shuffle<i32>(wy, wy, 0, 0, 0, 0), line(at, low, high));
    at += rowBytes;
    sum = f32x4.add(sum, f32x4.mul(v128.shuffle<i32>(wy, wy, 1, 1, 1, 1), line(at, low, high)));
    at += rowBytes;
    sum = f32x4.add(sum, f32x4.mul(v128.shuffle<i32>(wy, wy, 2, 2, 2, 2), line(at, low, high)));
    at += rowBytes;
    sum = f32x4.add(sum, f32x4.mul(v128.shuffle<i32>(wy, wy, 3, 3, 3, 3), line(at, low, high)));
    sum = f32x4.add(sum, v128.shuffle<i32>(sum, sum, 2, 3, 0, 1));
    v128.store64_lane(out + (<usize>i << 3), sum, 0);
  }
}

// @ts-ignore: decorator
@inline
function line(at: usize, low: v128, high: v128): v128 {
  return f32x4.add(f32x4.mul(low, v128.load(at)), f32x4.mul(high, v128.load(at, 16)));
}
