// Spectra of the potential 1/(1 + d²) and of the force (x, y)/(1 + d²)² on a periodic grid of size² nodes,
// divided by the window's response squared (it acts when spreading and when reading). Both kernels are symmetric, so a quarter of the plane says all:
// the potential's spectrum is real and even; the x force's is i × (real, odd along x, even along y).
import { transformFour } from './fourier';

/**
 * Rows y ∈ [row, row + 4) of both kernels transformed along x, into two planes [y][0 … size/2] of `pitch`
 * floats per row.
 */
export function kernelRows(
  row: i32,
  size: i32,
  pitch: i32,
  spacing: f64,
  radices: usize,
  radixCount: i32,
  roots: usize,
  buffer: usize,
  potential: usize,
  force: usize,
): void {
  const span = <usize>size << 4;
  let re = buffer;
  let im = buffer + span;
  const middle = size >> 1;
  for (let lane = 0; lane < 4; lane++) {
    const dy = <f64>(row + lane) * spacing;
    for (let x = 0; x < size; x++) {
      const dx = <f64>(x <= middle ? x : x - size) * spacing;
      const q: f64 = 1 / (1 + dx * dx + dy * dy);
      const at = (<usize>x << 4) + (<usize>lane << 2);
      store<f32>(re + at, <f32>q);
      // An odd kernel has no value at half the period.
      store<f32>(im + at, x == middle ? 0 : <f32>(q * q * dx));
    }
  }
  if (transformFour(size, radices, radixCount, roots, re, im, buffer + 2 * span, buffer + 3 * span)) {
    re = buffer + 2 * span;
    im = buffer + 3 * span;
  }
  // Even + i odd transforms to real + i (i × real) = E − A with A odd in the frequency.
  const half = f32x4.splat(0.5);
  const rowBytes = <usize>pitch << 2;
  for (let f = 0; f <= middle; f++) {
    const mirrored = f == 0 ? 0 : size - f;
    const here = v128.load(re + (<usize>f << 4));
    const there = v128.load(re + (<usize>mirrored << 4));
    const even = f32x4.mul(half, f32x4.add(here, there));
    const odd = f32x4.mul(half, f32x4.sub(there, here));
    const at = <usize>row * rowBytes + (<usize>f << 2);
    v128.store32_lane(potential + at, even, 0);
    v128.store32_lane(potential + at + rowBytes, even, 1);
    v128.store32_lane(potential + at + 2 * rowBytes, even, 2);
    v128.store32_lane(potential + at + 3 * rowBytes, even, 3);
    v128.store32_lane(force + at, odd, 0);
    v128.store32_lane(force + at + rowBytes, odd, 1);
    v128.store32_lane(force + at + 2 * rowBytes, odd, 2);
    v128.store32_lane(force + at + 3 * rowBytes, odd, 3);
  }
}

/** Columns [4 quad, 4 quad + 4) of both planes along y, into the tables that `columns` reads. `response`: the window's transform. */
export function kernelColumns(
  quad: i32,
  size: i32,
  pitch: i32,
  radices: usize,
  radixCount: i32,
  roots: usize,
  response: usize,
  buffer: usize,
  potential: usize,
  force: usize,
  outPotential: usize,
  outForceX: usize,
  outForceY: usize,
): void {
  const span = <usize>size << 4;
  let re = buffer;
  let im = buffer + span;
  const middle = size >> 1;
  const rowBytes = <usize>pitch << 2;
  for (let y = 0; y < size; y++) {
    const folded = <usize>(y <= middle ? y : size - y) * rowBytes + (<usize>quad << 4);
    v128.store(re + (<usize>y << 4), v128.load(potential + folded));
    v128.store(im + (<usize>y << 4), v128.load(force + folded));
  }
  if (transformFour(size, radices, radixCount, roots, re, im, buffer + 2 * span, buffer + 3 * span)) {
    re = buffer + 2 * span;
    im = buffer + 3 * span;
  }
  const halfBytes = (<usize>middle + 1) << 4;
  const scale: f32 = 1 / (<f32>size * <f32>size);
  for (let f = 0; f <= middle; f++) {
    for (let lane = 0; lane < 4; lane++) {
      const fx = 4 * quad + lane;
      if (fx > middle) break;
      const from = (<usize>f << 4) + (<usize>lane << 2);
      const window = load<f32>(response + (<usize>fx << 2)) * load<f32>(response + (<usize>f << 2));
      const factor = scale / (window * window);
      const there = <usize>quad * halfBytes + from;
      const p = load<f32>(re + from) * factor;
      const a = load<f32>(im + from) * factor;
      store<f32>(outPotential + there, p);
      store<f32>(outForceX + there, a);
      // The y force is the x force with the axes swapped.
      const swapped = <usize>(f >> 2) * halfBytes + (<usize>fx << 4) + (<usize>(f & 3) << 2);
      store<f32>(outForceY + swapped, a);
    }
  }
}
