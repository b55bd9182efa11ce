import { calibrate, group, groupQueries } from './cells.js';
import { integers } from './memory.js';
import { scanNearestCells } from './probe.js';
import { blocksOf, measureNorms, scanAll } from './scan.js';
import type { SearchParams, SearchResult } from './search-params.js';
import type { Team } from './team.js';

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
