import { Random, sampleWithoutReplacement } from '@hazure/numerics';
import { floats, integers } from './memory.js';
import type { Team } from './team.js';

/** Query rows that share one pass over the candidates. */
const BLOCK = 128;
/** Rows whose exact neighbours calibrate the approximate search. */
const CALIBRATION_ROWS = 256;
const LLOYD_ITERATIONS = 4;

export interface SearchParams {
  readonly rows: number;
  /** Floats per row, a multiple of 4. */
  readonly stride: number;
  /** Neighbours kept per row while searching; the best of them are re-measured exactly. */
  readonly k: number;
  readonly data: number;
  readonly norms: number;
  readonly distances: number;
  readonly indices: number;
  readonly cosine: boolean;
  readonly seed: number;
  /** null: every row meets every other. */
  readonly cells: CellParams | null;
}

export interface CellParams {
  readonly count: number;
  readonly recall: number;
  readonly sample: number;
  readonly sampleRows: number;
  readonly sampleNorms: number;
  readonly centroids: number;
  readonly centroidNorms: number;
  /** Cell by cell: all cells, nearest first; count × count. */
  readonly probes: number;
  /** First row of each cell, and the end; count + 1. */
  readonly starts: number;
  /** order[position] = original row; rows move so that a cell's rows lie together. */
  readonly order: number;
  /** One per calibration row × (k + 1), for exact neighbours. */
  readonly truthDistances: number;
  readonly truthIndices: number;
  readonly truthRows: number;
  readonly truthNorms: number;
  /** Shared result: probes per cell. */
  readonly chosen: number;
}

export interface SearchResult {
  readonly method: 'exact' | 'approximate';
  /** Estimated share of true neighbours found. */
  readonly recall: number;
  /** Share of all pairs that were compared. */
  readonly compared: number;
}

export const calibrationRows = (rows: number): number => Math.min(rows, CALIBRATION_ROWS);

/**
 * k nearest rows of every row. Exact: all pairs in cache-sized blocks. Approximate: rows are grouped into cells
 * around k-means centres (an inverted file, Jégou et al. 2011) and each cell meets only its nearest cells; how
 * many is decided by the exact neighbours of a sample, so the recall is measured, not hoped for.
 */
export function search(team: Team, p: SearchParams): SearchResult {
  const { kernels } = team;
  team.each(Math.ceil(p.rows / 512), (piece) =>
    kernels.squaredNorms(p.data, p.stride, piece * 512, Math.min(p.rows, piece * 512 + 512), p.norms),
  );
  if (p.cells === null) {
    scanBlocks(team, p, blocksOf(new Int32Array([0, p.rows])), () => [[0, p.rows]]);
    return { method: 'exact', recall: 1, compared: 1 };
  }
  const cells = p.cells;
  group(team, p, cells);
  const result = calibrate(team, p, cells);
  const starts = integers(team.memory, cells.starts, cells.count + 1);
  const probes = integers(team.memory, cells.probes, cells.count * cells.count);
  const probed = integers(team.memory, cells.chosen, 1)[0];
  scanBlocks(team, p, blocksOf(starts), (cell) => {
    const ranges: [number, number][] = [];
    let candidates = 0;
    for (let rank = 0; rank < cells.count; rank++) {
      if (rank >= probed && candidates > 4 * p.k) break;
      const other = probes[cell * cells.count + rank];
      if (starts[other + 1] > starts[other]) ranges.push([starts[other], starts[other + 1]]);
      candidates += starts[other + 1] - starts[other];
    }
    return ranges;
  });
  return result;
}

interface Block {
  readonly cell: number;
  readonly from: number;
  readonly to: number;
}

function blocksOf(starts: Int32Array): Block[] {
  const blocks: Block[] = [];
  for (let cell = 0; cell + 1 < starts.length; cell++) {
    for (let from = starts[cell]; from < starts[cell + 1]; from += BLOCK) {
      blocks.push({ cell, from, to: Math.min(from + BLOCK, starts[cell + 1]) });
    }
  }
  return blocks;
}

function scanBlocks(
  team: Team,
  p: SearchParams,
  blocks: readonly Block[],
  candidatesOf: (cell: number) => readonly (readonly [number, number])[],
): void {
  const { kernels } = team;
  team.each(blocks.length, (piece) => {
    const { cell, from, to } = blocks[piece];
    kernels.clearHeaps(from, to, p.k, p.distances, p.indices);
    for (const [first, end] of candidatesOf(cell)) {
      kernels.scan(
        ...([p.data, p.norms, from, to, p.data, p.norms, first, end] as const),
        ...([p.stride, p.k, p.distances, p.indices, 1] as const),
      );
    }
    kernels.sortHeaps(
      ...([p.data, p.data, p.stride, from, to, p.k, p.distances, p.indices, p.cosine ? 1 : 0] as const),
    );
  });
}

