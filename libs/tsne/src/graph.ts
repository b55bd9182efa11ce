import { conditionalScratch, fillBlocks } from './affinities.js';
import type { Crew } from './crew.js';
import { Arena, floats, integers } from './memory.js';
import type { Found, Prepared } from './neighbours.js';

/** The symmetric affinities P in compressed rows, in the map's own memory. */
export interface AffinityGraph {
  readonly arena: Arena;
  readonly rowStarts: number;
  readonly columns: number;
  readonly joint: number;
  readonly entries: number;
  /** Σ p log p */
  readonly negativeEntropy: number;
}

/** Overwrites the neighbour distances by p(j|i). */
export async function conditionalAffinities(
  crew: Crew,
  { arena, rows }: Prepared,
  found: Found,
  perplexity: number,
  threads: number,
): Promise<void> {
  const mark = arena.mark;
  await crew.run('conditional', arena.memory, {
    rows,
    k: found.k,
    pitch: found.pitch,
    distances: found.distances,
    perplexity,
    scratch: arena.allocate(threads * conditionalScratch(found.k)),
  });
  arena.release(mark);
}

/** P = (p(j|i) + p(i|j)) / 2n. */
export async function jointAffinities(crew: Crew, prepared: Prepared, found: Found): Promise<AffinityGraph> {
  const { rows } = prepared;
  const { k, pitch } = found;
  const { memory } = prepared.arena;
  const arena = new Arena();
  const edges = rows * k;
  const graph = {
    rows,
    k,
    pitch,
    indices: integers(memory, found.indices, rows * pitch),
    affinities: floats(memory, found.distances, rows * pitch),
    inStarts: new Int32Array(new SharedArrayBuffer(4 * (rows + 1))),
    inSources: new Int32Array(new SharedArrayBuffer(4 * edges)),
    inAffinities: new Float32Array(new SharedArrayBuffer(4 * edges)),
    rowStarts: arena.allocate(4 * (rows + 1)),
  };
  const entries = await crew.run('countPairs', arena.memory, graph);
  const columns = arena.allocate(4 * entries);
  const joint = arena.allocate(4 * entries);
  const partial = arena.allocate(8 * fillBlocks(rows));
  const negativeEntropy = await crew.run('fillPairs', arena.memory, { ...graph, columns, joint, partial });
  return { arena, rowStarts: graph.rowStarts, columns, joint, entries, negativeEntropy };
}
