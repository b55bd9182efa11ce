import type { EmbeddingMatrix } from '@hazure/contracts';
import { componentsScratch } from './components.js';
import type { Crew } from './crew.js';
import { Arena, floats, integers } from './memory.js';
import type { Metric, NeighbourSearch } from './options.js';
import { calibrationRows } from './cells.js';
import { probeScratch } from './probe.js';
import type { CellParams, QueryParams, SearchResult } from './search-params.js';

/** Spare candidates: found with rounded distances, ranked again with exact ones. */
const SPARE = 5;
/** From here on the approximate search is quicker: libs/tsne/bench/calibrate.mjs. */
const EXACT_UP_TO = 6000;

/** The rows in shared memory: scaled, padded, and (after an approximate search) in another order. */
export interface Prepared {
  readonly arena: Arena;
  readonly data: number;
  readonly rows: number;
  readonly stride: number;
}

/** How rows are brought to the scale of the search. */
export interface Frame {
  readonly mean: Float64Array;
  /** Euclidean only; cosine scales each row to length one. */
  readonly scale: number;
}

/**
 * Euclidean: shift to column means of zero and scale to a root mean square norm of one, which changes no
 * neighbourhood and keeps float32 sums accurate. Cosine: nothing but unit rows.
 */
export function frameOf(x: EmbeddingMatrix, metric: Metric): Frame {
  const { rows, cols, data } = x;
  const mean = new Float64Array(cols);
  if (metric === 'cosine') return { mean, scale: 1 };
  for (let i = 0; i < rows; i++) for (let c = 0; c < cols; c++) mean[c] += data[i * cols + c];
  for (let c = 0; c < cols; c++) mean[c] /= rows;
  let squares = 0;
  for (let i = 0; i < rows; i++)
    for (let c = 0; c < cols; c++) squares += (data[i * cols + c] - mean[c]) ** 2;
  return { mean, scale: squares > 0 ? 1 / Math.sqrt(squares / rows) : 1 };
}

/** Copies rows into shared memory, framed and padded to a multiple of four columns. */
export function prepareRows(
  x: EmbeddingMatrix,
  metric: Metric,
  { mean, scale }: Frame = frameOf(x, metric),
  arena = new Arena(),
): Prepared {
  const { rows, cols } = x;
  const stride = (cols + 3) & ~3;
  const data = arena.allocate(4 * rows * stride);
  const out = floats(arena.memory, data, rows * stride);
  for (let i = 0; i < rows; i++) {
    let factor = scale;
    if (metric === 'cosine') {
      let squares = 0;
      for (let c = 0; c < cols; c++) squares += x.data[i * cols + c] ** 2;
      factor = 1 / Math.sqrt(squares);
    }
    for (let c = 0; c < cols; c++) out[i * stride + c] = (x.data[i * cols + c] - mean[c]) * factor;
  }
  return { arena, data, rows, stride };
}

export interface Found extends SearchResult {
  readonly k: number;
  /** Floats from one list to the next. */
  readonly pitch: number;
  /** Addresses in the prepared rows' memory: squared distances (of the metric) and row positions. */
  readonly distances: number;
  readonly indices: number;
  /** order[position] = row of the input; null when nothing moved. */
  readonly order: Int32Array | null;
}

export interface FindOptions {
  readonly metric: Metric;
  readonly neighbours: NeighbourSearch;
  readonly recall: number;
  readonly seed: number;
  readonly threads: number;
}

