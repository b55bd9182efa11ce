import type { Team } from './team.js';
import { TreeRepulsion } from './tree.js';

const BLOCK = 64;
/** A tenth of the kernel's width per unit of gradient would be safe; with momentum this settles in 100 steps. */
const LEARNING_RATE = 0.25;
const MOMENTUM = 0.5;

export interface PlaceParams {
  /** Points of the finished map. */
  readonly rows: number;
  readonly y: number;
  readonly bounds: readonly [number, number, number, number];
  /** New points, their neighbours among the map's, and p(j|i). */
  readonly queries: number;
  readonly indices: number;
  readonly affinities: number;
  readonly k: number;
  readonly pitch: number;
  readonly iterations: number;
  readonly out: number;
  /** First free byte. */
  readonly scratch: number;
}

/** Settles each new point on the finished map, whose points stay where they are. */
export function place(team: Team, p: PlaceParams): void {
  const tree = new TreeRepulsion(team, p.scratch, p.y, p.y, p.rows, BLOCK);
  const { points, nodes, count, thetaSquared } = tree.grow(p.bounds);
  team.each(Math.ceil(p.queries / BLOCK), (piece) =>
    team.kernels.place(
      ...([p.y, piece * BLOCK, Math.min(p.queries, (piece + 1) * BLOCK)] as const),
      ...([p.indices, p.affinities, p.k, p.pitch, points, nodes, count, thetaSquared] as const),
      ...([p.iterations, LEARNING_RATE, MOMENTUM, p.out] as const),
    ),
  );
}
