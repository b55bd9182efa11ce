import { Random } from '@hazure/numerics';
import { floats } from './memory.js';
import type { Team } from './team.js';

/** Vectors iterated together; two are wanted, the others speed the convergence of those. */
const WIDTH = 4;
const ITERATIONS = 16;
/** Fixed, so that partial sums do not depend on the number of threads. */
const PIECES = 32;

export interface ComponentsParams {
  readonly rows: number;
  readonly stride: number;
  /** Rows with column means of zero. */
  readonly data: number;
  /** WIDTH × stride */
  readonly basis: number;
  /** PIECES × WIDTH × stride */
  readonly partial: number;
  /** rows × WIDTH */
  readonly scores: number;
  readonly seed: number;
}

export const componentsScratch = (stride: number): { basis: number; partial: number } => ({
  basis: 4 * WIDTH * stride,
  partial: 4 * PIECES * WIDTH * stride,
});

/**
 * Scores of every row on the leading principal components (the first two columns of `scores`), by block power
 * iteration on XᵀX. Signs are fixed so that each component's largest loading is positive.
 */
export function components(team: Team, p: ComponentsParams): void {
  const { kernels, memory } = team;
  const block = WIDTH * p.stride;
  const basis = floats(memory, p.basis, block);
  const partial = floats(memory, p.partial, PIECES * block);
  team.lead(() => {
    const random = new Random(p.seed);
    for (let i = 0; i < block; i++) basis[i] = random.nextNormal();
    orthonormalise(basis, p.stride);
  });
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    team.each(PIECES, (piece) => {
      const from = Math.floor((piece * p.rows) / PIECES);
      const to = Math.floor(((piece + 1) * p.rows) / PIECES);
      partial.fill(0, piece * block, (piece + 1) * block);
      kernels.gramTimesFour(p.data, p.stride, from, to, p.basis, p.partial + 4 * piece * block);
    });
    team.lead(() => {
      for (let i = 0; i < block; i++) {
        let sum = 0;
        for (let piece = 0; piece < PIECES; piece++) sum += partial[piece * block + i];
        basis[i] = sum;
      }
      orthonormalise(basis, p.stride);
    });
  }
  team.lead(() => fixSigns(basis, p.stride));
  team.each(PIECES, (piece) => {
    const from = Math.floor((piece * p.rows) / PIECES);
    const to = Math.floor(((piece + 1) * p.rows) / PIECES);
    kernels.projectOnFour(p.data, p.stride, from, to, p.basis, p.scores);
  });
}

/** Modified Gram–Schmidt over WIDTH vectors; what vanishes becomes zero. */
function orthonormalise(basis: Float32Array, stride: number): void {
  const vectors = Array.from({ length: WIDTH }, (_, v) =>
    Float64Array.from(basis.subarray(v * stride, (v + 1) * stride)),
  );
  vectors.forEach((vector, v) => {
    const before = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    // Twice is enough (Kahan): the second pass removes what cancellation left.
    for (let pass = 0; pass < 2; pass++) {
      for (let u = 0; u < v; u++) {
        let dot = 0;
        for (let c = 0; c < stride; c++) dot += vector[c] * vectors[u][c];
        for (let c = 0; c < stride; c++) vector[c] -= dot * vectors[u][c];
      }
    }
    const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    const scale = norm > 1e-6 * before && norm > 0 ? 1 / norm : 0;
    for (let c = 0; c < stride; c++) vector[c] *= scale;
    basis.set(vector, v * stride);
  });
}

function fixSigns(basis: Float32Array, stride: number): void {
  for (let v = 0; v < WIDTH; v++) {
    const vector = basis.subarray(v * stride, (v + 1) * stride);
    let largest = 0;
    for (const value of vector) if (Math.abs(value) > Math.abs(largest)) largest = value;
    if (largest < 0) for (let c = 0; c < stride; c++) vector[c] = -vector[c];
  }
}
