import type { EmbeddingMatrix } from '@hazure/contracts';
import type { ClassAwareScorer, FittedClassAwareScorer } from './scorer-ports.js';

/** Fits to one matrix in which the members of a scorer made of others are fitted once, also when they are asked for by themselves. */
export class SharedFits {
  private readonly fits = new Map<ClassAwareScorer, Promise<FittedClassAwareScorer>>();

  constructor(
    private readonly x: EmbeddingMatrix,
    private readonly classes?: readonly string[],
  ) {}

  fit(scorer: ClassAwareScorer): Promise<FittedClassAwareScorer> {
    const fit =
      this.fits.get(scorer) ??
      scorer.fitMembers?.((member) => this.fit(member)) ??
      scorer.fit(this.x, this.classes);
    this.fits.set(scorer, fit);
    return fit;
  }
}

/** Scores of one matrix, in the same way. */
export class SharedScores {
  private readonly scores = new Map<FittedClassAwareScorer, Promise<Float64Array>>();

  constructor(
    private readonly x: EmbeddingMatrix,
    private readonly classes?: readonly string[],
  ) {}

  score(scorer: FittedClassAwareScorer): Promise<Float64Array> {
    const scores =
      this.scores.get(scorer) ??
      scorer.scoreMembers?.((member) => this.score(member)) ??
      scorer.score(this.x, this.classes);
    this.scores.set(scorer, scores);
    return scores;
  }
}
