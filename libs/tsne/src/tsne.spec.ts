import { ConfigError, InputError, InterruptedError, type EmbeddingMatrix } from '@hazure/contracts';
import { Random } from '@hazure/numerics';
import { tsne } from './index.js';

/** `clusters` Gaussian blobs far apart; row i belongs to cluster i % clusters. */
function blobs(rows: number, cols: number, clusters: number, seed = 1): EmbeddingMatrix {
  const random = new Random(seed);
  const centres = Float32Array.from({ length: clusters * cols }, () => 10 * random.nextNormal());
  const data = new Float32Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let c = 0; c < cols; c++)
      data[i * cols + c] = centres[(i % clusters) * cols + c] + random.nextNormal();
  }
  return { data, rows, cols };
}

describe('tsne', () => {
  test('keeps clusters together', async () => {
    const x = blobs(150, 10, 3);
    const { y, n, klDivergence, perplexity } = await tsne(x, { iterations: 300, perplexity: 15 });
    expect(n).toBe(150);
    expect(perplexity).toBe(15);
    expect(klDivergence).toBeGreaterThan(0);
    let together = 0;
    for (let i = 0; i < n; i++) {
      let best = -1;
      let bestDistance = Infinity;
      for (let j = 0; j < n; j++) {
        const d = (y[2 * i] - y[2 * j]) ** 2 + (y[2 * i + 1] - y[2 * j + 1]) ** 2;
        if (j !== i && d < bestDistance) [best, bestDistance] = [j, d];
      }
      if (best % 3 === i % 3) together++;
    }
    expect(together).toBeGreaterThan(140);
  });

  test('one point lies at the origin', async () => {
    const result = await tsne({ data: new Float32Array([1, 2, 3]), rows: 1, cols: 3 });
    expect([...result.y]).toEqual([0, 0]);
    expect(result.klDivergence).toBe(0);
    expect(result.iterations).toBe(0);
  });

  test.each([2, 3, 5, 20, 60])(
    '%i points: the perplexity is lowered to (n − 1)/3, at least 1',
    async (rows) => {
      const result = await tsne(blobs(rows, 4, 2), { iterations: 60 });
      expect(result.perplexity).toBe(Math.max(1, Math.min(30, (rows - 1) / 3)));
      expect(result.y.every(Number.isFinite)).toBe(true);
      expect(result.klDivergence).toBeGreaterThanOrEqual(-1e-6);
    },
  );

  test('constant rows and columns give a finite map', async () => {
    const constant = await tsne(
      { data: new Float32Array(50 * 3).fill(7), rows: 50, cols: 3 },
      { iterations: 60 },
    );
    expect(constant.y.every(Number.isFinite)).toBe(true);
  });

  test('refuses what has no map', async () => {
    const nan = blobs(10, 3, 2);
    nan.data[14] = NaN;
    await expect(tsne(nan)).rejects.toThrow(/Row 4, column 2 is NaN/);
    await expect(tsne(nan)).rejects.toBeInstanceOf(InputError);
    await expect(tsne({ data: new Float32Array(0), rows: 0, cols: 3 })).rejects.toBeInstanceOf(InputError);
    await expect(tsne({ data: new Float32Array(5), rows: 2, cols: 3 })).rejects.toThrow(
      /2 × 3 = 6 values, came 5/,
    );
    await expect(tsne({ data: new Float32Array(6), rows: 2, cols: 3 }, { metric: 'cosine' })).rejects.toThrow(
      /all zeros/,
    );
    await expect(tsne(blobs(9, 2, 2), { perplexity: 0 })).rejects.toBeInstanceOf(ConfigError);
    await expect(tsne(blobs(9, 2, 2), { init: new Float32Array(4) })).rejects.toThrow(/9 × 2 coordinates/);
  });

  test('an abort signal ends the run', async () => {
    const stop = new AbortController();
    const run = tsne(blobs(200, 4, 2), { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(run).rejects.toBeInstanceOf(InterruptedError);
  });
});
