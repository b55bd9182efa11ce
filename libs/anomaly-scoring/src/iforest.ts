import type { EmbeddingMatrix, FittedScorer, Scorer } from '@hazure/contracts';
import { fitIsolationForest, IsolationForest } from '@hazure/isolation-forest';
import type { IsolationForestOptions } from '@hazure/isolation-forest';

/** Isolation forest behind the port: the score is −score_samples, 0…1, higher is more anomalous. */
export class IsolationForestScorer implements Scorer {
  readonly name = 'iforest';
  constructor(private readonly options: IsolationForestOptions = {}) {}

  async fit(x: EmbeddingMatrix): Promise<FittedIsolationForest> {
    return new FittedIsolationForest(fitIsolationForest(x, this.options));
  }
}

export class FittedIsolationForest implements FittedScorer {
  readonly name = 'iforest';
  constructor(readonly forest: IsolationForest) {}

  get dimensions(): number {
    return this.forest.dimensions;
  }

  async score(x: EmbeddingMatrix): Promise<Float64Array> {
    return this.forest.scoreSamples(x).map((value) => -value);
  }

  toJSON(): unknown {
    return this.forest.toJSON();
  }

  static fromJSON(value: unknown): FittedIsolationForest {
    return new FittedIsolationForest(IsolationForest.fromJSON(value));
  }
}
