import { ConfigError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { assertMatrix, Random, selectRows, streamOf } from '@hazure/numerics';
import { computeOf } from './compute.js';
import type { ComputeOptions } from './compute.js';
import { scoreByFits } from './cross-judging.js';
import { FittedLof, LOF_FORMAT } from './lof-model.js';
import type { LofOptions } from './lof-options.js';
import { lofFolds } from './lof-folds.js';
import { FullSpace } from './lof-space.js';
import type { ScorerKind } from './scorer-kind.js';
import type { AbleScorer, DealtRows } from './scorer-ports.js';
import { fitShrunkGaussian } from './shrunk-gaussian.js';

/** Whitened reference rows of both spaces: 32,768 rows of 512 values. bench/evidence.mjs shows what a sample costs. */
const DEFAULT_MEMORY_BYTES = 128 * 2 ** 20;
/** Float32 in two spaces. */
const BYTES_PER_VALUE = 8;

/**
 * Whitened local outlier factor: the product over two spaces (rows as they are, rows divided by their norm) of
 * min over baseline rows a of ‖W(x − a)‖ / reach(a). W whitens by the Ledoit–Wolf covariance; reach(a) is the
 * root-mean-square whitened distance of a to its 5 nearest baseline rows. Above 1: farther from the baseline than
 * its own rows are from each other. Simplified local outlier factor (Breunig et al., LOF: Identifying density-based
 * local outliers, 2000; Schubert, Zimek & Kriegel, 2014) in Mahalanobis space, with the least ratio in place of the mean.
 */
export class LofScorer implements AbleScorer {
  readonly name = 'lof';
  private readonly memoryBytes: number;
  private readonly compute: ComputeOptions;

  /** seed: of the sample that stands for a baseline beyond `memoryBytes`. @throws ConfigError */
  constructor(
    options: LofOptions & ComputeOptions = {},
    private readonly seed = 42,
  ) {
    const { memoryBytes = DEFAULT_MEMORY_BYTES } = options;
    if (!(memoryBytes >= 1)) throw new ConfigError(`lof: expected memoryBytes ≥ 1, got ${memoryBytes}`);
    this.memoryBytes = memoryBytes;
    this.compute = computeOf(options);
  }

  /**
   * Exact up to `memoryBytes` of reference rows; beyond them the covariance comes from all rows, and a seeded sample
   * of rows stands for all (the model's notes say so).
   */
  async fit(x: EmbeddingMatrix): Promise<FittedLof> {
    assertMatrix(x, { what: 'lof training rows', minRows: 1 });
    return this.fitRows(x, null);
  }

  /** Fits to some rows of x and remembers which, so that a document can refer to them. */
  async fitSubset(x: EmbeddingMatrix, rows: readonly number[]): Promise<FittedLof> {
    assertMatrix(x, { what: 'lof training rows', minRows: 1 });
    return this.fitRows(selectRows(x, rows), rows);
  }

  /** Folds with fewer rows than columns share one Gram matrix a space; the others are fitted one by one. */
  async scoreFolds(dealt: DealtRows): Promise<Float64Array> {
    assertMatrix(dealt.x, { what: 'lof training rows', minRows: 1 });
    const { scores, unsettled } = await lofFolds(dealt, this.compute);
    if (unsettled.length === 0) return scores;
    const anew = await scoreByFits(this, dealt, unsettled);
    return scores.map((score, row) => (Number.isNaN(score) ? anew[row] : score));
  }

  private async fitRows(x: EmbeddingMatrix, subset: readonly number[] | null): Promise<FittedLof> {
    const sample = this.sample(x);
    const reference = sample === null ? x : selectRows(x, sample);
    const rows = sample === null ? subset : sample.map((row) => subset?.[row] ?? row);
    const made = { reference, subset: rows, trainingRows: x.rows };
    if (x.rows < x.cols) return new FittedLof({ ...made, spaces: null }, this.compute);
    const spaces: FullSpace[] = [];
    for (const unit of [false, true]) {
      const gaussian = await fitShrunkGaussian(streamOf(x, x.rows), { ...this.compute, unit });
      spaces.push(await FullSpace.fit(gaussian, unit, reference, this.compute));
    }
    return new FittedLof({ ...made, spaces }, this.compute);
  }

  /** Rows that stand for all, ascending; null where all have room. */
  private sample({ rows, cols }: EmbeddingMatrix): number[] | null {
    const room = Math.max(1, Math.floor(this.memoryBytes / (BYTES_PER_VALUE * cols)));
    if (rows <= room) return null;
    const order = new Random(this.seed).shuffle(Array.from({ length: rows }, (_, row) => row));
    return order.slice(0, room).sort((a, b) => a - b);
  }
}

export const lofKind: ScorerKind = {
  format: LOF_FORMAT,
  create: ({ options, seed, compute, ownClasses }) =>
    ownClasses(new LofScorer({ ...options.lof, ...compute }, seed)),
  read: (document, { features, compute }) => FittedLof.fromJSON(document, features, compute),
};
