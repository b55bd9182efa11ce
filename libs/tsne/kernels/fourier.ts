// Four complex Fourier transforms at once, one per vector lane: Stockham's self-sorting algorithm in radices
// 4, 3 and 2. Real and imaginary parts lie in two buffers of n vectors each.

/**
 * Forward transform of length n = Π radices. `radices`: i32 list; `roots`: n pairs (cos, −sin)(2πk/n).
 * Works back and forth between (re, im) and (re2, im2); returns 1 when the result lies in the second pair.
 * The inverse (unscaled) is the same call with real and imaginary buffers swapped.
 */
export function transformFour(
  n: i32,
  radices: usize,
  count: i32,
  roots: usize,
  re: usize,
  im: usize,
  re2: usize,
  im2: usize,
): i32 {
  let length = n;
  let stride = 1;
  for (let pass = 0; pass < count; pass++) {
    const radix = load<i32>(radices + (<usize>pass << 2));
    if (radix == 4) passFour(length, stride, roots, re, im, re2, im2);
    else if (radix == 3) passThree(length, stride, roots, re, im, re2, im2);
    else passTwo(length, stride, roots, re, im, re2, im2);
    length /= radix;
    stride *= radix;
    let held = re;
    re = re2;
    re2 = held;
    held = im;
    im = im2;
    im2 = held;
  }
  return count & 1;
}

function passFour(
  length: i32,
  stride: i32,
  roots: usize,
  re: usize,
  im: usize,
  re2: usize,
  im2: usize,
): void {
  const m = length >> 2;
  const s = <usize>stride << 4;
  const quarter = s * m;
  for (let p = 0; p < m; p++) {
    const w1 = roots + (<usize>(p * stride) << 3);
    const w2 = roots + (<usize>(2 * p * stride) << 3);
    const w3 = roots + (<usize>(3 * p * stride) << 3);
    const c1 = v128.load32_splat(w1);
    const s1 = v128.load32_splat(w1, 4);
    const c2 = v128.load32_splat(w2);
    const s2 = v128.load32_splat(w2, 4);
    const c3 = v128.load32_splat(w3);
    const s3 = v128.load32_splat(w3, 4);
    let from = s * p;
    let to = s * p * 4;
    const end = from + s;
    while (from < end) {
      const ar = v128.load(re + from);
      const ai = v128.load(im + from);
      const br = v128.load(re + from + quarter);
      const bi = v128.load(im + from + quarter);
      const cr = v128.load(re + from + 2 * quarter);
      const ci = v128.load(im + from + 2 * quarter);
      const dr = v128.load(re + from + 3 * quarter);
      const di = v128.load(im + from + 3 * quarter);
      const apcR = f32x4.add(ar, cr);
      const apcI = f32x4.add(ai, ci);
      const amcR = f32x4.sub(ar, cr);
      const amcI = f32x4.sub(ai, ci);
      const bpdR = f32x4.add(br, dr);
      const bpdI = f32x4.add(bi, di);
      // −i (b − d)
      const jR = f32x4.sub(bi, di);
      const jI = f32x4.sub(dr, br);
      v128.store(re2 + to, f32x4.add(apcR, bpdR));
      v128.store(im2 + to, f32x4.add(apcI, bpdI));
      let tr = f32x4.add(amcR, jR);
      let ti = f32x4.add(amcI, jI);
      v128.store(re2 + to + s, f32x4.sub(f32x4.mul(tr, c1), f32x4.mul(ti, s1)));
      v128.store(im2 + to + s, f32x4.add(f32x4.mul(tr, s1), f32x4.mul(ti, c1)));
      tr = f32x4.sub(apcR, bpdR);
      ti = f32x4.sub(apcI, bpdI);
      v128.store(re2 + to + 2 * s, f32x4.sub(f32x4.mul(tr, c2), f32x4.mul(ti, s2)));
      v128.store(im2 + to + 2 * s, f32x4.add(f32x4.mul(tr, s2), f32x4.mul(ti, c2)));
      tr = f32x4.sub(amcR, jR);
      ti = f32x4.sub(amcI, jI);
      v128.store(re2 + to + 3 * s, f32x4.sub(f32x4.mul(tr, c3), f32x4.mul(ti, s3)));
      v128.store(im2 + to + 3 * s, f32x4.add(f32x4.mul(tr, s3), f32x4.mul(ti, c3)));
      from += 16;
      to += 16;
    }
  }
}

