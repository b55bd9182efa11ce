import { calibrate, group, groupQueries } from './cells.js';
import { integers } from './memory.js';
import { scanNearestCells } from './probe.js';
import type { Team } from './team.js';

/** Query rows that share one pass over the candidates. */
export const BLOCK = 128;

/** Rows whose neighbours are wanted; their lists come in the order the rows end up in. */
export interface QueryParams {
  readonly rows: number;
  readonly data: number;
  readonly norms: number;
  /** As in CellParams, for these rows. */
  readonly starts: number;
  readonly order: number;
}

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
  /** null: the rows themselves, each without itself. */
  readonly queries: QueryParams | null;
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
  /** First row of each cell, and the end; count + 1. */
  readonly starts: number;
  /** order[position] = original row; rows move so that a cell's rows lie together. */
  readonly order: number;
  /** One per calibration row × (k + 1), for exact neighbours. */
  readonly truthDistances: number;
  readonly truthIndices: number;
  readonly truthRows: number;
  readonly truthNorms: number;
  /** One per calibration row × count: cells by nearness. */
  readonly truthCells: number;
  readonly truthCellDistances: number;
  /** Scratch of `probe.ts` for each thread. */
  readonly probeBytes: number;
  readonly probe: number;
}

export interface SearchResult {
  readonly method: 'exact' | 'approximate';
  /** Estimated share of true neighbours found. */
  readonly recall: number;
  /** Share of all pairs that were compared. */
  readonly compared: number;
}

/**
 * k nearest rows of every row. Exact: all pairs in cache-sized blocks. Approximate: rows are grouped into cells
 * around k-means centres (an inverted file, Jégou et al. 2011) and each row meets only the cells whose centres are
 * nearest to it; how many is decided by the exact neighbours of a sample, so the recall is measured, not hoped for.
 */
export function search(team: Team, p: SearchParams): SearchResult {
  measureNorms(team, p.data, p.norms, p.rows, p.stride);
  if (p.cells === null) {
    if (p.queries) measureNorms(team, p.queries.data, p.queries.norms, p.queries.rows, p.stride);
    scanAll(team, p);
    return { method: 'exact', recall: 1, compared: 1 };
  }
  const { cells } = p;
  group(team, p, cells);
  const { probed, ...result } = calibrate(team, p, cells);
  if (p.queries) groupQueries(team, p, cells, p.queries);
  scanNearestCells(
    team,
    p,
    cells,
    probed,
    blocksOf(integers(team.memory, (p.queries ?? cells).starts, cells.count + 1)),
  );
  return result;
}

export function measureNorms(team: Team, data: number, norms: number, rows: number, stride: number): void {
  team.each(Math.ceil(rows / 512), (piece) =>
    team.kernels.squaredNorms(data, stride, piece * 512, Math.min(rows, piece * 512 + 512), norms),
  );
}

/** Rows [from, to) of one cell. */
export interface Block {
  readonly from: number;
  readonly to: number;
}

function blocksOf(starts: Int32Array): Block[] {
  const blocks: Block[] = [];
  for (let cell = 0; cell + 1 < starts.length; cell++) {
    for (let from = starts[cell]; from < starts[cell + 1]; from += BLOCK) {
      blocks.push({ from, to: Math.min(from + BLOCK, starts[cell + 1]) });
    }
  }
  return blocks;
}

function scanAll(team: Team, p: SearchParams): void {
  const { kernels } = team;
  const { data, norms, rows } = p.queries ?? p;
  team.each(Math.ceil(rows / BLOCK), (piece) => {
    const from = piece * BLOCK;
    const to = Math.min(rows, from + BLOCK);
    kernels.clearHeaps(from, to, p.k, p.distances, p.indices);
    kernels.scan(
      ...([data, norms, from, to, p.data, p.norms, 0, p.rows] as const),
      ...([p.stride, p.k, p.distances, p.indices, p.queries ? 0 : 1, 0] as const),
    );
    finish(team, p, from, to);
  });
}

/** Heaps of rows [from, to) → lists, nearest first. */
export function finish(team: Team, p: SearchParams, from: number, to: number): void {
  team.kernels.sortHeaps(
    ...([(p.queries ?? p).data, p.data, p.stride, from, to, p.k, p.distances, p.indices] as const),
    p.cosine ? 1 : 0,
  );
}
