import type { EmbeddingMatrix } from '@hazure/contracts';
import { forEachRowBlock, gramMatrix, toShared, unitRows } from '@hazure/numerics';
import type { ComputeOptions } from './compute.js';
import type { ShrunkGaussian } from './gaussian-model.js';
import { lofTask, scoreLof } from './kernel-tasks.js';
import { ratiosOfProducts, whitenGram } from './lof-gram.js';
import type { GramModel } from './lof-gram.js';
import { columnMeans } from './shrunk-gaussian.js';
import { whitenedRatios, whitenedReach, whitenRows } from './whitened-rows.js';

/** A whitened space with the reference rows in it: judges rows by distance in relation to reach. */
export interface LofSpace {
  /** Least squared whitened distance over squared reach of each row. x: finite. */
  ratios(x: EmbeddingMatrix): Promise<Float64Array>;
}

/** For at least as many training rows as columns: whitened coordinates, searched as they are. */
export class FullSpace implements LofSpace {
  private whitened: Promise<EmbeddingMatrix> | undefined;

  /** reach: squared, one per reference row. */
  constructor(
    readonly gaussian: ShrunkGaussian,
    readonly unit: boolean,
    private readonly reference: EmbeddingMatrix,
    readonly reach: Float64Array,
    private readonly compute: ComputeOptions,
  ) {}

  static async fit(
    gaussian: ShrunkGaussian,
    unit: boolean,
    reference: EmbeddingMatrix,
    compute: ComputeOptions,
  ): Promise<FullSpace> {
    const whitened = await whitenRows(gaussian, reference, unit, compute);
    const space = new FullSpace(gaussian, unit, reference, await whitenedReach(whitened, compute), compute);
    space.whitened = Promise.resolve(whitened);
    return space;
  }

  async ratios(x: EmbeddingMatrix): Promise<Float64Array> {
    const { gaussian, unit, reach, compute } = this;
    this.whitened ??= whitenRows(gaussian, this.reference, unit, compute);
    const reference = await this.whitened;
    const ratios = new Float64Array(x.rows);
    for (let from = 0; from < x.rows; from += QUERY_ROWS) {
      const count = Math.min(QUERY_ROWS, x.rows - from);
      const block = {
        data: x.data.subarray(from * x.cols, (from + count) * x.cols),
        rows: count,
        cols: x.cols,
      };
      const queries = await whitenRows(gaussian, block, unit, compute);
      ratios.set(await whitenedRatios(queries, reference, reach, compute), from);
    }
    return ratios;
  }
}

/** Queries that are whitened at a time. */
const QUERY_ROWS = 16_384;
/** Rows that go to a worker at a time. */
const BLOCK_ROWS = 2048;

/** For fewer training rows than columns: everything from products with the rows themselves. */
export class GramSpace implements LofSpace {
  private readonly model: GramModel;

  /** reference: n × d with n < d. Memory: n × d and n × n float64. */
  constructor(
    reference: EmbeddingMatrix,
    unit: boolean,
    private readonly compute: ComputeOptions,
  ) {
    const x = unit ? unitRows(reference) : reference;
    const mean = columnMeans(x);
    const whitening = whitenGram(gramMatrix(x, mean), x.rows, x.cols);
    const centred = new Float64Array(x.data.length);
    for (let i = 0; i < x.rows; i++) {
      for (let j = 0, at = i * x.cols; j < x.cols; j++, at++) centred[at] = x.data[at] - mean[j];
    }
    const inverse = whitening.inverse && toShared(whitening.inverse);
    this.model = { ...whitening, inverse, unit, mean: toShared(mean), centred: toShared(centred) };
  }

  async ratios(x: EmbeddingMatrix): Promise<Float64Array> {
    const { model, compute } = this;
    const n = model.squares.length;
    if (compute.accelerator !== undefined) return this.acceleratedRatios(x);
    const ratios = new Float64Array(x.rows);
    await forEachRowBlock(
      x,
      { model },
      lofTask,
      scoreLof,
      {
        blockRows: BLOCK_ROWS,
        operationsPerRow: n * (x.cols + n),
        ...(compute.threads === undefined ? {} : { threads: compute.threads }),
      },
      (part, first) => ratios.set(part, first),
    );
    return ratios;
  }

  private async acceleratedRatios(x: EmbeddingMatrix): Promise<Float64Array> {
    const { model, compute } = this;
    const n = model.squares.length;
    const d = x.cols;
    const source = model.unit ? unitRows(x) : x;
    const ratios = new Float64Array(x.rows);
    for (let from = 0; from < x.rows; from += BLOCK_ROWS) {
      const count = Math.min(BLOCK_ROWS, x.rows - from);
      const rows = { data: source.data.subarray(from * d, (from + count) * d), rows: count, cols: d };
      const products = (await compute.accelerator?.transform({
        rows,
        origin: model.mean,
        factor: model.centred,
        rank: n,
        triangular: false,
      })) as Float64Array;
      const squares = new Float64Array(count);
      for (let i = 0; i < count; i++) {
        for (let j = 0, at = i * d; j < d; j++, at++) squares[i] += (rows.data[at] - model.mean[j]) ** 2;
      }
      ratios.set(ratiosOfProducts(model, products, squares), from);
    }
    return ratios;
  }
}
