import type { EmbeddingMatrix, FittedScorer, Scorer } from '@hazure/contracts';
import { mean, selectRows } from '@hazure/numerics';
import { z } from 'zod';
import { assignFolds, splitByFold } from './folds.js';
import { parseModel, refuseModel } from './model-json.js';

const FORMAT = 'hazure.ensemble';
/** Folds whose held-out scores set the members' scales. */
const SCALE_FOLDS = 5;

const schema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(1),
  members: z
    .array(z.strictObject({ centre: z.number(), spread: z.number().gt(0), model: z.unknown() }))
    .min(1)
    .max(64),
});
export type EnsembleJSON = z.infer<typeof schema>;

interface Member {
  readonly scorer: FittedScorer;
  readonly centre: number;
  readonly spread: number;
}

/**
 * Mean of the members' scores, each standardised by the mean and deviation of its scores on training rows that
 * it was not fitted to (cross-fitted), so that a member's own overfit does not set its weight.
 */
export class EnsembleScorer implements Scorer {
  readonly name = 'ensemble';

  constructor(
    private readonly members: readonly Scorer[],
    private readonly seed = 42,
  ) {}

  async fit(x: EmbeddingMatrix): Promise<FittedEnsemble> {
    const fitted: Member[] = [];
    for (const member of this.members) {
      const heldOut = await this.heldOutScores(member, x);
      const centre = mean(heldOut);
      const deviation = Math.sqrt(mean(heldOut.map((score) => (score - centre) ** 2)));
      fitted.push({ scorer: await member.fit(x), centre, spread: deviation > 0 ? deviation : 1 });
    }
    return new FittedEnsemble(fitted);
  }

  private async heldOutScores(member: Scorer, x: EmbeddingMatrix): Promise<Float64Array> {
    const scores = new Float64Array(x.rows);
    if (x.rows < 2) return scores;
    const foldOf = assignFolds(
      Int32Array.from({ length: x.rows }, (_, i) => i),
      SCALE_FOLDS,
      this.seed,
    );
    for (let fold = 0; fold < Math.min(SCALE_FOLDS, x.rows); fold++) {
      const { inside, outside } = splitByFold(foldOf, fold);
      const fitted = await member.fit(selectRows(x, outside));
      const part = await fitted.score(selectRows(x, inside));
      inside.forEach((row, i) => (scores[row] = part[i]));
    }
    return scores;
  }
}

export class FittedEnsemble implements FittedScorer {
  readonly name = 'ensemble';
  constructor(readonly members: readonly Member[]) {}

  get dimensions(): number {
    return this.members[0].scorer.dimensions;
  }

  async score(x: EmbeddingMatrix): Promise<Float64Array> {
    const total = new Float64Array(x.rows);
    for (const { scorer, centre, spread } of this.members) {
      const scores = await scorer.score(x);
      for (let i = 0; i < total.length; i++)
        total[i] += (scores[i] - centre) / (spread * this.members.length);
    }
    return total;
  }

  toJSON(): EnsembleJSON {
    return {
      format: FORMAT,
      version: 1,
      members: this.members.map(({ scorer, centre, spread }) => ({ centre, spread, model: scorer.toJSON() })),
    };
  }

  /** `readMember` reads one member's document. @throws ModelError */
  static fromJSON(value: unknown, readMember: (model: unknown) => FittedScorer): FittedEnsemble {
    const json = parseModel(schema, value, 'ensemble model');
    const members = json.members.map(({ centre, spread, model }) => ({
      centre,
      spread,
      scorer: readMember(model),
    }));
    if (members.some(({ scorer }) => scorer instanceof FittedEnsemble))
      refuseModel('ensemble model: a member is an ensemble');
    if (new Set(members.map(({ scorer }) => scorer.dimensions)).size > 1) {
      refuseModel('ensemble model: members of different dimensions');
    }
    return new FittedEnsemble(members);
  }
}
