import type { EmbeddingMatrix } from '@hazure/contracts';
import { forEachRowBlock, mapTasks, Random, sampleWithoutReplacement } from '@hazure/numerics';
import {
  assignCells,
  assignCellsTask,
  compareCell,
  compareCellTask,
  sketchBlock,
  sketchBlockTask,
} from '../kernel-tasks.js';
import type { CentredRows } from './centred-rows.js';

/** Candidates kept per row and pass: a burst of more images is found as a chain. */
const KEPT = 8;
/** A row's surroundings are as dense as its 5% nearest rows say, 8 of them at least and 32 at most. */
const REFERENCE_SHARE = 0.05;
/** Up to so many rows all are compared with all. */
const ONE_CELL_ROWS = 2048;
const CELL_ROWS = 1024;
const MOST_CELLS = 1024;
/** Larger cells are cut, or one crowd of equal rows would cost its square. */
const MOST_CELL_ROWS = 4096;
/** Pairs that one choice of landmarks parts are found by another. */
const PASSES = 2;
const SKETCH_WIDTH = { few: 256, many: 64 };
const MANY_ROWS = 20_000;
const BLOCK_ROWS = 8192;

export interface NearRows {
  /** Calls `use` for every candidate pair, a few times for some. */
  forEachPair(use: (a: number, b: number) => void): void;
  /** Cosine about the mean, estimated, of the row that many places away. */
  readonly reference: Float32Array;
}

/**
 * Candidate near-duplicates of each row: the most similar rows by cosine about the mean, searched in random
 * projections (Johnson & Lindenstrauss 1984) and, from 2,048 rows on, within the cell of the nearest of some random
 * landmark rows only (an inverted file, as in Jégou, Douze & Schmid, Product quantization for nearest neighbor search,
 * 2011), twice with other landmarks. Work: rows × (cells + rows per cell) × 64; memory: 256 bytes a row.
 */
export async function findNearRows(
  rows: CentredRows,
  options: { readonly seed: number; readonly threads?: number },
): Promise<NearRows> {
  const { x } = rows;
  const random = new Random(options.seed);
  const width = Math.min(x.cols, x.rows > MANY_ROWS ? SKETCH_WIDTH.many : SKETCH_WIDTH.few);
  const sketch = await sketchOf(rows, width, random, options.threads);
  const reference = new Float32Array(x.rows).fill(-1);
  const referenceRank = Math.min(32, Math.max(8, Math.round(REFERENCE_SHARE * x.rows)));
  const found: Int32Array[] = [];
  const passes = x.rows <= ONE_CELL_ROWS ? 1 : PASSES;
  for (let pass = 0; pass < passes; pass++) {
    const cells = await cellsOf(sketch, x.rows, width, random, options.threads);
    const tasks = cells.map((cell) => ({ sketch, width, rows: cell, kept: KEPT, referenceRank }));
    const results = await mapTasks(tasks, compareCellTask, compareCell, {
      ...options,
      operationsPerTask: (x.rows / cells.length) ** 2 * width,
    });
    const candidates = new Int32Array(x.rows * KEPT).fill(-1);
    results.forEach((result, cell) => {
      cells[cell].forEach((row, i) => {
        candidates.set(result.candidates.subarray(i * KEPT, (i + 1) * KEPT), row * KEPT);
        reference[row] = Math.max(reference[row], result.reference[i]);
      });
    });
    found.push(candidates);
  }
  return {
    reference,
    forEachPair(use) {
      for (const candidates of found) {
        for (let at = 0; at < candidates.length; at++) {
          const row = Math.floor(at / KEPT);
          if (candidates[at] >= 0) use(row, candidates[at]);
        }
      }
    },
  };
}

async function sketchOf(
  rows: CentredRows,
  width: number,
  random: Random,
  threads?: number,
): Promise<Float32Array> {
  const { x } = rows;
  const directions = Float32Array.from({ length: width * x.cols }, () => random.nextNormal());
  if (width === x.cols) {
    directions.fill(0);
    for (let k = 0; k < width; k++) directions[k * (width + 1)] = 1;
  }
  const offsets = Float64Array.from({ length: width }, (_, k) =>
    rows.meanProduct(directions.subarray(k * x.cols, (k + 1) * x.cols)),
  );
  const sketch = new Float32Array(new SharedArrayBuffer(4 * x.rows * width));
  await forEachRowBlock(
    x,
    { directions, offsets },
    sketchBlockTask,
    sketchBlock,
    {
      blockRows: BLOCK_ROWS,
      operationsPerRow: x.cols * width,
      ...(threads === undefined ? {} : { threads }),
    },
    (block, first) => sketch.set(block, first * width),
  );
  return sketch;
}

async function cellsOf(
  sketch: Float32Array,
  rows: number,
  width: number,
  random: Random,
  threads?: number,
): Promise<Int32Array[]> {
  if (rows <= ONE_CELL_ROWS) return [Int32Array.from({ length: rows }, (_, row) => row)];
  const count = Math.min(MOST_CELLS, Math.ceil(rows / CELL_ROWS));
  const landmarks = new Float32Array(count * width);
  sampleWithoutReplacement(random, rows, count).forEach((row, i) =>
    landmarks.set(sketch.subarray(row * width, (row + 1) * width), i * width),
  );
  const cells = Array.from({ length: count }, () => [] as number[]);
  const matrix: EmbeddingMatrix = { data: sketch, rows, cols: width };
  await forEachRowBlock(
    matrix,
    { landmarks },
    assignCellsTask,
    assignCells,
    { blockRows: BLOCK_ROWS, operationsPerRow: count * width, ...(threads === undefined ? {} : { threads }) },
    (nearest, first) => nearest.forEach((cell, i) => cells[cell].push(first + i)),
  );
  const direction = Float32Array.from({ length: width }, () => random.nextNormal());
  return cells.flatMap((cell) => cut(cell, sketch, direction)).filter((cell) => cell.length > 1);
}

/** Cuts a large cell into pieces along a direction, so that near rows mostly stay together. */
function cut(cell: readonly number[], sketch: Float32Array, direction: Float32Array): Int32Array[] {
  if (cell.length <= MOST_CELL_ROWS) return [Int32Array.from(cell)];
  const width = direction.length;
  const along = new Map(
    cell.map((row) => {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += sketch[row * width + k] * direction[k];
      return [row, sum] as const;
    }),
  );
  const order = [...cell].sort((a, b) => (along.get(a) as number) - (along.get(b) as number) || a - b);
  const pieces = Math.ceil(cell.length / (MOST_CELL_ROWS / 2));
  return Array.from({ length: pieces }, (_, i) =>
    Int32Array.from(
      order.slice(Math.floor((i * cell.length) / pieces), Math.floor(((i + 1) * cell.length) / pieces)),
    ),
  );
}
