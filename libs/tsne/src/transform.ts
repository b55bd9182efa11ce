import { ConfigError, InputError, InterruptedError, type EmbeddingMatrix } from '@hazure/contracts';
import { Crew } from './crew.js';
import { conditionalAffinities } from './graph.js';
import { floats } from './memory.js';
import { findNeighbours, frameOf, prepareRows } from './neighbours.js';
import { checkCoordinates, checkMatrix, resolveOptions, type TsneOptions } from './options.js';

/** A finished map: the rows it was made of and where they lie. */
export interface TsneMap {
  readonly x: EmbeddingMatrix;
  /** n×2, as `tsne` returned it. */
  readonly y: Float32Array | Float64Array;
}

export interface TransformOptions extends Pick<
  TsneOptions,
  'metric' | 'seed' | 'threads' | 'neighbours' | 'recall' | 'signal'
> {
  /** Effective number of neighbours on the map that hold a new point. */
  readonly perplexity?: number;
  readonly iterations?: number;
}

export interface TransformResult {
  /** m×2, in the coordinates of the map. */
  readonly y: Float32Array;
  readonly n: number;
  readonly perplexity: number;
  readonly iterations: number;
  readonly seconds: number;
  readonly parts: { readonly neighbours: number; readonly affinities: number; readonly optimise: number };
}

/** Of 2 … 30, it keeps the most of the true neighbourhoods; 100 steps settle: libs/tsne/bench/placement.mjs. */
const PERPLEXITY = 30;
const ITERATIONS = 100;

/**
 * Places new rows on a finished map without moving it. Each new point minimises its own KL divergence against
 * the map's points from the place where its neighbours are densest, so its position does not depend on the
 * other new points.
 *
 * @param x m×d with the map's d; m = 0 is allowed
 * @throws InputError when shapes differ or a value is not finite, ConfigError for an impossible option,
 *   InterruptedError when `signal` aborts
 * @see Poličar, Stražar & Zupan, "Embedding to reference t-SNE space", Discovery Science (2019)
 */
export async function transform(
  map: TsneMap,
  x: EmbeddingMatrix,
  options: TransformOptions = {},
): Promise<TransformResult> {
  const started = performance.now();
  const { iterations = ITERATIONS, perplexity: wanted = PERPLEXITY, ...shared } = options;
  const resolved = resolveOptions(map.x.rows, { ...shared, perplexity: wanted });
  if (!Number.isInteger(iterations) || iterations < 0) {
    throw new ConfigError(`t-SNE option iterations: expected an integer ≥ 0, came ${iterations}`);
  }
  checkMatrix(map.x, resolved.metric);
  checkCoordinates(map.y, map.x.rows, 'map.y');
  if (x.cols !== map.x.cols) {
    throw new InputError(
      'INPUT_INVALID',
      `Expected rows of ${map.x.cols} values like the map's, came ${x.cols}`,
      {
        hint: 'New rows must come from the same embedder as the map.',
      },
    );
  }
  const perplexity = Math.max(1, Math.min(wanted, map.x.rows / 3));
  const empty = { y: new Float32Array(2 * x.rows), n: x.rows, perplexity, iterations };
  if (x.rows === 0) return { ...empty, seconds: 0, parts: { neighbours: 0, affinities: 0, optimise: 0 } };
  checkMatrix(x, resolved.metric);
  if (shared.signal?.aborted) throw new InterruptedError('t-SNE was interrupted');

  const crew = new Crew(resolved.threads, shared.signal);
  try {
    const frame = frameOf(map.x, resolved.metric);
    const reference = prepareRows(map.x, resolved.metric, frame);
    const { arena } = reference;
    const queries = prepareRows(x, resolved.metric, frame, arena);
    const k = Math.min(map.x.rows, Math.floor(3 * perplexity + 1));
    const found = await findNeighbours(crew, reference, k, resolved, queries);
    const searched = performance.now();
    await conditionalAffinities(crew, queries, found, perplexity, resolved.threads);
    const affine = performance.now();
    const rows = map.x.rows;
    const y = arena.allocate(8 * rows);
    const out = arena.allocate(8 * x.rows);
    const coordinates = floats(arena.memory, y, 2 * rows);
    for (let i = 0; i < rows; i++) {
      const row = found.order ? found.order[i] : i;
      coordinates[2 * i] = map.y[2 * row];
      coordinates[2 * i + 1] = map.y[2 * row + 1];
    }
    await crew.run('place', arena.memory, {
      rows,
      y,
      bounds: boundsOf(coordinates),
      queries: x.rows,
      indices: found.indices,
      affinities: found.distances,
      k,
      pitch: found.pitch,
      iterations,
      out,
      scratch: arena.mark,
    });
    const placed = floats(arena.memory, out, 2 * x.rows);
    for (let i = 0; i < x.rows; i++) {
      const row = found.queryOrder ? found.queryOrder[i] : i;
      empty.y[2 * row] = placed[2 * i];
      empty.y[2 * row + 1] = placed[2 * i + 1];
    }
    const ended = performance.now();
    return {
      ...empty,
      seconds: (ended - started) / 1000,
      parts: {
        neighbours: (searched - started) / 1000,
        affinities: (affine - searched) / 1000,
        optimise: (ended - affine) / 1000,
      },
    };
  } finally {
    await crew.close();
  }
}

function boundsOf(y: Float32Array): [number, number, number, number] {
  const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let at = 0; at < y.length; at += 2) {
    box[0] = Math.min(box[0], y[at]);
    box[1] = Math.min(box[1], y[at + 1]);
    box[2] = Math.max(box[2], y[at]);
    box[3] = Math.max(box[3], y[at + 1]);
  }
  return box;
}
