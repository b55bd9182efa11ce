// One step of block power iteration for principal components: out += Xᵀ (X V) over rows [from, to).
import { sumFour } from './vectors';

/** `basis` and `out` hold four vectors of `stride` floats each, one after the other. */
export function gramTimesFour(rows: usize, stride: i32, from: i32, to: i32, basis: usize, out: usize): void {
  const rowBytes = <usize>stride << 2;
  const v1 = basis + rowBytes;
  const v2 = v1 + rowBytes;
  const v3 = v2 + rowBytes;
  const o1 = out + rowBytes;
  const o2 = o1 + rowBytes;
  const o3 = o2 + rowBytes;
  for (let i = from; i < to; i++) {
    const row = rows + <usize>i * rowBytes;
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    for (let at: usize = 0; at < rowBytes; at += 16) {
      const x = v128.load(row + at);
      a0 = f32x4.add(a0, f32x4.mul(x, v128.load(basis + at)));
      a1 = f32x4.add(a1, f32x4.mul(x, v128.load(v1 + at)));
      a2 = f32x4.add(a2, f32x4.mul(x, v128.load(v2 + at)));
      a3 = f32x4.add(a3, f32x4.mul(x, v128.load(v3 + at)));
    }
    const t = sumFour(a0, a1, a2, a3);
    const t0 = v128.shuffle<i32>(t, t, 0, 0, 0, 0);
    const t1 = v128.shuffle<i32>(t, t, 1, 1, 1, 1);
    const t2 = v128.shuffle<i32>(t, t, 2, 2, 2, 2);
    const t3 = v128.shuffle<i32>(t, t, 3, 3, 3, 3);
    for (let at: usize = 0; at < rowBytes; at += 16) {
      const x = v128.load(row + at);
      v128.store(out + at, f32x4.add(v128.load(out + at), f32x4.mul(x, t0)));
      v128.store(o1 + at, f32x4.add(v128.load(o1 + at), f32x4.mul(x, t1)));
      v128.store(o2 + at, f32x4.add(v128.load(o2 + at), f32x4.mul(x, t2)));
      v128.store(o3 + at, f32x4.add(v128.load(o3 + at), f32x4.mul(x, t3)));
    }
  }
}

/** scores[4 i …] = row i · each of the four basis vectors, for rows [from, to). */
export function projectOnFour(rows: usize, stride: i32, from: i32, to: i32, basis: usize, scores: usize): void {
  const rowBytes = <usize>stride << 2;
  for (let i = from; i < to; i++) {
    const row = rows + <usize>i * rowBytes;
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    for (let at: usize = 0; at < rowBytes; at += 16) {
      const x = v128.load(row + at);
      a0 = f32x4.add(a0, f32x4.mul(x, v128.load(basis + at)));
      a1 = f32x4.add(a1, f32x4.mul(x, v128.load(basis + rowBytes + at)));
      a2 = f32x4.add(a2, f32x4.mul(x, v128.load(basis + 2 * rowBytes + at)));
      a3 = f32x4.add(a3, f32x4.mul(x, v128.load(basis + 3 * rowBytes + at)));
    }
    v128.store(scores + (<usize>i << 4), sumFour(a0, a1, a2, a3));
  }
}
