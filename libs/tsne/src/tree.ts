import { Arena, integers } from './memory.js';
import type { Team } from './team.js';

/** Opening angle, as scikit-learn's default. */
const THETA = 0.5;
const NODE_BYTES = 32;
const COUNTS_BYTES = 8192;

/** Repulsion by a quadtree: exact near a point, whole cells far from it. */
export class TreeRepulsion {
  private readonly pairs: number;
  private readonly spare: number;
  private readonly points: number;
  private readonly counts: number;
  private readonly nodeCount: number;
  private readonly tree: number;

  constructor(
    private readonly team: Team,
    base: number,
    private readonly y: number,
    private readonly repulsion: number,
    private readonly rows: number,
    private readonly chunk: number,
    private readonly theta = THETA,
  ) {
    let top = base;
    const take = (bytes: number): number => {
      const pointer = top;
      top = Math.ceil((top + bytes) / 64) * 64;
      return pointer;
    };
    this.pairs = take(8 * rows);
    this.spare = take(8 * rows);
    this.points = take(8 * rows);
    this.counts = take(COUNTS_BYTES);
    this.nodeCount = take(4);
    this.tree = take(NODE_BYTES * (3 * rows + 64));
    team.lead(() => new Arena(team.memory, base).allocate(top - base));
  }

  /** Fills the repulsion of all points; adds each piece's share of Z to `partial`. All threads call it. */
  prepare(bounds: readonly [number, number, number, number], partial: Float64Array): void {
    const { team, chunk, rows } = this;
    const { kernels } = team;
    const [minX, minY, maxX, maxY] = bounds;
    const extent = Math.max(maxX - minX, maxY - minY, 1e-30);
    const pieces = Math.ceil(rows / chunk);
    const end = (piece: number): number => Math.min(rows, (piece + 1) * chunk);
    team.each(pieces, (piece) =>
      kernels.curveKeys(this.y, piece * chunk, end(piece), minX, minY, extent, this.pairs),
    );
    team.lead(() => {
      kernels.sortKeys(this.pairs, this.spare, rows, this.counts);
      integers(team.memory, this.nodeCount, 1)[0] = kernels.buildTree(
        ...([this.y, this.pairs, this.points, rows, extent, this.tree] as const),
      );
    });
    const count = integers(team.memory, this.nodeCount, 1)[0];
    team.each(pieces, (piece) => {
      partial[piece] = kernels.repelByTree(
        ...([this.pairs, this.points, piece * chunk, end(piece), this.tree, count] as const),
        ...([this.theta * this.theta, this.repulsion] as const),
      );
    });
  }
}
