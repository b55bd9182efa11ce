import type { EmbeddingMatrix, FittedScorer, Scorer } from '@hazure/contracts';
import { fitIsolationForestParallel, FOREST_FORMAT, IsolationForest } from '@hazure/isolation-forest';
import type { IsolationForestOptions, ThreadOptions } from '@hazure/isolation-forest';
import type { ScorerKind } from './scorer-kind.js';

/** Isolation forest behind the port: the score is −score_samples, 0…1, higher is more anomalous. */
export class IsolationForestScorer implements Scorer {
  readonly name = 'iforest';
  constructor(private readonly options: IsolationForestOptions & ThreadOptions = {}) {}

  async fit(x: EmbeddingMatrix): Promise<FittedIsolationForest> {
    return new FittedIsolationForest(await fitIsolationForestParallel(x, this.options), this.options);
  }
}

export class FittedIsolationForest implements FittedScorer {
  readonly name = 'iforest';

  constructor(
    readonly forest: IsolationForest,
    private readonly options: ThreadOptions = {},
  ) {}

  get dimensions(): number {
    return this.forest.dimensions;
  }

  async score(x: EmbeddingMatrix): Promise<Float64Array> {
    const scores = await this.forest.scoreSamplesParallel(x, this.options);
    return scores.map((value) => -value);
  }

  toJSON(): unknown {
    return this.forest.toJSON();
  }

  static fromJSON(value: unknown, options: ThreadOptions = {}): FittedIsolationForest {
    return new FittedIsolationForest(IsolationForest.fromJSON(value), options);
  }
}

export const iforestKind: ScorerKind = {
  format: FOREST_FORMAT,
  create: ({ options, seed, compute: { threads }, ownClasses }) =>
    ownClasses(
      new IsolationForestScorer({ seed, ...options.iforest, ...(threads === undefined ? {} : { threads }) }),
    ),
  read: (document, { compute: { threads } }) =>
    FittedIsolationForest.fromJSON(document, threads === undefined ? {} : { threads }),
};
