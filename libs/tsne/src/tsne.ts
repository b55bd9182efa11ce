import { InterruptedError, type EmbeddingMatrix } from '@hazure/contracts';
import { Random } from '@hazure/numerics';
import { Crew } from './crew.js';
import { conditionalAffinities, jointAffinities, type AffinityGraph } from './graph.js';
import { doubles, floats } from './memory.js';
import { findNeighbours, prepareRows, principalScores, type Prepared } from './neighbours.js';
import { chunkOf, type OptimiseResult } from './optimise.js';
import {
  checkMatrix,
  resolveOptions,
  type RepulsionMethod,
  type ResolvedOptions,
  type TsneOptions,
} from './options.js';

export interface TsneResult {
  /** Map coordinates, n×2 row-major, centred on the origin. */
  readonly y: Float32Array;
  readonly n: number;
  /** The repulsion that was used. */
  readonly method: RepulsionMethod;
  /** Iterations done; fewer than asked for only when `tolerance` stopped the run. */
  readonly iterations: number;
  readonly klDivergence: number;
  /** As used; below the one asked for when n < 3 × perplexity + 1. */
  readonly perplexity: number;
  readonly learningRate: number;
  readonly neighbours: {
    readonly method: 'exact' | 'approximate';
    readonly k: number;
    /** Share of true neighbours found, estimated on a sample; 1 for the exact search. */
    readonly recall: number;
    /** Share of all pairs of rows that were compared. */
    readonly compared: number;
  };
  /** Wall time of the whole call. */
  readonly seconds: number;
  /** Wall time of its parts; initialisation counts with the optimiser. */
  readonly parts: { readonly neighbours: number; readonly affinities: number; readonly optimise: number };
}

/** Exact repulsion up to here, the grid beyond: libs/tsne/bench/calibrate.mjs. */
const EXACT_UP_TO = 800;
/** As `chunkOf` cuts small maps. */
const ROWS_PER_THREAD = 64;
/** Standard deviation of the initial map's first axis, and of the noise that parts equal rows. */
const INITIAL_SPREAD = 1e-4;
const INITIAL_NOISE = 1e-6;

/**
 * Maps the rows of `x` to the plane by t-SNE. All work is done in worker threads over shared memory; the map
 * depends on the data, the options and the seed alone, not on the number of threads.
 *
 * @param x n×d, finite. n = 1 gives the origin.
 * @throws InputError for an empty or non-finite matrix, ConfigError for an impossible option,
 *   InterruptedError when `signal` aborts
 * @see van der Maaten & Hinton, "Visualizing data using t-SNE", JMLR 9 (2008)
 */
