import { ConfigError, InputError, InterruptedError } from '@hazure/contracts';
import { blobs, sameCluster } from '../test/blobs.js';
import { transform, tsne, type TsneProgress } from './index.js';

/** Ten nearest of `others` for each of `points`. */
function nearestOf(points: Float32Array, others: Float32Array, cols: number): number[] {
  return Array.from({ length: points.length / cols }, (_, i) => {
    const distances = Array.from({ length: others.length / cols }, (__, j) => {
      let sum = 0;
      for (let c = 0; c < cols; c++) sum += (points[i * cols + c] - others[j * cols + c]) ** 2;
      return sum;
    });
    return Array.from(distances.keys())
      .sort((a, b) => distances[a] - distances[b])
      .slice(0, 10);
  }).flat();
}

describe('tsne', () => {
  test.each(['exact', 'barnes-hut', 'fft'] as const)('%s keeps clusters together', async (method) => {
    const result = await tsne(blobs(300, 10, 4), { method, iterations: 400, perplexity: 15 });
    expect(result.method).toBe(method);
    expect(result.n).toBe(300);
    expect(result.iterations).toBe(400);
    expect(sameCluster(result.y, result.y, 4, 5)).toBeGreaterThan(0.98);
  });

  test('the three repulsions reach the same divergence', async () => {
    const x = blobs(400, 10, 6, 2);
    const run = (method: 'exact' | 'barnes-hut' | 'fft') => tsne(x, { method, perplexity: 20 });
    const [exact, tree, grid] = [await run('exact'), await run('barnes-hut'), await run('fft')];
    expect(Math.abs(tree.klDivergence / exact.klDivergence - 1)).toBeLessThan(0.08);
    expect(Math.abs(grid.klDivergence / exact.klDivergence - 1)).toBeLessThan(0.08);
  });

  test.each(['pca', 'spectral', 'random'] as const)('starts from %s', async (init) => {
    const { y } = await tsne(blobs(200, 10, 3), { init, iterations: 400, perplexity: 15 });
    expect(sameCluster(y, y, 3, 5)).toBeGreaterThan(0.95);
  });

  test('no iterations leave given coordinates as they are, centred', async () => {
    const init = Float64Array.from({ length: 60 }, (_, i) => Math.sin(i));
    const { y, iterations } = await tsne(blobs(30, 4, 2), { init, iterations: 0, neighbours: 'approximate' });
    expect(iterations).toBe(0);
    expect(y[2] - y[0]).toBeCloseTo(init[2] - init[0], 5);
    expect(y[59] - y[57]).toBeCloseTo(init[59] - init[57], 5);
  });

  test.each(['exact', 'barnes-hut', 'fft'] as const)(
    '%s: the map is the same on 1 and 3 threads',
    async (method) => {
      const x = blobs(400, 8, 4, 2);
      const options = { method, iterations: 320, perplexity: 20, neighbours: 'approximate' } as const;
      const [one, three] = await Promise.all([
        tsne(x, { ...options, threads: 1 }),
        tsne(x, { ...options, threads: 3 }),
      ]);
      expect(three.y).toEqual(one.y);
      expect(three.klDivergence).toBe(one.klDivergence);
    },
  );

  test('progress is told, and a tolerance ends the run early', async () => {
    const told: TsneProgress[] = [];
    const result = await tsne(blobs(150, 6, 3), {
      ...{ iterations: 3000, tolerance: 0.01, perplexity: 10, onProgress: (p) => told.push(p) },
    });
    expect(result.iterations).toBeLessThan(3000);
    expect(told[0].stage).toBe('neighbours');
    expect(told.at(-1)?.done).toBe(result.iterations);
    expect(told.at(-1)?.klDivergence).toBe(result.klDivergence);
  });

  test('one point lies at the origin', async () => {
    const result = await tsne({ data: new Float32Array([1, 2, 3]), rows: 1, cols: 3 });
    expect([...result.y]).toEqual([0, 0]);
    expect(result.klDivergence).toBe(0);
    expect(result.iterations).toBe(0);
  });

  test.each([2, 3, 5, 20, 60])('%i points: perplexity at most (n − 1)/3, at least 1', async (rows) => {
    const result = await tsne(blobs(rows, 4, 2), { iterations: 60 });
    expect(result.perplexity).toBe(Math.max(1, Math.min(30, (rows - 1) / 3)));
    expect(result.y.every(Number.isFinite)).toBe(true);
    expect(result.klDivergence).toBeGreaterThanOrEqual(-1e-6);
  });

  test.each(['exact', 'barnes-hut', 'fft'] as const)('%s: equal rows give a finite map', async (method) => {
    const constant = { data: new Float32Array(150 * 3).fill(7), rows: 150, cols: 3 };
    expect((await tsne(constant, { method, iterations: 300 })).y.every(Number.isFinite)).toBe(true);
    const twins = blobs(200, 5, 2);
    twins.data.copyWithin(500, 0, 500);
    twins.data.fill(1, 0, 5 * 60);
    const { y } = await tsne(twins, { method, iterations: 300, metric: 'cosine' });
    expect(y.every(Number.isFinite)).toBe(true);
  });

  test('constant columns have no influence', async () => {
    const narrow = blobs(120, 4, 3);
    const wide = { rows: 120, cols: 8, data: new Float32Array(120 * 8).fill(1000) };
    narrow.data.forEach((value, at) => (wide.data[8 * (at >> 2) + (at & 3)] = value));
    const init = Float32Array.from({ length: 240 }, (_, i) => 1e-4 * Math.sin(i * i));
    const options = { perplexity: 10, iterations: 200, init } as const;
    expect((await tsne(wide, options)).y).toEqual((await tsne(narrow, options)).y);
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

  test('an abort signal ends the run, before it and in its midst', async () => {
    await expect(tsne(blobs(50, 4, 2), { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(
      InterruptedError,
    );
    const stop = new AbortController();
    const run = tsne(blobs(200, 4, 2), {
      iterations: 1_000_000,
      signal: stop.signal,
      onProgress: ({ stage }) => stage === 'optimise' && stop.abort(),
    });
    await expect(run).rejects.toBeInstanceOf(InterruptedError);
  });
});

describe('transform', () => {
  const clusters = 4;
  const all = blobs(480, 10, clusters, 4);
  const part = (from: number, to: number) => ({
    data: all.data.slice(from * all.cols, to * all.cols),
    rows: to - from,
    cols: all.cols,
  });
  const base = part(0, 400);
  const fresh = part(400, 480);

  test('new points land among their cluster, alone as together, on any number of threads', async () => {
    const { y } = await tsne(base, { perplexity: 15, iterations: 500 });
    const before = y.slice();
    const placed = await transform({ x: base, y }, fresh);
    expect(y).toEqual(before);
    expect(sameCluster(placed.y, y, clusters, 5)).toBeGreaterThan(0.98);
    const approximate = await transform({ x: base, y }, fresh, { neighbours: 'approximate', threads: 3 });
    expect(sameCluster(approximate.y, y, clusters, 5)).toBeGreaterThan(0.98);
    const alone = await transform({ x: base, y }, part(417, 418), { threads: 1 });
    expect([...alone.y]).toEqual([...placed.y.subarray(34, 36)]);
  });

  test('as many true neighbours are near as in a run of old and new rows together', async () => {
    const options = { perplexity: 15, iterations: 500 } as const;
    const { y } = await tsne(base, options);
    const placed = (await transform({ x: base, y }, fresh)).y;
    const joint = (await tsne(all, options)).y;
    const { data, cols } = all;
    const truth = nearestOf(data.subarray(400 * cols), data.subarray(0, 400 * cols), cols);
    const kept = (points: Float32Array, others: Float32Array): number =>
      nearestOf(points, others, 2).filter((j, at) =>
        truth
          .slice(10 * Math.floor(at / 10))
          .slice(0, 10)
          .includes(j),
      ).length / truth.length;
    const apart = kept(placed, y);
    const together = kept(joint.subarray(800), joint.subarray(0, 800));
    expect(together).toBeGreaterThan(0.2);
    expect(apart).toBeGreaterThan(0.85 * together);
  });

  test('refuses rows that are not finite', async () => {
    const nan = part(0, 2);
    nan.data[13] = NaN;
    await expect(transform({ x: base, y: new Float32Array(800) }, nan)).rejects.toThrow(
      /Row 1, column 3 is NaN/,
    );
  });

  test('refuses other widths; no rows give no points', async () => {
    const map = { x: base, y: new Float32Array(800) };
    await expect(transform(map, blobs(3, 9, 1))).rejects.toThrow(/rows of 10 values like the map's, came 9/);
    await expect(transform({ ...map, y: new Float32Array(6) }, fresh)).rejects.toThrow(/400 × 2 coordinates/);
    expect((await transform(map, { data: new Float32Array(0), rows: 0, cols: 10 })).y).toHaveLength(0);
  });
});

describe('few rows', () => {
  const kinds: Record<string, (row: number, col: number) => number> = {
    noise: (row, col) => Math.sin(12.9898 * row + 78.233 * col) * 43758.5453,
    same: () => 1,
    pairs: (row, col) => (row >> 1) * (col + 1),
    'one far away': (row, col) => (row === 0 ? 1e6 : Math.sin(row * col)),
  };

  test.each(['fft', 'barnes-hut', 'exact'] as const)('%s takes any number of them, soon', async (method) => {
    for (const rows of [1, 2, 6]) {
      for (const value of Object.values(kinds)) {
        const data = Float32Array.from({ length: rows * 4 }, (_, i) => value(i >> 2, i & 3));
        const result = await tsne({ data, rows, cols: 4 }, { method, perplexity: 30, iterations: 300 });
        expect(result.y).toHaveLength(2 * rows);
        expect(result.y.every(Number.isFinite)).toBe(true);
        expect(result.method).toBe(method);
        // By exact sums some hundredths; a grid that follows few points far apart takes minutes.
        expect(result.seconds).toBeLessThan(5);
      }
    }
  });

  test('fft is exact where summing pairs is cheaper', async () => {
    const data = Float32Array.from({ length: 32 * 4 }, (_, i) => kinds['noise'](i >> 2, i & 3));
    const x = { data, rows: 32, cols: 4 };
    const fft = await tsne(x, { method: 'fft', iterations: 250 });
    const exact = await tsne(x, { method: 'exact', iterations: 250 });
    expect([...fft.y]).toEqual([...exact.y]);
  });

  test('a row that is not finite is named', async () => {
    const x = { data: Float32Array.of(1, 2, NaN, 4), rows: 2, cols: 2 };
    await expect(tsne(x, { method: 'fft' })).rejects.toThrow(/Row 1, column 0 is NaN/);
  });
});
