import { doubles, floats, integers } from './memory.js';
import type { Team } from './team.js';

const BLOCK = 512;

export interface ConditionalParams {
  readonly rows: number;
  /** Neighbours per row, and the list's pitch. */
  readonly k: number;
  readonly pitch: number;
  /** Squared distances, ascending; overwritten by p(j|i). */
  readonly distances: number;
  readonly perplexity: number;
  /** (k + 4) floats per thread. */
  readonly scratch: number;
}

/** Bytes of scratch that one thread needs, a multiple of 16. */
export const conditionalScratch = (k: number): number => 16 * Math.ceil((k + 4) / 4);

export function conditional(team: Team, p: ConditionalParams): void {
  const scratch = p.scratch + team.id * conditionalScratch(p.k);
  team.each(Math.ceil(p.rows / BLOCK), (piece) => {
    const from = piece * BLOCK;
    const to = Math.min(p.rows, from + BLOCK);
    team.kernels.conditionalAffinities(p.distances, p.pitch, p.k, from, to, Math.log(p.perplexity), scratch);
  });
}

/** Directed neighbour lists with p(j|i), and the same edges by target. */
export interface GraphParams {
  readonly rows: number;
  readonly k: number;
  readonly pitch: number;
  /** Lists that another memory holds: rows × pitch. */
  readonly indices: Int32Array;
  readonly affinities: Float32Array;
  /** rows + 1: first incoming edge of each row. */
  readonly inStarts: Int32Array;
  readonly inSources: Int32Array;
  readonly inAffinities: Float32Array;
  /** rows + 1, in the map's memory: first entry of each row, a multiple of 4. */
  readonly rowStarts: number;
}

/** Groups the edges by target and counts the entries of the symmetric graph; returns their number. */
export function countPairs(team: Team, p: GraphParams): number {
  const { rows, k, pitch } = p;
  const rowStarts = integers(team.memory, p.rowStarts, rows + 1);
  team.lead(() => {
    p.inStarts.fill(0);
    for (let i = 0; i < rows; i++) {
      for (let s = 0; s < k; s++) p.inStarts[p.indices[i * pitch + s] + 1]++;
    }
    for (let i = 0; i < rows; i++) p.inStarts[i + 1] += p.inStarts[i];
    const next = p.inStarts.slice();
    for (let i = 0; i < rows; i++) {
      for (let s = 0; s < k; s++) {
        const at = next[p.indices[i * pitch + s]]++;
        p.inSources[at] = i;
        p.inAffinities[at] = p.affinities[i * pitch + s];
      }
    }
  });
  const seenBy = new Int32Array(rows).fill(-1);
  team.each(Math.ceil(rows / BLOCK), (piece) => {
    for (let i = piece * BLOCK; i < Math.min(rows, (piece + 1) * BLOCK); i++) {
      let count = k;
      for (let s = 0; s < k; s++) seenBy[p.indices[i * pitch + s]] = i;
      for (let at = p.inStarts[i]; at < p.inStarts[i + 1]; at++) if (seenBy[p.inSources[at]] !== i) count++;
      rowStarts[i + 1] = (count + 3) & ~3;
    }
  });
  team.lead(() => {
    rowStarts[0] = 0;
    for (let i = 0; i < rows; i++) rowStarts[i + 1] += rowStarts[i];
  });
  return rowStarts[rows];
}

export interface FillParams extends GraphParams {
  readonly columns: number;
  readonly joint: number;
  /** One double per block: Σ p log p. */
  readonly partial: number;
}

export const fillBlocks = (rows: number): number => Math.ceil(rows / BLOCK);

/** Writes p_ij = (p(j|i) + p(i|j)) / 2n in compressed rows; returns Σ p log p. */
export function fillPairs(team: Team, p: FillParams): number {
  const { rows, k, pitch } = p;
  const { memory } = team;
  const rowStarts = integers(memory, p.rowStarts, rows + 1);
  const columns = integers(memory, p.columns, rowStarts[rows]);
  const joint = floats(memory, p.joint, rowStarts[rows]);
  const partial = doubles(memory, p.partial, fillBlocks(rows));
  const position = new Int32Array(rows).fill(-1);
  const scale = 1 / (2 * rows);
  team.each(fillBlocks(rows), (piece) => {
    let sum = 0;
    for (let i = piece * BLOCK; i < Math.min(rows, (piece + 1) * BLOCK); i++) {
      const begin = rowStarts[i];
      let end = begin;
      for (let s = 0; s < k; s++) {
        const j = p.indices[i * pitch + s];
        position[j] = end;
        columns[end] = j;
        joint[end++] = p.affinities[i * pitch + s] * scale;
      }
      for (let at = p.inStarts[i]; at < p.inStarts[i + 1]; at++) {
        const j = p.inSources[at];
        const there = position[j];
        // Positions of earlier rows lie before this row's first entry.
        if (there >= begin) joint[there] += p.inAffinities[at] * scale;
        else {
          columns[end] = j;
          joint[end++] = p.inAffinities[at] * scale;
        }
      }
      for (let at = begin; at < end; at++) if (joint[at] > 0) sum += joint[at] * Math.log(joint[at]);
      for (; end < rowStarts[i + 1]; end++) {
        columns[end] = i;
        joint[end] = 0;
      }
    }
    partial[piece] = sum;
  });
  return partial.reduce((a, b) => a + b, 0);
}
