/**
 * t-SNE written out plainly in double precision: O(n²) everywhere, one thread. It is the yardstick of the
 * fast paths (van der Maaten & Hinton, "Visualizing data using t-SNE", JMLR 2008).
 */
import type { Metric } from '../src/options.js';

/** Distances of all pairs, n×n row-major. Cosine distance is 1 − cosine similarity. */
export function pairwiseDistances(
  data: ArrayLike<number>,
  rows: number,
  cols: number,
  metric: Metric,
): Float64Array {
  const out = new Float64Array(rows * rows);
  const norms = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    let sum = 0;
    for (let c = 0; c < cols; c++) sum += data[i * cols + c] ** 2;
    norms[i] = Math.sqrt(sum);
  }
  for (let i = 0; i < rows; i++) {
    for (let j = i + 1; j < rows; j++) {
      let sum = 0;
      for (let c = 0; c < cols; c++) {
        const a = data[i * cols + c];
        const b = data[j * cols + c];
        sum += metric === 'cosine' ? (a / norms[i] - b / norms[j]) ** 2 : (a - b) ** 2;
      }
      const distance = metric === 'cosine' ? sum / 2 : Math.sqrt(sum);
      out[i * rows + j] = distance;
      out[j * rows + i] = distance;
    }
  }
  return out;
}

export interface NeighbourLists {
  /** n×k, nearest first; ties by index. */
  readonly indices: Int32Array;
  /** n×k */
  readonly distances: Float32Array | Float64Array;
  readonly k: number;
}

export function nearest(distances: Float64Array, rows: number, k: number): NeighbourLists {
  const indices = new Int32Array(rows * k);
  const out = new Float64Array(rows * k);
  for (let i = 0; i < rows; i++) {
    const row = distances.subarray(i * rows, (i + 1) * rows);
    const order = Int32Array.from({ length: rows }, (_, j) => j)
      .filter((j) => j !== i)
      .sort((a, b) => row[a] - row[b] || a - b);
    for (let s = 0; s < k; s++) {
      indices[i * k + s] = order[s];
      out[i * k + s] = row[order[s]];
    }
  }
  return { indices, distances: out, k };
}

/** Row-wise p(j|i) ∝ exp(−β d²) with β found so that the entropy is log(perplexity). n×k. */
export function conditionalAffinities(
  neighbours: NeighbourLists,
  rows: number,
  perplexity: number,
): Float64Array {
  const { k, distances } = neighbours;
  const out = new Float64Array(rows * k);
  const target = Math.log(perplexity);
  for (let i = 0; i < rows; i++) {
    const squared = Float64Array.from(distances.subarray(i * k, (i + 1) * k), (d) => d * d);
    const offset = squared.reduce((a, b) => Math.min(a, b), Infinity);
    const p = out.subarray(i * k, (i + 1) * k);
    let beta = 1;
    let low = 0;
    let high = Infinity;
    for (let step = 0; step < 200; step++) {
      let sum = 0;
      let weighted = 0;
      for (let s = 0; s < k; s++) {
        p[s] = Math.exp(-beta * (squared[s] - offset));
        sum += p[s];
        weighted += p[s] * (squared[s] - offset);
      }
      const entropy = Math.log(sum) + (beta * weighted) / sum;
      for (let s = 0; s < k; s++) p[s] /= sum;
      if (Math.abs(entropy - target) < 1e-10) break;
      if (entropy > target) low = beta;
      else high = beta;
      beta = high === Infinity ? beta * 2 : (low + high) / 2;
      if (beta > 1e300 || beta < 1e-300) break;
    }
  }
  return out;
}

/** P = (p(j|i) + p(i|j)) / 2n as a dense n×n matrix. */
export function jointAffinities(
  neighbours: NeighbourLists,
  conditional: Float64Array,
  rows: number,
): Float64Array {
  const joint = new Float64Array(rows * rows);
  const { k, indices } = neighbours;
  for (let i = 0; i < rows; i++) {
    for (let s = 0; s < k; s++) {
      const j = indices[i * k + s];
      const half = conditional[i * k + s] / (2 * rows);
      joint[i * rows + j] += half;
      joint[j * rows + i] += half;
    }
  }
  return joint;
}

export interface ExactForces {
  /** Σ_j exaggeration × p_ij (y_i − y_j) / (1 + d²), n×2 */
  readonly attraction: Float64Array;
  /** Σ_j (y_i − y_j) / (1 + d²)², n×2, before the division by Z */
  readonly repulsion: Float64Array;
  /** Z = Σ_{i≠j} 1 / (1 + d²) */
  readonly normaliser: number;
  readonly klDivergence: number;
}

/** Both forces of a map and its KL divergence, summed over all pairs. */
export function exactForces(joint: Float64Array, y: ArrayLike<number>, rows: number): ExactForces {
  const attraction = new Float64Array(rows * 2);
  const repulsion = new Float64Array(rows * 2);
  let normaliser = 0;
  let crossEntropy = 0;
  let mass = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < rows; j++) {
      if (i === j) continue;
      const dx = y[2 * i] - y[2 * j];
      const dy = y[2 * i + 1] - y[2 * j + 1];
      const q = 1 / (1 + dx * dx + dy * dy);
      normaliser += q;
      repulsion[2 * i] += q * q * dx;
      repulsion[2 * i + 1] += q * q * dy;
      const p = joint[i * rows + j];
      if (p > 0) {
        attraction[2 * i] += p * q * dx;
        attraction[2 * i + 1] += p * q * dy;
        crossEntropy += p * Math.log(p / q);
        mass += p;
      }
    }
  }
  return { attraction, repulsion, normaliser, klDivergence: crossEntropy + mass * Math.log(normaliser) };
}
