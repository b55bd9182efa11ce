#!/usr/bin/env node
/**
 * Fits the spreading window of libs/tsne/kernels/window.ts: exp(β(√(1 − (z/2)²) − 1)) on four nodes (Barnett,
 * Magland & af Klinteberg 2019), one polynomial in t per node, by least squares at Chebyshev points.
 *   node libs/tsne/bench/fit-window.mjs [beta] [degree]
 */
const beta = Number(process.argv[2] ?? 6.5);
const degree = Number(process.argv[3] ?? 7);
const psi = (z) => Math.exp(beta * (Math.sqrt(Math.max(0, 1 - (z * z) / 4)) - 1));
const points = Array.from({ length: 64 }, (_, i) => 0.5 - 0.5 * Math.cos((Math.PI * (i + 0.5)) / 64));

function fit(values) {
  const n = degree + 1;
  const a = Array.from({ length: n }, (_, r) =>
    Array.from({ length: n + 1 }, (_, c) =>
      points.reduce((s, t, i) => s + t ** r * (c < n ? t ** c : values[i]), 0),
    ),
  );
  for (let p = 0; p < n; p++) {
    let pivot = p;
    for (let r = p + 1; r < n; r++) if (Math.abs(a[r][p]) > Math.abs(a[pivot][p])) pivot = r;
    [a[p], a[pivot]] = [a[pivot], a[p]];
    for (let r = 0; r < n; r++) {
      if (r === p) continue;
      const factor = a[r][p] / a[p][p];
      for (let c = p; c <= n; c++) a[r][c] -= factor * a[p][c];
    }
  }
  return a.map((row, i) => row[n] / row[i]);
}

// Node j lies at offset 1 − j from the point's cell: z = t + 1 − j.
const nodes = [0, 1, 2, 3].map((j) => fit(points.map((t) => psi(t + 1 - j))));
for (let power = degree; power >= 0; power--) {
  console.log(`f32x4(${nodes.map((c) => c[power].toPrecision(9)).join(', ')})`);
}
let worst = 0;
for (let t = 0; t < 1; t += 0.001) {
  nodes.forEach((c, j) => {
    worst = Math.max(worst, Math.abs(c.reduce((s, v, p) => s + v * t ** p, 0) - psi(t + 1 - j)));
  });
}
console.log(`worst error ${worst.toExponential(2)}`);
