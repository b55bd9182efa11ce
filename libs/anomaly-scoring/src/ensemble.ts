import type { EmbeddingMatrix } from '@hazure/contracts';
import { z } from 'zod';
import { parseModel, refuseModel } from './model-json.js';
import type { ClassAwareScorer, FittedClassAwareScorer } from './per-class.js';

const FORMAT = 'hazure.ensemble';

const schema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(1),
  members: z.array(z.unknown()).min(1).max(64),
});
export type EnsembleJSON = z.infer<typeof schema>;

/**
 * Mean of log(1 + score) over members whose scores are distances (≥ 0): close to the geometric mean of the
 * distances, so members need no common scale and none needs held-out rows to be weighed.
 */
export class EnsembleScorer implements ClassAwareScorer {
  readonly name = 'ensemble';

  constructor(private readonly members: readonly ClassAwareScorer[]) {}

  async fit(x: EmbeddingMatrix, classes?: readonly string[]): Promise<FittedEnsemble> {
    const fitted: FittedClassAwareScorer[] = [];
    for (const member of this.members) fitted.push(await member.fit(x, classes));
    return new FittedEnsemble(fitted);
  }
}

export class FittedEnsemble implements FittedClassAwareScorer {
  readonly name = 'ensemble';
  constructor(readonly members: readonly FittedClassAwareScorer[]) {}

  get dimensions(): number {
    return this.members[0].dimensions;
  }

  async score(x: EmbeddingMatrix, classes?: readonly string[]): Promise<Float64Array> {
    const total = new Float64Array(x.rows);
    for (const member of this.members) {
      const scores = await member.score(x, classes);
      for (let i = 0; i < total.length; i++) total[i] += Math.log1p(scores[i]) / this.members.length;
    }
    return total;
  }

  toJSON(): EnsembleJSON {
    return this.toJSONWith((scorer) => scorer.toJSON());
  }

  /** `write` makes the document of each member. */
  toJSONWith(write: (scorer: FittedClassAwareScorer) => unknown): EnsembleJSON {
    return { format: FORMAT, version: 1, members: this.members.map(write) };
  }

  /** `readMember` reads one member's document. @throws ModelError */
  static fromJSON(value: unknown, readMember: (model: unknown) => FittedClassAwareScorer): FittedEnsemble {
    const members = parseModel(schema, value, 'ensemble model').members.map(readMember);
    if (new Set(members.map((member) => member.dimensions)).size > 1) {
      refuseModel('ensemble model: members of different dimensions');
    }
    return new FittedEnsemble(members);
  }
}
