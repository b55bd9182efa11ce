import type { EmbeddingMatrix } from '@hazure/contracts';
import { Random } from '@hazure/numerics';

/** Gaussian clusters; row i belongs to cluster i % clusters. */
export function blobs(rows: number, cols: number, clusters: number, spread = 10, seed = 1): EmbeddingMatrix {
  const random = new Random(seed);
  const centres = Float32Array.from({ length: clusters * cols }, () => spread * random.nextNormal());
  const data = new Float32Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let c = 0; c < cols; c++) {
      data[i * cols + c] = centres[(i % clusters) * cols + c] + random.nextNormal();
    }
  }
  return { data, rows, cols };
}

/** Share of the k nearest points of the plane that belong to the same cluster, over all of `y`. */
export function sameCluster(y: Float32Array, others: Float32Array, clusters: number, k: number): number {
  const rows = y.length / 2;
  let same = 0;
  for (let i = 0; i < rows; i++) {
    const distances = Float64Array.from({ length: others.length / 2 }, (_, j) =>
      y === others && i === j
        ? Infinity
        : (y[2 * i] - others[2 * j]) ** 2 + (y[2 * i + 1] - others[2 * j + 1]) ** 2,
    );
    const nearest = Array.from(distances.keys()).sort((a, b) => distances[a] - distances[b]);
    for (const j of nearest.slice(0, k)) if (j % clusters === i % clusters) same++;
  }
  return same / (rows * k);
}
