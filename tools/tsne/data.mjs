/** Synthetic data for the t-SNE tools. */
import { Random } from '../../libs/numerics/dist/index.js';

/** Gaussian clusters in `cols` dimensions; row i belongs to cluster i % count. Centres lie `spread` apart per axis. */
export function clusters(rows, cols, count, seed, spread = 0.5) {
  const random = new Random(seed);
  const centres = Float32Array.from({ length: count * cols }, () => spread * random.nextNormal());
  const data = new Float32Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    const at = (i % count) * cols;
    for (let c = 0; c < cols; c++) data[i * cols + c] = centres[at + c] + random.nextNormal();
  }
  return { data, rows, cols };
}
