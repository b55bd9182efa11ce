import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { Random } from '@hazure/numerics';
import { blobs } from '../test/blobs.js';
import {
  conditionalAffinities,
  exactForces,
  jointAffinities,
  nearest,
  pairwiseDistances,
} from '../test/oracle.js';
import { conditional, conditionalScratch, countPairs, fillBlocks, fillPairs } from './affinities.js';
import { GridRepulsion } from './grid.js';
import { compileKernels, instantiateKernels } from './kernels.js';
import { KERNELS_SOURCE_SHA256 } from './kernels.generated.js';
import { Arena, doubles, floats, integers } from './memory.js';
import { CONTROL, Team } from './team.js';
import { TreeRepulsion } from './tree.js';

/** A crew of one, in this thread. */
function alone(arena = new Arena()): { arena: Arena; team: Team } {
  const kernels = instantiateKernels(compileKernels(), arena.memory);
  const control = new Int32Array(new SharedArrayBuffer(4 * CONTROL.length));
  return { arena, team: new Team(0, 1, kernels, arena.memory, control, () => undefined) };
}

/** Relative root mean square difference. */
function difference(found: Float32Array, expected: ArrayLike<number>): number {
  let error = 0;
  let size = 0;
  for (let i = 0; i < found.length; i++) {
    error += (found[i] - expected[i]) ** 2;
    size += expected[i] ** 2;
  }
  return Math.sqrt(error / size);
}

function randomMap(rows: number, radius: number): Float32Array {
  const random = new Random(3);
  return Float32Array.from({ length: 2 * rows }, () => radius * random.nextNormal());
}

test('the compiled kernels are those of the sources', () => {
  const folder = new URL('../kernels/', import.meta.url);
  const hash = createHash('sha256');
  for (const name of readdirSync(folder)
    .filter((n) => n.endsWith('.ts'))
    .sort()) {
    hash
      .update(name)
      .update('\0')
      .update(readFileSync(new URL(name, folder)));
  }
  // On failure: node libs/tsne/bench/build-kernels.mjs
  expect(hash.digest('hex')).toBe(KERNELS_SOURCE_SHA256);
});

describe('repulsion against the sum over all pairs in double precision', () => {
  const rows = 700;
  const empty = new Float64Array(rows * rows);

  test.each([
    ['a grown map', 15],
    ['a young map', 0.5],
    ['the first iteration', 1e-4],
  ])('%s', (_, radius) => {
    const map = randomMap(rows, radius);
    const truth = exactForces(empty, map, rows);
    const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < map.length; i++) {
      box[i & 1] = Math.min(box[i & 1], map[i]);
      box[2 + (i & 1)] = Math.max(box[2 + (i & 1)], map[i]);
    }
    const { arena, team } = alone();
    const y = arena.allocate(8 * (rows + 4));
    const out = arena.allocate(8 * rows);
    const partial = new Float64Array(Math.ceil(rows / 64));
    floats(arena.memory, y, 2 * (rows + 4)).fill(1e18);
    floats(arena.memory, y, 2 * rows).set(map);
    const force = (): Float32Array => floats(arena.memory, out, 2 * rows);

    const exact = team.kernels.repelExactly(y, rows, 0, rows, out);
    expect(difference(force(), truth.repulsion)).toBeLessThan(1e-5);
    expect(exact / truth.normaliser).toBeCloseTo(1, 5);

    const grid = new GridRepulsion(team, arena.mark, y, rows, 64);
    const z = grid.prepare(box);
    grid.read(0, rows, out);
    expect(difference(force(), truth.repulsion)).toBeLessThan(0.03);
    expect(Math.abs(z / truth.normaliser - 1)).toBeLessThan(1e-3);

    new TreeRepulsion(team, arena.mark, y, out, rows, 64).prepare(box, partial);
    expect(difference(force(), truth.repulsion)).toBeLessThan(0.05);
    expect(Math.abs(partial.reduce((a, b) => a + b, 0) / truth.normaliser - 1)).toBeLessThan(0.02);
  });

  test('the tree without an opening angle is exact, also with points in one place', () => {
    const map = randomMap(rows, 5);
    map.copyWithin(200, 0, 100);
    map.fill(1.5, 400, 500);
    const truth = exactForces(empty, map, rows);
    const { arena, team } = alone();
    const y = arena.allocate(8 * rows);
    const out = arena.allocate(8 * rows);
    floats(arena.memory, y, 2 * rows).set(map);
    const partial = new Float64Array(Math.ceil(rows / 64));
    new TreeRepulsion(team, arena.mark, y, out, rows, 64, 0).prepare([-30, -30, 30, 30], partial);
    expect(difference(floats(arena.memory, out, 2 * rows), truth.repulsion)).toBeLessThan(1e-5);
    expect(partial.reduce((a, b) => a + b, 0) / truth.normaliser).toBeCloseTo(1, 5);
  });

  test('a finer grid is nearer to the truth', () => {
    const map = randomMap(rows, 15);
    const truth = exactForces(empty, map, rows);
    const errors = [1, 0.5, 0.3].map((spacing) => {
      const { arena, team } = alone();
      const y = arena.allocate(8 * rows);
      const out = arena.allocate(8 * rows);
      floats(arena.memory, y, 2 * rows).set(map);
      const grid = new GridRepulsion(team, arena.mark, y, rows, 64, spacing);
      const xs = map.filter((_, i) => i % 2 === 0);
      const ys = map.filter((_, i) => i % 2 === 1);
      grid.prepare([Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]);
      grid.read(0, rows, out);
      return difference(floats(arena.memory, out, 2 * rows), truth.repulsion);
    });
    expect(errors[1]).toBeLessThan(errors[0] / 4);
    expect(errors[2]).toBeLessThan(errors[1] / 4);
  });
});

