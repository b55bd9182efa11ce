// Small vector helpers shared by the kernels. Lanes are f32 unless a name says otherwise.

/** Sum of the four lanes. */
// @ts-ignore: decorator
@inline
export function sumLanes(v: v128): f32 {
  const pairs = f32x4.add(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

/** (Σa, Σb, Σc, Σd) */
// @ts-ignore: decorator
@inline
export function sumFour(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<i32>(ab, cd, 0, 1, 4, 5), v128.shuffle<i32>(ab, cd, 2, 3, 6, 7));
}

/** eˣ for x ≤ 0, relative error below 3e-7; 0 below −87. */
// @ts-ignore: decorator
@inline
export function expNegative(x: v128): v128 {
  const t = f32x4.mul(f32x4.max(x, f32x4.splat(-87)), f32x4.splat(1.44269504));
  const whole = f32x4.nearest(t);
  const f = f32x4.mul(f32x4.sub(t, whole), f32x4.splat(0.69314718));
  let p = f32x4.add(f32x4.mul(f, f32x4.splat(1.0 / 720)), f32x4.splat(1.0 / 120));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(1.0 / 24));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(1.0 / 6));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(0.5));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(1));
  const scale = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(whole), i32x4.splat(127)), 23);
  return v128.and(f32x4.mul(p, scale), f32x4.gt(x, f32x4.splat(-87)));
}

/** Natural logarithm for normal x > 0, absolute error below 2e-7. */
// @ts-ignore: decorator
@inline
export function logPositive(x: v128): v128 {
  // x = 2ᵉ m with m in [√½, √2)
  const shifted = i32x4.sub(x, i32x4.splat(0x3f3504f3));
  const exponent = i32x4.shr_s(shifted, 23);
  const m = i32x4.sub(x, i32x4.shl(exponent, 23));
  const one = f32x4.splat(1);
  const s = f32x4.div(f32x4.sub(m, one), f32x4.add(m, one));
  const s2 = f32x4.mul(s, s);
  let p = f32x4.add(f32x4.mul(s2, f32x4.splat(2.0 / 7)), f32x4.splat(2.0 / 5));
  p = f32x4.add(f32x4.mul(p, s2), f32x4.splat(2.0 / 3));
  p = f32x4.add(f32x4.mul(p, s2), f32x4.splat(2));
  return f32x4.add(
    f32x4.mul(p, s),
    f32x4.mul(f32x4.convert_i32x4_s(exponent), f32x4.splat(0.69314718)),
  );
}
