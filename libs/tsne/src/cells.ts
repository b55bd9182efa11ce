import { Random, sampleWithoutReplacement } from '@hazure/numerics';
import { floats, integers } from './memory.js';
import { BLOCK, measureNorms } from './scan.js';
import type { CellParams, QueryParams, SearchParams, SearchResult } from './search-params.js';
import type { Team } from './team.js';

/** Rows whose exact neighbours calibrate the approximate search. */
const CALIBRATION_ROWS = 256;
const LLOYD_ITERATIONS = 4;

export const calibrationRows = (rows: number): number => Math.min(rows, CALIBRATION_ROWS);

/** Nearest centre of every row, into the first entries of `p.indices`. */
function assign(
  team: Team,
  p: SearchParams,
  cells: CellParams,
  rows: number,
  norms: number,
  count: number,
): void {
  const { kernels } = team;
  team.each(Math.ceil(count / BLOCK), (piece) => {
    const from = piece * BLOCK;
    const to = Math.min(count, from + BLOCK);
    kernels.clearHeaps(from, to, 1, p.distances, p.indices);
    kernels.scan(
      ...([rows, norms, from, to, cells.centroids, cells.centroidNorms, 0, cells.count] as const),
      ...([p.stride, 1, p.distances, p.indices, 0, 0] as const),
    );
  });
}

/** Moves assigned rows so that each cell's lie together. */
function regroup(team: Team, p: SearchParams, count: number, rows: QueryParams): void {
  const { memory } = team;
  const nearest = integers(memory, p.indices, rows.rows);
  const starts = integers(memory, rows.starts, count + 1);
  const order = integers(memory, rows.order, rows.rows);
  starts.fill(0);
  for (const cell of nearest) starts[cell + 1]++;
  for (let cell = 0; cell < count; cell++) starts[cell + 1] += starts[cell];
  const next = starts.slice();
  nearest.forEach((cell, i) => {
    order[next[cell]++] = i;
  });
  moveRows(
    floats(memory, rows.data, rows.rows * p.stride),
    p.stride,
    floats(memory, rows.norms, rows.rows),
    order,
  );
}

/** Sorts query rows into the cells of the reference rows. */
export function groupQueries(team: Team, p: SearchParams, cells: CellParams, queries: QueryParams): void {
  measureNorms(team, queries.data, queries.norms, queries.rows, p.stride);
  assign(team, p, cells, queries.data, queries.norms, queries.rows);
  team.lead(() => regroup(team, p, cells.count, queries));
}

/** Finds the centres on a sample, assigns every row, and moves the rows so that cells lie together. */
export function group(team: Team, p: SearchParams, cells: CellParams): void {
  const { kernels, memory } = team;
  const { stride } = p;
  const data = floats(memory, p.data, p.rows * stride);
  const sample = floats(memory, cells.sample, cells.sampleRows * stride);
  const centroids = floats(memory, cells.centroids, cells.count * stride);
  const nearest = integers(memory, p.indices, cells.sampleRows);
  team.lead(() => {
    const random = new Random(p.seed);
    const picked = sampleWithoutReplacement(random, p.rows, cells.sampleRows);
    picked.forEach((row, i) => sample.set(data.subarray(row * stride, (row + 1) * stride), i * stride));
    centroids.set(sample.subarray(0, cells.count * stride));
    kernels.squaredNorms(cells.sample, stride, 0, cells.sampleRows, cells.sampleNorms);
    kernels.squaredNorms(cells.centroids, stride, 0, cells.count, cells.centroidNorms);
  });
  for (let iteration = 0; iteration < LLOYD_ITERATIONS; iteration++) {
    assign(team, p, cells, cells.sample, cells.sampleNorms, cells.sampleRows);
    team.lead(() => {
      const sums = new Float64Array(cells.count * stride);
      const sizes = new Int32Array(cells.count);
      for (let i = 0; i < cells.sampleRows; i++) {
        const at = nearest[i] * stride;
        sizes[nearest[i]]++;
        for (let c = 0; c < stride; c++) sums[at + c] += sample[i * stride + c];
      }
      for (let cell = 0; cell < cells.count; cell++) {
        // A centre that no row chose stays where it is.
        if (sizes[cell] === 0) continue;
        for (let c = 0; c < stride; c++) centroids[cell * stride + c] = sums[cell * stride + c] / sizes[cell];
      }
      kernels.squaredNorms(cells.centroids, stride, 0, cells.count, cells.centroidNorms);
    });
  }
  assign(team, p, cells, p.data, p.norms, p.rows);
  team.lead(() => regroup(team, p, cells.count, { ...p, starts: cells.starts, order: cells.order }));
}

