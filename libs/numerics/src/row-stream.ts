import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { assertMatrix, sliceRows } from './matrix.js';

/** A matrix that need not fit into memory: its shape, and its rows block by block as often as asked. */
export interface RowStream {
  readonly rows: number;
  readonly cols: number;
  /** Blocks of any size, in order; each call starts again from the first row. */
  blocks(): AsyncIterable<EmbeddingMatrix> | Iterable<EmbeddingMatrix>;
}

export function isRowStream(x: EmbeddingMatrix | RowStream): x is RowStream {
  return 'blocks' in x;
}

/** Rows per block when a matrix in memory is read as a stream. */
const DEFAULT_BLOCK_ROWS = 8192;

/** A matrix in memory, read as a stream of views. */
export function streamOf(x: EmbeddingMatrix, blockRows = DEFAULT_BLOCK_ROWS): RowStream {
  return {
    rows: x.rows,
    cols: x.cols,
    *blocks() {
      for (let first = 0; first < x.rows; first += blockRows) {
        yield sliceRows(x, first, Math.min(x.rows, first + blockRows));
      }
    },
  };
}

/**
 * The stream's rows in blocks of exactly `blockRows` (the last one may be shorter), so that sums do not depend
 * on how the source was cut. Checks width, finiteness and the number of rows.
 * @throws InputError
 */
export async function* evenBlocks(
  stream: RowStream,
  blockRows: number,
  what: string,
): AsyncGenerator<EmbeddingMatrix> {
  const { cols } = stream;
  let pending = new Float32Array(blockRows * cols);
  let filled = 0;
  let seen = 0;
  for await (const part of stream.blocks()) {
    assertMatrix(part, { what, cols });
    seen += part.rows;
    for (let from = 0; from < part.rows;) {
      const take = Math.min(part.rows - from, blockRows - filled);
      if (take === blockRows) {
        yield sliceRows(part, from, from + take);
      } else {
        pending.set(part.data.subarray(from * cols, (from + take) * cols), filled * cols);
        filled += take;
        if (filled === blockRows) {
          yield { data: pending, rows: blockRows, cols };
          pending = new Float32Array(blockRows * cols);
          filled = 0;
        }
      }
      from += take;
    }
  }
  if (seen !== stream.rows) {
    throw new InputError('INPUT_INVALID', `${what}: expected ${stream.rows} rows in the stream, got ${seen}`);
  }
  if (filled > 0) yield { data: pending.slice(0, filled * cols), rows: filled, cols };
}

/**
 * Copies the chosen rows (ascending, distinct) out of a stream, in one pass.
 * Memory: the chosen rows and one block.
 */
export async function gatherRows(
  stream: RowStream,
  ascending: ArrayLike<number>,
  what: string,
): Promise<EmbeddingMatrix> {
  const { cols } = stream;
  const data = new Float32Array(ascending.length * cols);
  let next = 0;
  let first = 0;
  for await (const part of stream.blocks()) {
    assertMatrix(part, { what, cols });
    for (; next < ascending.length && ascending[next] < first + part.rows; next++) {
      const row = ascending[next] - first;
      data.set(part.data.subarray(row * cols, (row + 1) * cols), next * cols);
    }
    first += part.rows;
  }
  if (first !== stream.rows) {
    throw new InputError(
      'INPUT_INVALID',
      `${what}: expected ${stream.rows} rows in the stream, got ${first}`,
    );
  }
  return { data, rows: ascending.length, cols };
}