export async function tsne(x: EmbeddingMatrix, options: TsneOptions = {}): Promise<TsneResult> {
  const started = performance.now();
  checkMatrix(x, options.metric ?? 'euclidean');
  const asked = resolveOptions(x.rows, options);
  // More threads than pieces of work would only wait for each other, a thousand times.
  const resolved = { ...asked, threads: Math.min(asked.threads, Math.ceil(x.rows / ROWS_PER_THREAD)) };
  if (options.signal?.aborted) throw new InterruptedError('t-SNE was interrupted');
  const n = x.rows;
  const method = resolved.method === 'auto' ? (n <= EXACT_UP_TO ? 'exact' : 'fft') : resolved.method;
  const fixed = { n, method, perplexity: resolved.perplexity, learningRate: resolved.learningRate };
  if (n === 1) return { ...fixed, ...SINGLE, y: new Float32Array(2) };
  const tell = (stage: 'neighbours' | 'affinities' | 'initialise', done: number): void =>
    options.onProgress?.({ stage, done, total: 1, klDivergence: null });

  const crew = new Crew(resolved.threads, options.signal);
  try {
    tell('neighbours', 0);
    const prepared = prepareRows(x, resolved.metric);
    const found = await findNeighbours(crew, prepared, resolved.k, resolved);
    tell('neighbours', 1);
    const searched = performance.now();
    await conditionalAffinities(crew, prepared, found, resolved.perplexity, resolved.threads);
    const graph = await jointAffinities(crew, prepared, found);
    tell('affinities', 1);
    const affine = performance.now();
    const start = await initialise(crew, prepared, graph, found.order, resolved);
    tell('initialise', 1);
    const { y, ...outcome } = await descend(crew, graph, start, method, resolved, options);
    const ended = performance.now();
    return {
      ...fixed,
      ...outcome,
      y: restore(y, found.order),
      neighbours: { method: found.method, k: found.k, recall: found.recall, compared: found.compared },
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

const SINGLE = {
  iterations: 0,
  klDivergence: 0,
  neighbours: { method: 'exact', k: 0, recall: 1, compared: 1 },
  seconds: 0,
  parts: { neighbours: 0, affinities: 0, optimise: 0 },
} as const;

/** Starting coordinates in the order of the prepared rows. */
async function initialise(
  crew: Crew,
  prepared: Prepared,
  graph: AffinityGraph,
  order: Int32Array | null,
  resolved: ResolvedOptions,
): Promise<Float64Array> {
  const { rows } = prepared;
  const { init } = resolved;
  const random = new Random(resolved.seed);
  if (typeof init !== 'string') {
    return Float64Array.from(
      { length: 2 * rows },
      (_, i) => init[2 * (order ? order[i >> 1] : i >> 1) + (i & 1)],
    );
  }
  if (init === 'random')
    return Float64Array.from({ length: 2 * rows }, () => INITIAL_SPREAD * random.nextNormal());
  const scores =
    init === 'spectral'
      ? await spectralScores(crew, graph, rows, resolved.seed)
      : await principalScores(crew, prepared, resolved.metric, resolved.seed);
  let squares = 0;
  for (let i = 0; i < rows; i++) squares += scores[2 * i] ** 2;
  const scale = squares > 0 ? INITIAL_SPREAD / Math.sqrt(squares / rows) : 0;
  return scores.map((score) => score * scale + INITIAL_NOISE * random.nextNormal());
}

/** Laplacian eigenvectors of the affinities, n×2. */
async function spectralScores(
  crew: Crew,
  graph: AffinityGraph,
  rows: number,
  seed: number,
): Promise<Float64Array> {
  const { arena, rowStarts, columns, joint } = graph;
  const mark = arena.mark;
  const degrees = arena.allocate(8 * rows);
  const vectors = arena.allocate(16 * rows);
  const products = arena.allocate(16 * rows);
  await crew.run('spectral', arena.memory, {
    ...{ rows, rowStarts, columns, joint, degrees, vectors, products, seed },
  });
  arena.release(mark);
  return doubles(arena.memory, vectors, 2 * rows).slice();
}

async function descend(
  crew: Crew,
  graph: AffinityGraph,
  start: Float64Array,
  method: RepulsionMethod,
  resolved: ResolvedOptions,
  { onProgress }: TsneOptions,
): Promise<OptimiseResult & { y: Float32Array }> {
  const { arena } = graph;
  const rows = start.length / 2;
  const pieces = Math.ceil(rows / chunkOf(rows));
  const points = (): number => arena.allocate(8 * (rows + 4));
  const addresses = {
    y: points(),
    velocity: points(),
    gains: points(),
    attraction: points(),
    repulsion: points(),
    bounds: arena.allocate(16 * pieces),
    partial: arena.allocate(8 * pieces),
  };
  const padded = floats(arena.memory, addresses.y, 2 * (rows + 4));
  padded.fill(1e18);
  padded.set(start);
  floats(arena.memory, addresses.velocity, 2 * rows).fill(0);
  floats(arena.memory, addresses.gains, 2 * rows).fill(1);
  doubles(arena.memory, addresses.partial, pieces).fill(0);
  const result = await crew.run(
    'optimise',
    arena.memory,
    {
      ...addresses,
      rows,
      method,
      iterations: resolved.iterations,
      exaggerationIterations: resolved.exaggerationIterations,
      earlyExaggeration: resolved.earlyExaggeration,
      learningRate: resolved.learningRate,
      tolerance: resolved.tolerance,
      rowStarts: graph.rowStarts,
      columns: graph.columns,
      joint: graph.joint,
      negativeEntropy: graph.negativeEntropy,
      scratch: arena.mark,
    },
    (value) => {
      const { done, klDivergence } = value as { done: number; klDivergence: number };
      onProgress?.({ stage: 'optimise', done, total: resolved.iterations, klDivergence });
    },
  );
  onProgress?.({
    stage: 'optimise',
    done: result.iterations,
    total: resolved.iterations,
    klDivergence: result.klDivergence,
  });
  return { ...result, y: floats(arena.memory, addresses.y, 2 * rows).slice() };
}

/** Back to the order of the input, centred. */
function restore(y: Float32Array, order: Int32Array | null): Float32Array {
  const rows = y.length / 2;
  const mean = [0, 0];
  for (let i = 0; i < y.length; i++) mean[i & 1] += y[i] / rows;
  const out = new Float32Array(y.length);
  for (let i = 0; i < rows; i++) {
    const row = order ? order[i] : i;
    out[2 * row] = y[2 * i] - mean[0];
    out[2 * row + 1] = y[2 * i + 1] - mean[1];
  }
  return out;
}
