import type { EmbeddingMatrix } from '@hazure/contracts';
import { componentsScratch } from './components.js';
import type { Crew } from './crew.js';
import { Arena, floats, integers } from './memory.js';
import type { Metric, NeighbourSearch } from './options.js';
import { calibrationRows, type CellParams, type SearchResult } from './search.js';

/** Spare candidates: found with rounded distances, ranked again with exact ones. */
const SPARE = 5;
/** From here on the approximate search is quicker: tools/tsne/calibrate.mjs. */
const EXACT_UP_TO = 6000;

/** The rows in shared memory: scaled, padded, and (after an approximate search) in another order. */
export interface Prepared {
  readonly arena: Arena;
  readonly data: number;
  readonly rows: number;
  readonly stride: number;
}

/**
 * Copies the rows into shared memory. Euclidean: shifted to column means of zero and scaled to a root mean
 * square norm of one, which changes no neighbourhood and keeps float32 sums accurate. Cosine: unit rows.
 */
export function prepareRows(x: EmbeddingMatrix, metric: Metric): Prepared {
  const arena = new Arena();
  const { rows, cols } = x;
  const stride = (cols + 3) & ~3;
  const data = arena.allocate(4 * rows * stride);
  const out = floats(arena.memory, data, rows * stride);
  const mean = new Float64Array(cols);
  let scale = 1;
  if (metric === 'euclidean') {
    for (let i = 0; i < rows; i++) for (let c = 0; c < cols; c++) mean[c] += x.data[i * cols + c];
    for (let c = 0; c < cols; c++) mean[c] /= rows;
    let squares = 0;
    for (let i = 0; i < rows; i++)
      for (let c = 0; c < cols; c++) squares += (x.data[i * cols + c] - mean[c]) ** 2;
    if (squares > 0) scale = 1 / Math.sqrt(squares / rows);
  }
  for (let i = 0; i < rows; i++) {
    if (metric === 'cosine') {
      let squares = 0;
      for (let c = 0; c < cols; c++) squares += x.data[i * cols + c] ** 2;
      scale = 1 / Math.sqrt(squares);
    }
    for (let c = 0; c < cols; c++) out[i * stride + c] = (x.data[i * cols + c] - mean[c]) * scale;
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

/** k nearest neighbours of all rows. */
export async function findNeighbours(
  crew: Crew,
  prepared: Prepared,
  k: number,
  options: { metric: Metric; neighbours: NeighbourSearch; recall: number; seed: number },
): Promise<Found> {
  const { arena, data, rows, stride } = prepared;
  const pitch = Math.min(rows - 1, k + SPARE);
  const norms = arena.allocate(4 * (rows + 4));
  const distances = arena.allocate(4 * (rows * pitch + 4));
  const indices = arena.allocate(4 * rows * pitch);
  const count = Math.round(2 * Math.sqrt(rows));
  const approximate =
    options.neighbours === 'approximate' || (options.neighbours === 'auto' && rows > EXACT_UP_TO);
  const cells =
    approximate && rows > 64 ? allocateCells(arena, rows, stride, pitch, count, options.recall) : null;
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
    cells,
  });
  const order = cells ? integers(arena.memory, cells.order, rows).slice() : null;
  return { ...result, k, pitch, distances, indices, order };
}

function allocateCells(
  arena: Arena,
  rows: number,
  stride: number,
  k: number,
  count: number,
  recall: number,
): CellParams {
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
    probes: arena.allocate(4 * count * count),
    starts: arena.allocate(4 * (count + 1)),
    order: arena.allocate(4 * rows),
    truthDistances: arena.allocate(4 * truth * (k + 1)),
    truthIndices: arena.allocate(4 * truth * (k + 1)),
    truthRows: arena.allocate(4 * truth * stride),
    truthNorms: arena.allocate(4 * (truth + 4)),
    chosen: arena.allocate(4),
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