function passThree(
  length: i32,
  stride: i32,
  roots: usize,
  re: usize,
  im: usize,
  re2: usize,
  im2: usize,
): void {
  const m = length / 3;
  const s = <usize>stride << 4;
  const third = s * m;
  const half = f32x4.splat(0.5);
  const sine = f32x4.splat(0.8660254037844386);
  for (let p = 0; p < m; p++) {
    const w1 = roots + (<usize>(p * stride) << 3);
    const w2 = roots + (<usize>(2 * p * stride) << 3);
    const c1 = v128.load32_splat(w1);
    const s1 = v128.load32_splat(w1, 4);
    const c2 = v128.load32_splat(w2);
    const s2 = v128.load32_splat(w2, 4);
    let from = s * p;
    let to = s * p * 3;
    const end = from + s;
    while (from < end) {
      const ar = v128.load(re + from);
      const ai = v128.load(im + from);
      const br = v128.load(re + from + third);
      const bi = v128.load(im + from + third);
      const cr = v128.load(re + from + 2 * third);
      const ci = v128.load(im + from + 2 * third);
      const sumR = f32x4.add(br, cr);
      const sumI = f32x4.add(bi, ci);
      const midR = f32x4.sub(ar, f32x4.mul(half, sumR));
      const midI = f32x4.sub(ai, f32x4.mul(half, sumI));
      // −i sin(π/3) (b − c)
      const jR = f32x4.mul(sine, f32x4.sub(bi, ci));
      const jI = f32x4.mul(sine, f32x4.sub(cr, br));
      v128.store(re2 + to, f32x4.add(ar, sumR));
      v128.store(im2 + to, f32x4.add(ai, sumI));
      let tr = f32x4.add(midR, jR);
      let ti = f32x4.add(midI, jI);
      v128.store(re2 + to + s, f32x4.sub(f32x4.mul(tr, c1), f32x4.mul(ti, s1)));
      v128.store(im2 + to + s, f32x4.add(f32x4.mul(tr, s1), f32x4.mul(ti, c1)));
      tr = f32x4.sub(midR, jR);
      ti = f32x4.sub(midI, jI);
      v128.store(re2 + to + 2 * s, f32x4.sub(f32x4.mul(tr, c2), f32x4.mul(ti, s2)));
      v128.store(im2 + to + 2 * s, f32x4.add(f32x4.mul(tr, s2), f32x4.mul(ti, c2)));
      from += 16;
      to += 16;
    }
  }
}

function passTwo(
  length: i32,
  stride: i32,
  roots: usize,
  re: usize,
  im: usize,
  re2: usize,
  im2: usize,
): void {
  const m = length >> 1;
  const s = <usize>stride << 4;
  const other = s * m;
  for (let p = 0; p < m; p++) {
    const w1 = roots + (<usize>(p * stride) << 3);
    const c1 = v128.load32_splat(w1);
    const s1 = v128.load32_splat(w1, 4);
    let from = s * p;
    let to = s * p * 2;
    const end = from + s;
    while (from < end) {
      const ar = v128.load(re + from);
      const ai = v128.load(im + from);
      const br = v128.load(re + from + other);
      const bi = v128.load(im + from + other);
      v128.store(re2 + to, f32x4.add(ar, br));
      v128.store(im2 + to, f32x4.add(ai, bi));
      const tr = f32x4.sub(ar, br);
      const ti = f32x4.sub(ai, bi);
      v128.store(re2 + to + s, f32x4.sub(f32x4.mul(tr, c1), f32x4.mul(ti, s1)));
      v128.store(im2 + to + s, f32x4.add(f32x4.mul(tr, s1), f32x4.mul(ti, c1)));
      from += 16;
      to += 16;
    }
  }
}
