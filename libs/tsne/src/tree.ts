import { Arena, integers } from './memory.js';
import type { Team } from './team.js';

/** Opening angle, as scikit-learn's default. */
const THETA = 0.5;
const NODE_BYTES = 32;
const COUNTS_BYTES = 8192;

/** minX, minY, maxX, maxY */
type Bounds = readonly [number, number, number, number];

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

  /** Builds the tree over the points as they lie now. All threads call it. */
  grow(bounds: Bounds): { points: number; nodes: number; count: number; thetaSquared: number } {
    const { team, chunk, rows } = this;
    const { kernels } = team;
    const [minX, minY, maxX, maxY] = bounds;
    const extent = Math.max(maxX - minX, maxY - minY, 1e-30);
    team.each(Math.ceil(rows / chunk), (piece) => {
      const end = Math.min(rows, (piece + 1) * chunk);
      kernels.curveKeys(this.y, piece * chunk, end, minX, minY, extent, this.pairs);
    });
    team.lead(() => {
      kernels.sortKeys(this.pairs, this.spare, rows, this.counts);
      integers(team.memory, this.nodeCount, 1)[0] = kernels.buildTree(
        ...([this.y, this.pairs, this.points, rows, extent, this.tree] as const),
      );
    });
    const count = integers(team.memory, this.nodeCount, 1)[0];
    return { points: this.points, nodes: this.tree, count, thetaSquared: this.theta * this.theta };
  }

  /** Fills the repulsion of all points and each piece's share of Z. All threads call it. */
  prepare(bounds: Bounds, partial: Float64Array): void {
    const { team, chunk, rows } = this;
    const { points, nodes, count, thetaSquared } = this.grow(bounds);
    team.each(Math.ceil(rows / chunk), (piece) => {
      const end = Math.min(rows, (piece + 1) * chunk);
      partial[piece] = team.kernels.repelByTree(
        ...([this.pairs, points, piece * chunk, end, nodes, count, thetaSquared, this.repulsion] as const),
      );
    });
  }
}
