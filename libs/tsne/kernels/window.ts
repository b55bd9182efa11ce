// The window that carries charges between map points and grid nodes: the "exponential of semicircle"
// exp(β(√(1 − (z/2)²) − 1)), β = 6.5, on four nodes (Barnett, Magland & af Klinteberg, SIAM J. Sci. Comput.
// 2019), one fifth-degree polynomial per node. At equal width its force error is two thirds of a cubic
// spline's. Coefficients: libs/tsne/bench/fit-window.mjs 6.5 5.

/** Weights of the nodes at −1, 0, 1, 2 cells for a point t ∈ [0, 1) past node 0. */
// @ts-ignore: decorator
@inline
export function windowWeights(t: f32): v128 {
  const x = f32x4.splat(t);
  let w: v128 = f32x4(0.0072628549, -0.11180895, 0.11180895, -0.0072628548);
  w = f32x4.add(f32x4.mul(w, x), f32x4(-0.19327465, 0.37752179, -0.18152293, -0.15696038));
  w = f32x4.add(f32x4.mul(w, x), f32x4(0.33400081, -0.04270216, -0.34929556, 0.36646925));
  w = f32x4.add(f32x4.mul(w, x), f32x4(0.22205659, -0.8037362, 0.21519863, 0.13703965));
  w = f32x4.add(f32x4.mul(w, x), f32x4(-0.78666678, -0.00067697719, 0.78521341, 0.077335512));
  w = f32x4.add(f32x4.mul(w, x), f32x4(0.41862461, 1.0000087, 0.41860616, 0.0020034312));
  return w;
}

/** The same, into four floats: the host derives the window's Fourier transform from samples. */
export function sampleWindow(t: f32, out: usize): void {
  v128.store(out, windowWeights(t));
}
