#!/usr/bin/env node
/**
 * How far each repulsion is from the sum over all pairs in double precision, on a grown map: relative root mean
 * square error of the forces, relative error of the normaliser Z.
 *   node libs/tsne/bench/accuracy.mjs [POINTS]
 */
import { GridRepulsion } from '../dist/grid.js';
import { compileKernels, instantiateKernels } from '../dist/kernels.js';
import { Arena, floats } from '../dist/memory.js';
import { CONTROL, Team } from '../dist/team.js';
import { TreeRepulsion } from '../dist/tree.js';
import { tsne } from '../dist/index.js';
import { readMatrix } from './data.mjs';

const n = Number(process.argv[2] ?? 3000);
const { y: map } = await tsne(readMatrix(`clusters:${n}x50`));
const truth = new Float64Array(2 * n);
let normaliser = 0;
for (let i = 0; i < n; i++) {
  for (let j = 0; j < n; j++) {
    if (i === j) continue;
    const dx = map[2 * i] - map[2 * j];
    const dy = map[2 * i + 1] - map[2 * j + 1];
    const q = 1 / (1 + dx * dx + dy * dy);
    normaliser += q;
    truth[2 * i] += q * q * dx;
    truth[2 * i + 1] += q * q * dy;
  }
}
const xs = map.filter((_, i) => i % 2 === 0);
const ys = map.filter((_, i) => i % 2 === 1);
const bounds = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];

function measure(name, compute) {
  const arena = new Arena();
  const kernels = instantiateKernels(compileKernels(), arena.memory);
  const control = new Int32Array(new SharedArrayBuffer(4 * CONTROL.length));
  const team = new Team(0, 1, kernels, arena.memory, control, () => undefined);
  const y = arena.allocate(8 * (n + 4));
  const out = arena.allocate(8 * n);
  floats(arena.memory, y, 2 * (n + 4)).fill(1e18);
  floats(arena.memory, y, 2 * n).set(map);
  const z = compute(team, arena.mark, y, out);
  const found = floats(arena.memory, out, 2 * n);
  let error = 0;
  let size = 0;
  truth.forEach((value, i) => {
    error += (found[i] - value) ** 2;
    size += value ** 2;
  });
  return {
    name,
    force: Math.sqrt(error / size).toExponential(1),
    normaliser: Math.abs(z / normaliser - 1).toExponential(1),
  };
}

const rows = [measure('exact', (team, _, y, out) => team.kernels.repelExactly(y, n, 0, n, out))];
for (const theta of [0.2, 0.5, 0.8]) {
  rows.push(
    measure(`barnes-hut, theta ${theta}`, (team, base, y, out) => {
      const partial = new Float64Array(Math.ceil(n / 64));
      new TreeRepulsion(team, base, y, out, n, 64, theta).prepare(bounds, partial);
      return partial.reduce((a, b) => a + b, 0);
    }),
  );
}
for (const spacing of [0.3, 0.4, 0.5, 0.6, 0.8, 1]) {
  rows.push(
    measure(`fft, spacing ${spacing}`, (team, base, y, out) => {
      const grid = new GridRepulsion(team, base, y, n, 64, spacing);
      const z = grid.prepare(bounds);
      grid.read(0, n, out);
      return z;
    }),
  );
}
console.table(rows);