/** Permutes rows and norms in place, following the cycles of `order`. */
function moveRows(data: Float32Array, stride: number, norms: Float32Array, order: Int32Array): void {
  const done = new Uint8Array(order.length);
  const held = new Float32Array(stride);
  for (let start = 0; start < order.length; start++) {
    if (done[start] || order[start] === start) continue;
    held.set(data.subarray(start * stride, (start + 1) * stride));
    const heldNorm = norms[start];
    let at = start;
    for (;;) {
      done[at] = 1;
      const from = order[at];
      if (from === start) break;
      data.copyWithin(at * stride, from * stride, (from + 1) * stride);
      norms[at] = norms[from];
      at = from;
    }
    data.set(held, at * stride);
    norms[at] = heldNorm;
  }
}

/** What a search that meets the nearest `probed` cells of each row finds. */
export interface Calibration extends SearchResult {
  readonly probed: number;
}

/** Chooses the number of cells to probe: the fewest that hold the wanted share of a sample's true neighbours. */
export function calibrate(team: Team, p: SearchParams, cells: CellParams): Calibration {
  const { kernels, memory } = team;
  const { stride } = p;
  const count = calibrationRows(p.rows);
  const picked = sampleWithoutReplacement(new Random(p.seed).fork(1), p.rows, count);
  const k = p.k + 1;
  team.lead(() => {
    const data = floats(memory, p.data, p.rows * stride);
    const queries = floats(memory, cells.truthRows, count * stride);
    picked.forEach((row, i) => queries.set(data.subarray(row * stride, (row + 1) * stride), i * stride));
    kernels.squaredNorms(cells.truthRows, stride, 0, count, cells.truthNorms);
  });
  team.each(Math.ceil(count / 16), (piece) => {
    const from = piece * 16;
    const to = Math.min(count, from + 16);
    const sample = [cells.truthRows, cells.truthNorms, from, to] as const;
    kernels.clearHeaps(from, to, k, cells.truthDistances, cells.truthIndices);
    kernels.scan(
      ...([...sample, p.data, p.norms, 0, p.rows] as const),
      ...([stride, k, cells.truthDistances, cells.truthIndices, 0, 0] as const),
    );
    kernels.clearHeaps(from, to, cells.count, cells.truthCellDistances, cells.truthCells);
    kernels.scan(
      ...([...sample, cells.centroids, cells.centroidNorms, 0, cells.count] as const),
      ...([stride, cells.count, cells.truthCellDistances, cells.truthCells, 0, 0] as const),
    );
    kernels.sortHeaps(
      ...([cells.truthRows, cells.centroids, stride, from, to, cells.count] as const),
      ...([cells.truthCellDistances, cells.truthCells, 0] as const),
    );
  });
  // Every thread counts the same numbers, so no thread has to wait for another's.
  const starts = integers(memory, cells.starts, cells.count + 1);
  const truth = integers(memory, cells.truthIndices, count * k);
  const nearness = integers(memory, cells.truthCells, count * cells.count);
  const atRank = new Float64Array(cells.count);
  const comparedAtRank = new Float64Array(cells.count);
  const rankOf = new Int32Array(cells.count);
  picked.forEach((row, i) => {
    for (let rank = 0; rank < cells.count; rank++) {
      const cell = nearness[i * cells.count + rank];
      rankOf[cell] = rank;
      comparedAtRank[rank] += (starts[cell + 1] - starts[cell]) / (count * p.rows);
    }
    for (let s = 0; s < k; s++) {
      const index = truth[i * k + s];
      if (index >= 0 && index !== row) atRank[rankOf[cellOf(starts, index)]]++;
    }
  });
  const total = atRank.reduce((a, b) => a + b, 0);
  let probed = 0;
  let found = 0;
  let compared = 0;
  while (probed < cells.count && (found < cells.recall * total || found === 0)) {
    found += atRank[probed];
    compared += comparedAtRank[probed];
    probed++;
  }
  return { method: 'approximate', recall: total === 0 ? 1 : found / total, compared, probed };
}

/** The cell that a (moved) row lies in. */
function cellOf(starts: Int32Array, row: number): number {
  let low = 0;
  let high = starts.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}
