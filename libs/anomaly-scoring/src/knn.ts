import { ConfigError } from '@hazure/contracts';
import type { EmbeddingMatrix, FittedScorer } from '@hazure/contracts';
import { assertMatrix, selectRows } from '@hazure/numerics';
import { z } from 'zod';
import type { ComputeOptions } from './compute.js';
import { scoreByFits } from './cross-judging.js';
import { decodeFloat32, encodeFloats, floatArraySchema } from './float-array-json.js';
import type { KnnOptions } from './knn-options.js';
import { parseModel, refuseModel } from './model-json.js';
import { NeighbourIndex, SPARE_CANDIDATES } from './nearest-neighbours.js';
import type { NeighbourTable } from './nearest-neighbours.js';
import type { ScorerKind } from './scorer-kind.js';
import type { AbleScorer, DealtRows } from './scorer-ports.js';

const FORMAT = 'hazure-knn/1';

const schema = z.strictObject({
  format: z.literal(FORMAT),
  k: z.int().min(1).max(10_000),
  rows: z.int().min(1),
  dimensions: z.int().min(1),
  /** `features`: the rows of the features file that lies beside; otherwise the rows themselves. */
  reference: z.union([z.literal('features'), floatArraySchema]),
  /** Only these of the referred rows; null = all. */
  subset: z.array(z.int().min(0)).min(1).nullable(),
});
export type KnnJSON = z.infer<typeof schema>;

/** Mean cosine distance to the k nearest training rows, 0…2. Exact. */
export class KnnScorer implements AbleScorer {
  readonly name = 'knn';
  private readonly k: number;

  constructor(private readonly options: KnnOptions & ComputeOptions = {}) {
    const { k = 1 } = options;
    if (!Number.isInteger(k) || k < 1 || k > 10_000)
      throw new ConfigError(`knn: expected k in 1…10000, got ${k}`);
    this.k = k;
  }

  async fit(x: EmbeddingMatrix): Promise<FittedKnn> {
    assertMatrix(x, { what: 'knn training rows', minRows: 1 });
    return new FittedKnn(x, this.k, this.options);
  }

  /** Fits to some rows of x and remembers which, so that a document can refer to them. */
  async fitSubset(x: EmbeddingMatrix, rows: readonly number[]): Promise<FittedKnn> {
    assertMatrix(x, { what: 'knn training rows', minRows: 1 });
    return new FittedKnn(selectRows(x, rows), this.k, this.options, rows);
  }

  /** One search of all rows among all, which leaves out each row's own fold. */
  async scoreFolds(dealt: DealtRows): Promise<Float64Array> {
    const { x, foldOf, folds } = dealt;
    assertMatrix(x, { what: 'knn training rows', minRows: 1 });
    const sizes = new Int32Array(folds);
    for (let i = 0; i < x.rows; i++) sizes[foldOf[i]]++;
    const leastOutside = x.rows - Math.max(...sizes);
    // With few rows k is cut fold by fold.
    if (leastOutside < this.k + SPARE_CANDIDATES) return scoreByFits(this, dealt);
    const index = new NeighbourIndex(x, this.options);
    return meanDistances(await index.searchOtherFolds(Int32Array.from(foldOf), this.k));
  }
}

/** Mean of the k distances of each query. */
function meanDistances({ k, distances }: NeighbourTable): Float64Array {
  const scores = new Float64Array(distances.length / k);
  for (let i = 0; i < distances.length; i++) scores[Math.floor(i / k)] += distances[i] / k;
  return scores;
}

export class FittedKnn implements FittedScorer {
  readonly name = 'knn';

  private index: NeighbourIndex | undefined;

  constructor(
    readonly reference: EmbeddingMatrix,
    readonly k: number,
    private readonly options: ComputeOptions = {},
    private readonly subset: readonly number[] | null = null,
  ) {}

  get dimensions(): number {
    return this.reference.cols;
  }

  async score(x: EmbeddingMatrix): Promise<Float64Array> {
    return meanDistances(await this.neighbours(x, this.k));
  }

  /** The k nearest training rows and their cosine distances. */
  async neighbours(x: EmbeddingMatrix, k: number): Promise<NeighbourTable> {
    assertMatrix(x, { what: 'knn: rows to score', cols: this.dimensions });
    this.index ??= new NeighbourIndex(this.reference, this.options);
    return this.index.search(x, k);
  }

  toJSON(): KnnJSON {
    return { ...this.toReferringJSON(), reference: encodeFloats(this.reference.data), subset: null };
  }

  /** Without the rows, for a folder that holds them as a features file anyway. */
  toReferringJSON(): KnnJSON {
    const { rows, cols: dimensions } = this.reference;
    return {
      format: FORMAT,
      k: this.k,
      rows,
      dimensions,
      reference: 'features',
      subset: this.subset?.slice() ?? null,
    };
  }

  /** `features`: the rows that a document without its own rows refers to. @throws ModelError */
  static fromJSON(value: unknown, features?: EmbeddingMatrix, options: ComputeOptions = {}): FittedKnn {
    const json = parseModel(schema, value, 'knn model', FORMAT);
    const { rows, dimensions: cols } = json;
    if (json.reference !== 'features') {
      const data = decodeFloat32(json.reference, rows * cols, 'knn model: reference');
      return new FittedKnn({ data, rows, cols }, json.k, options);
    }
    if (features === undefined) refuseModel('knn model: it refers to a features file, and none was given');
    const { subset } = json;
    if (features.cols !== cols || rows !== (subset?.length ?? features.rows)) {
      refuseModel(
        `knn model: expected features of ${rows} × ${cols}, got ${features.rows} × ${features.cols}`,
      );
    }
    if (subset?.some((row) => row >= features.rows))
      refuseModel('knn model: subset names rows beyond the features');
    if (subset !== null) return new FittedKnn(selectRows(features, subset), json.k, options, subset);
    return new FittedKnn(features, json.k, options);
  }
}

export const knnKind: ScorerKind = {
  format: FORMAT,
  create: ({ options, compute, ownClasses }) => ownClasses(new KnnScorer({ ...options.knn, ...compute })),
  read: (document, { features, compute }) => FittedKnn.fromJSON(document, features, compute),
};
