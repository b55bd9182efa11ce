import { ConfigError, InputError } from '@hazure/contracts';
import type {
  EmbeddingMatrix,
  MatrixAccelerator,
  MomentSums,
  NearestRequest,
  TransformRequest,
} from '@hazure/contracts';
import {
  findNearest,
  momentTask,
  nearestTask,
  sumMoments,
  transformBlock,
  transformTask,
} from '../accelerator-tasks.js';
import { addSums, emptySums, MOMENT_BLOCK_ROWS } from '../covariance.js';
import { forEachRowBlock, toShared } from '../parallel/row-blocks.js';
import { rankingTerms } from './nearest.js';

/** Queries that go to a worker at a time: few enough to share out evenly, many enough to repay the packing. */
const QUERY_BLOCK = 1024;
const TRANSFORM_BLOCK = 2048;

/** The most candidates that one `nearest` request may keep per query. */
const MAX_KEPT = 16_384;

/**
 * Throws ConfigError or InputError unless the request can be answered; values are not looked at.
 * @throws ConfigError, InputError
 */
export function assertNearest({ queries, reference, kept, weights, partOf }: NearestRequest): void {
  if (!Number.isInteger(kept) || kept < 1 || kept > MAX_KEPT) {
    throw new ConfigError(`nearest: expected a whole number of rows to keep in 1…${MAX_KEPT}, got ${kept}`);
  }
  if (queries.cols !== reference.cols) {
    throw new InputError(
      'INPUT_INVALID',
      `nearest: expected queries of ${reference.cols} columns, got ${queries.cols}`,
    );
  }
  if (weights !== undefined && weights.length !== reference.rows) {
    throw new InputError(
      'INPUT_INVALID',
      `nearest: expected a weight for each of ${reference.rows} reference rows, got ${weights.length}`,
    );
  }
  if (partOf !== undefined && (partOf.length !== reference.rows || queries.rows !== reference.rows)) {
    throw new InputError(
      'INPUT_INVALID',
      `nearest: parts need the reference rows as queries and one part each (${reference.rows}), got ${partOf.length} parts and ${queries.rows} queries`,
    );
  }
}

/**
 * Matrix work in WebAssembly and worker threads, needing nothing but Node: the twin that every other accelerator is
 * held against. threads: as many workers; 1 computes in this thread. Default: all usable cores.
 */
export function plainAccelerator(threads?: number): MatrixAccelerator {
  return new PlainAccelerator(threads === undefined ? {} : { threads });
}

class PlainAccelerator implements MatrixAccelerator {
  readonly name = 'wasm';

  constructor(private readonly options: { readonly threads?: number }) {}

  async nearest(request: NearestRequest): Promise<Int32Array> {
    assertNearest(request);
    const { queries, reference, kept, partOf } = request;
    const terms = rankingTerms(reference, request.weights);
    const found = new Int32Array(queries.rows * kept).fill(-1);
    if (reference.rows === 0) return found;
    await forEachRowBlock(
      queries,
      {
        reference: toShared(reference.data),
        kept,
        gains: toShared(terms.gains),
        offsets: toShared(terms.offsets),
        weights: terms.weights && toShared(terms.weights),
        partOf: partOf === undefined ? null : toShared(partOf),
      },
      nearestTask,
      findNearest,
      {
        blockRows: QUERY_BLOCK,
        operationsPerRow: reference.rows * reference.cols,
        ...this.options,
      },
      (indices, first) => found.set(indices, first * kept),
    );
    return found;
  }

  async transform({ rows, origin, factor, rank, triangular }: TransformRequest): Promise<Float64Array> {
    const result = new Float64Array(rows.rows * rank);
    await forEachRowBlock(
      rows,
      { origin, factor: toShared(factor), rank, triangular },
      transformTask,
      transformBlock,
      {
        blockRows: TRANSFORM_BLOCK,
        operationsPerRow: (rank * rows.cols) / (triangular ? 2 : 1),
        ...this.options,
      },
      (part, first) => result.set(part, first * rank),
    );
    return result;
  }

  async moments(rows: EmbeddingMatrix, origin: Float64Array): Promise<MomentSums> {
    const sums = emptySums(rows.cols);
    await forEachRowBlock(
      rows,
      { origin },
      momentTask,
      sumMoments,
      { blockRows: MOMENT_BLOCK_ROWS, operationsPerRow: (rows.cols * rows.cols) / 4, ...this.options },
      (block) => addSums(sums, block),
    );
    return sums;
  }
}
