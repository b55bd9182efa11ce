import { integers } from './memory.js';
import { BLOCK, finish, type Block } from './scan.js';
import type { CellParams, SearchParams } from './search-params.js';
import type { Team } from './team.js';

/** Bytes of scratch for one thread: distances and ranks of the cells for a block's rows, and the same by cell. */
export const probeScratch = (cells: number): number => 3 * 4 * BLOCK * cells + 64;

/**
 * Each row meets the `probed` cells whose centres are nearest to it. Centres are ranked for every row by itself:
 * ranked once for a whole cell, the same recall takes twice as many comparisons of embedding-like rows, and 1.6
 * times as many of overlapping clusters (docs/reference/tsne.md). The rows of a block that want the same cell meet
 * it together, so its rows come from the cache.
 */
export function scanNearestCells(
  team: Team,
  p: SearchParams,
  cells: CellParams,
  probed: number,
  blocks: readonly Block[],
): void {
  const { kernels, memory } = team;
  const { data, norms } = p.queries ?? p;
  const starts = integers(memory, cells.starts, cells.count + 1);
  const scratch = cells.probe + team.id * cells.probeBytes;
  const distances = scratch;
  const nearest = distances + 4 * BLOCK * cells.count;
  const list = nearest + 4 * BLOCK * cells.count;
  const wanted = new Int32Array(cells.count);
  const firsts = new Int32Array(cells.count);
  const everywhere = new Uint8Array(BLOCK);

  team.each(blocks.length, (piece) => {
    if (team.aborting) return;
    const { from, to } = blocks[piece];
    const rows = to - from;
    kernels.clearHeaps(0, rows, probed, distances, nearest);
    kernels.scan(
      ...([data + 4 * from * p.stride, norms + 4 * from, 0, rows] as const),
      ...([cells.centroids, cells.centroidNorms, 0, cells.count] as const),
      ...([p.stride, probed, distances, nearest, 0, 0] as const),
    );
    const cellsOfRow = integers(memory, nearest, rows * probed);
    wanted.fill(0);
    let short = 0;
    for (let row = 0; row < rows; row++) {
      const own = cellsOfRow.subarray(row * probed, (row + 1) * probed);
      let candidates = 0;
      for (const cell of own) candidates += starts[cell + 1] - starts[cell];
      // Too few rows to fill the list: meet them all. Tiny cells far from the others make this rare.
      everywhere[row] = candidates < 2 * p.k ? 1 : 0;
      if (everywhere[row]) short++;
      else for (const cell of own) wanted[cell]++;
    }
    // Cells that most rows want are near: with them first, fewer rows enter a list only to leave it again.
    const order: number[] = [];
    for (let cell = 0; cell < cells.count; cell++) {
      if ((wanted[cell] > 0 || short > 0) && starts[cell + 1] > starts[cell]) order.push(cell);
    }
    order.sort((a, b) => wanted[b] - wanted[a] || a - b);
    let top = 0;
    for (const cell of order) {
      firsts[cell] = top;
      top += wanted[cell] + short;
      wanted[cell] = 0;
    }
    const listed = integers(memory, list, BLOCK * cells.count);
    for (let row = 0; row < rows; row++) {
      const add = (cell: number): void => {
        if (starts[cell + 1] > starts[cell]) listed[firsts[cell] + wanted[cell]++] = from + row;
      };
      if (everywhere[row]) for (const cell of order) add(cell);
      else for (let at = row * probed; at < (row + 1) * probed; at++) add(cellsOfRow[at]);
    }
    kernels.clearHeaps(from, to, p.k, p.distances, p.indices);
    for (const cell of order) {
      kernels.scan(
        ...([data, norms, firsts[cell], firsts[cell] + wanted[cell]] as const),
        ...([p.data, p.norms, starts[cell], starts[cell + 1]] as const),
        ...([p.stride, p.k, p.distances, p.indices, p.queries ? 0 : 1, list] as const),
      );
    }
    finish(team, p, from, to);
  });
}
