import type { EmbeddingMatrix, MatrixAccelerator } from '@hazure/contracts';
import { Random } from '@hazure/numerics';
import { cellsOf } from './patch-maps.js';
import type { PatchMaps } from './patch-maps.js';

/** Cells sampled of all images for the choice of the bank, and cells kept of them. */
export const BANK_SAMPLE = 20_000;
export const BANK_CELLS = 1_000;

/**
 * A uniform sample of at most `capacity` cells of a stream (Vitter, Random sampling with a reservoir, algorithm R,
 * 1985).
 */
export class CellReservoir {
  private readonly random: Random;
  private readonly data: Float32Array;
  /** Cells that passed by. */
  seen = 0;

  constructor(
    private readonly capacity: number,
    private readonly cols: number,
    seed: number,
  ) {
    this.random = new Random(seed);
    this.data = new Float32Array(capacity * cols);
  }

  /** Offers the cells of one of the maps. */
  add(maps: PatchMaps, map: number): void {
    const cells = maps.height * maps.width;
    for (let cell = map * cells; cell < (map + 1) * cells; cell++) {
      const at = this.seen < this.capacity ? this.seen : this.random.nextInt(this.seen + 1);
      this.seen++;
      if (at >= this.capacity) continue;
      this.data.set(maps.data.subarray(cell * this.cols, (cell + 1) * this.cols), at * this.cols);
    }
  }

  rows(): EmbeddingMatrix {
    const rows = Math.min(this.seen, this.capacity);
    return { data: this.data.subarray(0, rows * this.cols), rows, cols: this.cols };
  }
}

/**
 * Greedy k-centre choice (Gonzalez, Clustering to minimize the maximum intercluster distance, 1985; PatchCore's
 * coreset, Roth et al., arXiv 2106.08265): starts at the first row, then always takes the row farthest from those
 * taken. No row lies farther from the choice than twice the least possible.
 *
 * @returns indices of at most `wanted` rows; fewer where all others equal one that was taken
 */
export function greedyCentres({ data, rows, cols }: EmbeddingMatrix, wanted: number): number[] {
  const nearest = new Float64Array(rows).fill(Infinity);
  const chosen: number[] = [];
  for (let next = 0; chosen.length < Math.min(wanted, rows);) {
    chosen.push(next);
    const from = next * cols;
    let farthest = -1;
    let most = 0;
    for (let row = 0, at = 0; row < rows; row++, at += cols) {
      let square = 0;
      for (let j = 0; j < cols; j++) {
        const difference = data[at + j] - data[from + j];
        square += difference * difference;
      }
      if (square < nearest[row]) nearest[row] = square;
      if (nearest[row] > most) [most, farthest] = [nearest[row], row];
    }
    if (farthest < 0) break;
    next = farthest;
  }
  return chosen;
}

/** Cells that stand for all normal ones, wherever they lie. */
export interface PatchBank {
  readonly cells: EmbeddingMatrix;
  /** > 0: what squared distances are divided by, the summed variance of all normal cells. */
  readonly scale: number;
}

/**
 * A bank of the choices made in each fold by itself. Coresets of the parts of a set make one of the whole (Indyk et
 * al., Composable core-sets for diversity and coverage maximization, 2014), so a bank without a fold is the same
 * without that fold's choice, and nothing of the fold has had a part in it.
 */
export function joinBanks(parts: readonly EmbeddingMatrix[], scale: number): PatchBank {
  const cols = parts[0]?.cols ?? 0;
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const data = new Float32Array(new SharedArrayBuffer(rows * cols * 4));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { cells: { data, rows, cols }, scale: scale > 0 ? scale : 1 };
}

/** Candidates settled in float64. */
const KEPT = 2;

/** Squared distance of every cell to the nearest of the bank, over the bank's scale. */
export async function bankDistances(
  bank: PatchBank,
  maps: PatchMaps,
  accelerator: MatrixAccelerator,
): Promise<Float64Array> {
  const queries = cellsOf(maps);
  const { data, rows, cols } = bank.cells;
  const kept = Math.min(KEPT, rows);
  const found = await accelerator.nearest({ queries, reference: bank.cells, kept });
  const distances = new Float64Array(queries.rows);
  for (let row = 0; row < queries.rows; row++) {
    let least = Infinity;
    for (let k = 0; k < kept; k++) {
      const from = found[row * kept + k] * cols;
      if (from < 0) continue;
      let square = 0;
      for (let j = 0; j < cols; j++) {
        const difference = queries.data[row * cols + j] - data[from + j];
        square += difference * difference;
      }
      least = Math.min(least, square);
    }
    distances[row] = least / bank.scale;
  }
  return distances;
}