/** Finds the centres on a sample, assigns every row, and moves the rows so that cells lie together. */
function group(team: Team, p: SearchParams, cells: CellParams): void {
  const { kernels, memory } = team;
  const { stride } = p;
  const assign = (rows: number, norms: number, count: number): void => {
    team.each(Math.ceil(count / BLOCK), (piece) => {
      const from = piece * BLOCK;
      const to = Math.min(count, from + BLOCK);
      kernels.clearHeaps(from, to, 1, p.distances, p.indices);
      kernels.scan(
        ...([rows, norms, from, to, cells.centroids, cells.centroidNorms, 0, cells.count] as const),
        ...([stride, 1, p.distances, p.indices, 0] as const),
      );
    });
  };
  const data = floats(memory, p.data, p.rows * stride);
  const sample = floats(memory, cells.sample, cells.sampleRows * stride);
  const centroids = floats(memory, cells.centroids, cells.count * stride);
  const nearest = integers(memory, p.indices, p.rows);
  team.lead(() => {
    const random = new Random(p.seed);
    const picked = sampleWithoutReplacement(random, p.rows, cells.sampleRows);
    picked.forEach((row, i) => sample.set(data.subarray(row * stride, (row + 1) * stride), i * stride));
    centroids.set(sample.subarray(0, cells.count * stride));
    kernels.squaredNorms(cells.sample, stride, 0, cells.sampleRows, cells.sampleNorms);
    kernels.squaredNorms(cells.centroids, stride, 0, cells.count, cells.centroidNorms);
  });
  for (let iteration = 0; iteration < LLOYD_ITERATIONS; iteration++) {
    assign(cells.sample, cells.sampleNorms, cells.sampleRows);
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
  assign(p.data, p.norms, p.rows);
  team.lead(() => {
    const starts = integers(memory, cells.starts, cells.count + 1);
    const order = integers(memory, cells.order, p.rows);
    starts.fill(0);
    for (let i = 0; i < p.rows; i++) starts[nearest[i] + 1]++;
    for (let cell = 0; cell < cells.count; cell++) starts[cell + 1] += starts[cell];
    const next = starts.slice();
    for (let i = 0; i < p.rows; i++) order[next[nearest[i]]++] = i;
    moveRows(data, stride, floats(memory, p.norms, p.rows), order);
  });
  team.each(cells.count, (cell) =>
    rankCells(centroids, stride, cells.count, cell, probesOf(team, cells, cell)),
  );
}

const probesOf = (team: Team, cells: CellParams, cell: number): Int32Array =>
  integers(team.memory, cells.probes + 4 * cell * cells.count, cells.count);

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

function rankCells(
  centroids: Float32Array,
  stride: number,
  count: number,
  cell: number,
  out: Int32Array,
): void {
  const distances = new Float64Array(count);
  for (let other = 0; other < count; other++) {
    let sum = 0;
    for (let c = 0; c < stride; c++)
      sum += (centroids[cell * stride + c] - centroids[other * stride + c]) ** 2;
    distances[other] = sum;
  }
  distances[cell] = -1;
  for (let i = 0; i < count; i++) out[i] = i;
  out.sort((a, b) => distances[a] - distances[b] || a - b);
}

/** Chooses the number of cells to probe: the fewest that hold the wanted share of a sample's true neighbours. */
function calibrate(team: Team, p: SearchParams, cells: CellParams): SearchResult {
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
    kernels.clearHeaps(from, to, k, cells.truthDistances, cells.truthIndices);
    kernels.scan(
      ...([cells.truthRows, cells.truthNorms, from, to, p.data, p.norms, 0, p.rows] as const),
      ...([stride, k, cells.truthDistances, cells.truthIndices, 0] as const),
    );
  });
  // Every thread counts the same numbers, so no thread has to wait for another's.
  const starts = integers(memory, cells.starts, cells.count + 1);
  const truth = integers(memory, cells.truthIndices, count * k);
  const cellOf = (row: number): number => {
    let low = 0;
    let high = cells.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle] <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  const atRank = new Float64Array(cells.count);
  const comparedAtRank = new Float64Array(cells.count);
  const rankOf = new Int32Array(cells.count);
  picked.forEach((row, i) => {
    const probes = probesOf(team, cells, cellOf(row));
    probes.forEach((cell, rank) => {
      rankOf[cell] = rank;
      comparedAtRank[rank] += (starts[cell + 1] - starts[cell]) / (count * p.rows);
    });
    for (let s = 0; s < k; s++) {
      const index = truth[i * k + s];
      if (index >= 0 && index !== row) atRank[rankOf[cellOf(index)]]++;
    }
  });
  const total = atRank.reduce((a, b) => a + b, 0);
  let probed = 0;
  let found = 0;
  let compared = 0;
  while (probed < cells.count && (found < p.cells!.recall * total || found === 0)) {
    found += atRank[probed];
    compared += comparedAtRank[probed];
    probed++;
  }
  team.lead(() => {
    integers(memory, cells.chosen, 1)[0] = probed;
  });
  return { method: 'approximate', recall: total === 0 ? 1 : found / total, compared };
}
