import { InterruptedError } from '@hazure/contracts';
import { blobs } from '../test/blobs.js';
import { nearest, pairwiseDistances } from '../test/oracle.js';
import { Crew } from './crew.js';
import { compileKernels, instantiateKernels } from './kernels.js';
import { floats, integers } from './memory.js';
import { findNeighbours, prepareRows } from './neighbours.js';
import type { Metric, NeighbourSearch } from './options.js';
import { search } from './search.js';
import { CONTROL, Team } from './team.js';

async function lists(
  x: ReturnType<typeof blobs>,
  k: number,
  options: { metric: Metric; neighbours: NeighbourSearch; threads?: number; recall?: number },
) {
  const crew = new Crew(options.threads ?? 2);
  try {
    const prepared = prepareRows(x, options.metric);
    const found = await findNeighbours(crew, prepared, k, { recall: 0.97, seed: 1, threads: 2, ...options });
    const { memory } = prepared.arena;
    const indices = new Int32Array(x.rows * k);
    const distances = new Float32Array(x.rows * k);
    const position = found.order ?? Int32Array.from({ length: x.rows }, (_, i) => i);
    position.forEach((row, i) => {
      const at = 4 * i * found.pitch;
      indices.set(
        integers(memory, found.indices + at, k).map((j) => position[j]),
        row * k,
      );
      distances.set(floats(memory, found.distances + at, k), row * k);
    });
    return { ...found, indices, distances };
  } finally {
    await crew.close();
  }
}

function recallOf(found: Int32Array, truth: Int32Array, rows: number, k: number): number {
  let hits = 0;
  for (let i = 0; i < rows; i++) {
    const real = new Set(truth.subarray(i * k, (i + 1) * k));
    for (let s = 0; s < k; s++) if (real.has(found[i * k + s])) hits++;
  }
  return hits / (rows * k);
}

describe.each(['euclidean', 'cosine'] as const)('neighbours, %s', (metric) => {
  const rows = 700;
  const k = 20;
  const x = blobs(rows, 13, 5, 2);
  const truth = nearest(pairwiseDistances(x.data, rows, x.cols, metric), rows, k);

  test('exact search finds them all, with their distances', async () => {
    const found = await lists(x, k, { metric, neighbours: 'exact' });
    expect(found.method).toBe('exact');
    expect(recallOf(found.indices, truth.indices as Int32Array, rows, k)).toBeGreaterThan(0.9999);
    // Euclidean rows are scaled as a whole: distances agree up to one factor.
    const factor = found.distances[0] / truth.distances[0] ** 2;
    if (metric === 'cosine') expect(factor).toBeCloseTo(1, 4);
    for (let i = 0; i < rows * k; i++) {
      expect(found.distances[i] / (factor * truth.distances[i] ** 2)).toBeCloseTo(1, 3);
    }
  });

  test('approximate search finds the share it was asked for and tells it', async () => {
    const found = await lists(x, k, { metric, neighbours: 'approximate' });
    const recall = recallOf(found.indices, truth.indices as Int32Array, rows, k);
    expect(found.method).toBe('approximate');
    expect(found.compared).toBeLessThan(0.9);
    expect(recall).toBeGreaterThan(0.95);
    expect(Math.abs(recall - found.recall)).toBeLessThan(0.03);
  });

  test('lists do not depend on the number of threads', async () => {
    const [one, three] = await Promise.all(
      [1, 3].map((threads) => lists(x, k, { metric, neighbours: 'approximate', threads })),
    );
    expect(three.indices).toEqual(one.indices);
    expect(three.distances).toEqual(one.distances);
  });
});

test('rows far from the origin keep their neighbours', async () => {
  const x = blobs(300, 6, 3, 2);
  const far = { ...x, data: x.data.map((value) => value + 10000) };
  const truth = nearest(pairwiseDistances(far.data, x.rows, x.cols, 'euclidean'), x.rows, 10);
  const found = await lists(far, 10, { metric: 'euclidean', neighbours: 'exact' });
  expect(recallOf(found.indices, truth.indices as Int32Array, x.rows, 10)).toBeGreaterThan(0.999);
});

test('rows in cells too small to fill a list still get whole lists', async () => {
  // Forty pairs far from one crowd and from each other: most cells hold two rows, a list 25.
  const crowd = blobs(500, 6, 1, 0);
  const data = Float32Array.from({ length: 580 * 6 }, (_, at) => crowd.data[at] ?? 0);
  for (let i = 500; i < 580; i++) {
    const pair = i >> 1;
    for (let c = 0; c < 6; c++) data[i * 6 + c] = 1000 * Math.cos(pair * (c + 1)) + 0.01 * (i & 1);
  }
  const x = { data, rows: 580, cols: 6 };
  const truth = nearest(pairwiseDistances(data, 580, 6, 'euclidean'), 580, 20);
  const found = await lists(x, 20, { metric: 'euclidean', neighbours: 'approximate', recall: 0.5 });
  expect(found.indices.every((j) => j >= 0 && j < 580)).toBe(true);
  for (let i = 0; i < 580; i++) expect(new Set(found.indices.subarray(20 * i, 20 * i + 20)).size).toBe(20);
  const far = (list: Int32Array): Int32Array => list.slice(500 * 20);
  expect(recallOf(far(found.indices), far(truth.indices as Int32Array), 80, 20)).toBeGreaterThan(0.9);
});

test('equal rows beyond the size of a cell find each other', async () => {
  const x = { data: new Float32Array(300 * 4).fill(3), rows: 300, cols: 4 };
  const found = await lists(x, 10, { metric: 'euclidean', neighbours: 'approximate' });
  expect(found.distances.every((d) => d === 0)).toBe(true);
  expect(found.indices.every((j, at) => j >= 0 && j !== Math.floor(at / 10))).toBe(true);
});

test('an abort leaves the rest of a search undone', () => {
  const { arena, data, rows, stride } = prepareRows(blobs(500, 8, 5, 2), 'euclidean');
  const control = new Int32Array(new SharedArrayBuffer(4 * CONTROL.length));
  const kernels = instantiateKernels(compileKernels(), arena.memory);
  const team = new Team(0, 1, kernels, arena.memory, control, () => undefined);
  const k = 10;
  const norms = arena.allocate(4 * (rows + 4));
  const distances = arena.allocate(4 * rows * k);
  const indices = arena.allocate(4 * rows * k);
  const fixed = { rows, stride, k, data, norms, distances, indices, cosine: false, seed: 1 };
  const filled = (): boolean => floats(arena.memory, distances, rows * k).some((d) => d > 0);
  Atomics.store(control, CONTROL.abort, 1);
  search(team, { ...fixed, queries: null, cells: null });
  expect(filled()).toBe(false);
  Atomics.store(control, CONTROL.abort, 0);
  search(team, { ...fixed, queries: null, cells: null });
  expect(filled()).toBe(true);
});

test.each(['exact', 'approximate'] as const)(
  'an abort in the midst of an %s search rejects',
  async (neighbours) => {
    const stop = new AbortController();
    const crew = new Crew(2, stop.signal);
    try {
      const prepared = prepareRows(blobs(6000, 64, 5, 2), 'euclidean');
      const options = { metric: 'euclidean', neighbours, recall: 0.99, seed: 1, threads: 2 } as const;
      const running = findNeighbours(crew, prepared, 90, options);
      stop.abort();
      await expect(running).rejects.toBeInstanceOf(InterruptedError);
    } finally {
      await crew.close();
    }
  },
);
