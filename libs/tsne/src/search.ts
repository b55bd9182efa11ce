import { calibrate, group, groupQueries } from './cells.js';
import { integers } from './memory.js';
import { scanNearestCells } from './probe.js';
import { blocksOf, measureNorms, scanAll } from './scan.js';
import type { Team } from './team.js';

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
