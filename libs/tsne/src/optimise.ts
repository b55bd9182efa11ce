import { GridRepulsion } from './grid.js';
import { doubles, floats } from './memory.js';
import type { RepulsionMethod } from './options.js';
import type { Team } from './team.js';
import { TreeRepulsion } from './tree.js';

/** Iterations between two looks at the KL divergence. */
const CHECK_EVERY = 50;
/** Momentum before and after the exaggeration ends (van der Maaten & Hinton 2008, as in scikit-learn). */
const EARLY_MOMENTUM = 0.5;
const LATE_MOMENTUM = 0.8;

/** An exaggerated map smaller than this grows back to the next. */
const SMALLEST_EXTENT = 1e-4;
const RESTORED_EXTENT = 1e-2;

export interface OptimiseParams {
  readonly rows: number;
  readonly method: RepulsionMethod;
  readonly iterations: number;
  readonly exaggerationIterations: number;
  readonly earlyExaggeration: number;
  readonly learningRate: number;
  readonly tolerance: number;
  /** rows × 2 floats each, readable up to a multiple of 4 rows. */
  readonly y: number;
  readonly velocity: number;
  readonly gains: number;
  readonly attraction: number;
  readonly repulsion: number;
  /** 4 floats per chunk. */
  readonly bounds: number;
  /** One double per chunk. */
  readonly partial: number;
  readonly rowStarts: number;
  readonly columns: number;
  readonly joint: number;
  /** Σ p log p */
  readonly negativeEntropy: number;
  /** First free byte: grids and trees are laid out from here. */
  readonly scratch: number;
}

export interface OptimiseResult {
  readonly iterations: number;
  readonly klDivergence: number;
}

/** Points per piece of work: a function of n alone, so that partial sums are the same on any number of threads. */
export const chunkOf = (rows: number): number => Math.max(64, Math.min(2048, 4 * Math.ceil(rows / 256)));