/** k nearest of the prepared rows for every one of them, or for every row of `queries` (in the same memory). */
export async function findNeighbours(
  crew: Crew,
  prepared: Prepared,
  k: number,
  options: FindOptions,
  queries: Prepared | null = null,
): Promise<Found & { queryOrder: Int32Array | null }> {
  const { arena, data, rows, stride } = prepared;
  const pitch = Math.min(queries ? rows : rows - 1, k + SPARE);
  const wanted = queries?.rows ?? rows;
  const norms = arena.allocate(4 * (rows + 4));
  const distances = arena.allocate(4 * (Math.max(rows, wanted * pitch) + 4));
  const indices = arena.allocate(4 * Math.max(rows, wanted * pitch));
  const count = Math.round(2 * Math.sqrt(rows));
  const approximate =
    options.neighbours === 'approximate' ||
    (options.neighbours === 'auto' && rows > EXACT_UP_TO && wanted > EXACT_UP_TO / 10);
  const cells = approximate && rows > 64 ? allocateCells(arena, rows, stride, pitch, count, options) : null;
  const asked: QueryParams | null = queries && {
    rows: wanted,
    data: queries.data,
    norms: arena.allocate(4 * (wanted + 4)),
    starts: arena.allocate(4 * (count + 1)),
    order: arena.allocate(4 * wanted),
  };
  const result = await crew.run('search', arena.memory, {
    rows,
    stride,
    k: pitch,
    data,
    norms,
    distances,
    indices,
    cosine: options.metric === 'cosine',
    seed: options.seed,
    queries: asked,
    cells,
  });
  const order = cells ? integers(arena.memory, cells.order, rows).slice() : null;
  const queryOrder = cells && asked ? integers(arena.memory, asked.order, wanted).slice() : null;
  return { ...result, k, pitch, distances, indices, order, queryOrder };
}

function allocateCells(
  arena: Arena,
  rows: number,
  stride: number,
  k: number,
  count: number,
  { recall, threads }: Pick<FindOptions, 'recall' | 'threads'>,
): CellParams {
  const probeBytes = probeScratch(count);
  const sample = Math.min(rows, 16 * count);
  const truth = calibrationRows(rows);
  return {
    count,
    recall,
    sampleRows: sample,
    sample: arena.allocate(4 * sample * stride),
    sampleNorms: arena.allocate(4 * (sample + 4)),
    centroids: arena.allocate(4 * count * stride),
    centroidNorms: arena.allocate(4 * (count + 4)),
    starts: arena.allocate(4 * (count + 1)),
    order: arena.allocate(4 * rows),
    truthDistances: arena.allocate(4 * truth * (k + 1)),
    truthIndices: arena.allocate(4 * truth * (k + 1)),
    truthRows: arena.allocate(4 * truth * stride),
    truthNorms: arena.allocate(4 * (truth + 4)),
    truthCells: arena.allocate(4 * truth * count),
    truthCellDistances: arena.allocate(4 * truth * count),
    probeBytes,
    probe: arena.allocate(threads * probeBytes),
  };
}

/** First two principal component scores of the prepared rows, n×2, in their present order. */
export async function principalScores(
  crew: Crew,
  { arena, data, rows, stride }: Prepared,
  metric: Metric,
  seed: number,
): Promise<Float64Array> {
  // Unit rows are not centred: one shift here, when nothing else needs them any more.
  if (metric === 'cosine') centre(floats(arena.memory, data, rows * stride), rows, stride);
  const mark = arena.mark;
  const bytes = componentsScratch(stride);
  const basis = arena.allocate(bytes.basis);
  const partial = arena.allocate(bytes.partial);
  const scores = arena.allocate(16 * rows);
  await crew.run('components', arena.memory, { rows, stride, data, basis, partial, scores, seed });
  const all = floats(arena.memory, scores, 4 * rows);
  const out = Float64Array.from({ length: 2 * rows }, (_, i) => all[4 * (i >> 1) + (i & 1)]);
  arena.release(mark);
  return out;
}

function centre(data: Float32Array, rows: number, stride: number): void {
  const mean = new Float64Array(stride);
  for (let i = 0; i < rows; i++) for (let c = 0; c < stride; c++) mean[c] += data[i * stride + c];
  for (let i = 0; i < rows; i++) for (let c = 0; c < stride; c++) data[i * stride + c] -= mean[c] / rows;
}