describe('affinities, attraction and divergence against double precision', () => {
  const rows = 300;
  const perplexity = 20;
  const k = 61;
  const x = blobs(rows, 8, 4, 2);
  const lists = nearest(pairwiseDistances(x.data, rows, x.cols, 'euclidean'), rows, k);
  const truth = conditionalAffinities(lists, rows, perplexity);
  const joint = jointAffinities(lists, truth, rows);

  function graph() {
    const { arena, team } = alone();
    const distances = arena.allocate(4 * (rows * k + 4));
    floats(arena.memory, distances, rows * k).set(lists.distances.map((d) => d * d));
    const scratch = arena.allocate(conditionalScratch(k));
    conditional(team, { rows, k, pitch: k, distances, perplexity, scratch });
    const affinities = floats(arena.memory, distances, rows * k).slice();
    const shared = {
      rows,
      k,
      pitch: k,
      indices: lists.indices,
      affinities,
      inStarts: new Int32Array(rows + 1),
      inSources: new Int32Array(rows * k),
      inAffinities: new Float32Array(rows * k),
      rowStarts: arena.allocate(4 * (rows + 1)),
    };
    const entries = countPairs(team, shared);
    const columns = arena.allocate(4 * entries);
    const values = arena.allocate(4 * entries);
    const partial = arena.allocate(8 * fillBlocks(rows));
    doubles(arena.memory, partial, fillBlocks(rows)).fill(0);
    const negativeEntropy = fillPairs(team, { ...shared, columns, joint: values, partial });
    return {
      arena,
      team,
      affinities,
      rowStarts: shared.rowStarts,
      columns,
      values,
      entries,
      negativeEntropy,
    };
  }

  test('p(j|i) has the wanted perplexity', () => {
    const { affinities } = graph();
    let worst = 0;
    affinities.forEach((p, i) => {
      worst = Math.max(worst, Math.abs(p - truth[i]));
    });
    expect(worst).toBeLessThan(2e-5);
  });

  test('the symmetric graph is the joint matrix', () => {
    const { arena, rowStarts, columns, values, entries, negativeEntropy } = graph();
    const starts = integers(arena.memory, rowStarts, rows + 1);
    const to = integers(arena.memory, columns, entries);
    const p = floats(arena.memory, values, entries);
    const dense = new Float64Array(rows * rows);
    let entropy = 0;
    for (let i = 0; i < rows; i++) {
      expect(starts[i] % 4).toBe(0);
      for (let at = starts[i]; at < starts[i + 1]; at++) dense[i * rows + to[at]] += p[at];
    }
    joint.forEach((value, at) => {
      expect(Math.abs(dense[at] - value)).toBeLessThan(1e-7);
      if (value > 0) entropy += value * Math.log(value);
    });
    expect(negativeEntropy).toBeCloseTo(entropy, 3);
  });

  test('attraction and the divergence', () => {
    const map = randomMap(rows, 4);
    const forces = exactForces(joint, map, rows);
    const { arena, team, rowStarts, columns, values, negativeEntropy } = graph();
    const y = arena.allocate(8 * rows);
    const out = arena.allocate(8 * rows);
    floats(arena.memory, y, 2 * rows).set(map);
    team.kernels.attract(y, 0, rows, rowStarts, columns, values, out);
    expect(difference(floats(arena.memory, out, 2 * rows), forces.attraction)).toBeLessThan(1e-4);
    const length = team.kernels.stretchedLength(y, 0, rows, rowStarts, columns, values);
    expect(negativeEntropy + length + Math.log(forces.normaliser)).toBeCloseTo(forces.klDivergence, 3);
  });
});