/** Gradient descent on the KL divergence between the affinities and the map's, all threads together. */
export function optimise(team: Team, p: OptimiseParams): OptimiseResult {
  const { kernels, memory } = team;
  const chunk = chunkOf(p.rows);
  const pieces = Math.ceil(p.rows / chunk);
  const bounds = floats(memory, p.bounds, 4 * pieces);
  const partial = doubles(memory, p.partial, pieces);
  const end = (piece: number): number => Math.min(p.rows, (piece + 1) * chunk);
  const grid = p.method === 'fft' ? new GridRepulsion(team, p.scratch, p.y, p.rows, chunk) : null;

  const tree =
    p.method === 'barnes-hut' ? new TreeRepulsion(team, p.scratch, p.y, p.repulsion, p.rows, chunk) : null;

  const sumPartial = (): number => {
    let sum = 0;
    for (let piece = 0; piece < pieces; piece++) sum += partial[piece];
    return sum;
  };
  /** Whether this iteration's repulsion lies in the grid's field, still to be read. */
  let onGrid = false;
  const repel = (): number => {
    const box = totalBounds(bounds);
    onGrid = grid?.suits(box) ?? false;
    if (grid && onGrid) return grid.prepare(box);
    if (tree) tree.prepare(box, partial);
    else {
      team.each(pieces, (piece) => {
        partial[piece] = kernels.repelExactly(p.y, p.rows, piece * chunk, end(piece), p.repulsion);
      });
    }
    const normaliser = Math.max(sumPartial(), 1e-12);
    team.barrier();
    return normaliser;
  };
  const divergence = (normaliser: number): number => {
    team.each(pieces, (piece) => {
      partial[piece] = kernels.stretchedLength(
        ...([p.y, piece * chunk, end(piece), p.rowStarts, p.columns, p.joint] as const),
      );
    });
    const kl = p.negativeEntropy + sumPartial() + Math.log(normaliser);
    team.barrier();
    return kl;
  };

  team.lead(() => measure(floats(memory, p.y, 2 * p.rows), chunk, bounds));
  /**
   * Exaggeration may shrink a map without clear clusters towards a point, and float32 towards zero. Where the
   * map is small its motion is linear, so enlarging points and velocities alike changes no shape.
   */
  const keepFromVanishing = (): void => {
    const [minX, minY, maxX, maxY] = totalBounds(bounds);
    const extent = Math.max(maxX - minX, maxY - minY);
    if (extent >= SMALLEST_EXTENT || extent === 0) return;
    const scale = RESTORED_EXTENT / extent;
    team.barrier();
    team.each(pieces, (piece) => {
      const y = floats(memory, p.y, 2 * p.rows);
      const velocity = floats(memory, p.velocity, 2 * p.rows);
      for (let at = 2 * piece * chunk; at < 2 * end(piece); at++) {
        y[at] = (y[at] - (at & 1 ? minY + maxY : minX + maxX) / 2) * scale;
        velocity[at] *= scale;
      }
    });
    team.lead(() => measure(floats(memory, p.y, 2 * p.rows), chunk, bounds));
  };
  /** Forces fall twelvefold when the exaggeration ends: speeds and gains learnt before mislead (as in scikit-learn). */
  const startAfresh = (): void => {
    team.each(pieces, (piece) => {
      floats(memory, p.velocity, 2 * p.rows).fill(0, 2 * piece * chunk, 2 * end(piece));
      floats(memory, p.gains, 2 * p.rows).fill(1, 2 * piece * chunk, 2 * end(piece));
    });
  };
  let checked = Infinity;
  let iteration = 0;
  while (iteration < p.iterations) {
    const early = iteration < p.exaggerationIterations;
    if (iteration === p.exaggerationIterations && iteration > 0) startAfresh();
    if (early) keepFromVanishing();
    const normaliser = repel();
    if (iteration % CHECK_EVERY === 0 && iteration > 0) {
      const kl = divergence(normaliser);
      if (team.id === 0) team.report({ done: iteration, klDivergence: kl });
      const settled = iteration >= p.exaggerationIterations + CHECK_EVERY;
      if (settled && p.tolerance > 0 && checked - kl < p.tolerance * Math.abs(checked)) break;
      if (iteration >= p.exaggerationIterations) checked = kl;
    }
    team.each(pieces, (piece) => {
      const from = piece * chunk;
      const to = end(piece);
      if (onGrid) grid?.read(from, to, p.repulsion);
      kernels.attract(p.y, from, to, p.rowStarts, p.columns, p.joint, p.attraction);
    });
    team.noteAbort();
    team.each(pieces, (piece) => {
      kernels.step(
        ...([p.y, piece * chunk, end(piece), p.attraction, p.repulsion, p.velocity, p.gains] as const),
        ...([early ? p.earlyExaggeration : 1, 1 / normaliser] as const),
        ...([early ? EARLY_MOMENTUM : LATE_MOMENTUM, p.learningRate, p.bounds + 16 * piece] as const),
      );
    });
    iteration++;
    if (team.stopped()) break;
  }
  return { iterations: iteration, klDivergence: divergence(repel()) };
}

/** Bounds of each chunk's points: minX, minY, maxX, maxY. */
function measure(y: Float32Array, chunk: number, bounds: Float32Array): void {
  for (let piece = 0; 4 * piece < bounds.length; piece++) {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (let at = 2 * piece * chunk; at < Math.min(y.length, 2 * (piece + 1) * chunk); at++) {
      box[at & 1] = Math.min(box[at & 1], y[at]);
      box[2 + (at & 1)] = Math.max(box[2 + (at & 1)], y[at]);
    }
    bounds.set(box, 4 * piece);
  }
}

function totalBounds(bounds: Float32Array): [number, number, number, number] {
  const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let at = 0; at < bounds.length; at += 4) {
    box[0] = Math.min(box[0], bounds[at]);
    box[1] = Math.min(box[1], bounds[at + 1]);
    box[2] = Math.max(box[2], bounds[at + 2]);
    box[3] = Math.max(box[3], bounds[at + 3]);
  }
  return box;
}
