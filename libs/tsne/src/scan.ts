import type { SearchParams } from './search-params.js';
import type { Team } from './team.js';

/** Query rows that share one pass over the candidates. */
export const BLOCK = 128;

/** Squared norms of all rows. */
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

/** The rows of every cell, in blocks. */
export function blocksOf(starts: Int32Array): Block[] {
  const blocks: Block[] = [];
  for (let cell = 0; cell + 1 < starts.length; cell++) {
    for (let from = starts[cell]; from < starts[cell + 1]; from += BLOCK) {
      blocks.push({ from, to: Math.min(from + BLOCK, starts[cell + 1]) });
    }
  }
  return blocks;
}

/** Every row meets every other. */
export function scanAll(team: Team, p: SearchParams): void {
  const { kernels } = team;
  const { data, norms, rows } = p.queries ?? p;
  team.each(Math.ceil(rows / BLOCK), (piece) => {
    if (team.aborting) return;
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
