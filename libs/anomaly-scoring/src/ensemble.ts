import type { EmbeddingMatrix } from '@hazure/contracts';
import { z } from 'zod';
import { parseModel, refuseModel } from './model-json.js';
import type { ScorerKind } from './scorer-kind.js';
import { toReferringJSON } from './scorer-ports.js';
import type { ClassAwareScorer, DealtRows, FittedClassAwareScorer, FoldJudging } from './scorer-ports.js';

const FORMAT = 'hazure-ensemble/1';

const schema = z.strictObject({
  format: z.literal(FORMAT),
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
    return this.fitMembers((member) => member.fit(x, classes));
  }

  /** `fit` fits one member, or has it fitted already. */
  async fitMembers(
    fit: (member: ClassAwareScorer) => Promise<FittedClassAwareScorer>,
  ): Promise<FittedEnsemble> {
    const fitted: FittedClassAwareScorer[] = [];
    for (const member of this.members) fitted.push(await fit(member));
    return new FittedEnsemble(fitted);
  }

  scoreFolds(_dealt: DealtRows, judging: FoldJudging): Promise<Float64Array> {
    return meanLog(this.members, (member) => judging.scores(member));
  }

  scoreFoldsByClass(
    _dealt: DealtRows,
    _classes: readonly string[],
    judging: FoldJudging,
  ): Promise<Float64Array> {
    return meanLog(this.members, (member) => judging.scoresByClass(member));
  }
}

/** Mean over the members of log(1 + score), row by row; one member at a time. */
async function meanLog<Member>(
  members: readonly Member[],
  scoresOf: (member: Member) => Promise<Float64Array>,
): Promise<Float64Array> {
  let total = new Float64Array(0);
  for (const member of members) {
    const scores = await scoresOf(member);
    if (total.length === 0) total = new Float64Array(scores.length);
    for (let i = 0; i < total.length; i++) total[i] += Math.log1p(scores[i]) / members.length;
  }
  return total;
}

export class FittedEnsemble implements FittedClassAwareScorer {
  readonly name = 'ensemble';
  constructor(readonly members: readonly FittedClassAwareScorer[]) {}

  get dimensions(): number {
    return this.members[0].dimensions;
  }

  score(x: EmbeddingMatrix, classes?: readonly string[]): Promise<Float64Array> {
    return this.scoreMembers((member) => member.score(x, classes));
  }

  /** `score` scores by one member, or has done so already. */
  scoreMembers(score: (member: FittedClassAwareScorer) => Promise<Float64Array>): Promise<Float64Array> {
    return meanLog(this.members, score);
  }

  toJSON(): EnsembleJSON {
    return this.toJSONWith((scorer) => scorer.toJSON());
  }

  toReferringJSON(): EnsembleJSON {
    return this.toJSONWith(toReferringJSON);
  }

  private toJSONWith(write: (scorer: FittedClassAwareScorer) => unknown): EnsembleJSON {
    return { format: FORMAT, members: this.members.map(write) };
  }

  /** `readMember` reads one member's document. @throws ModelError */
  static fromJSON(value: unknown, readMember: (model: unknown) => FittedClassAwareScorer): FittedEnsemble {
    const members = parseModel(schema, value, 'ensemble model', FORMAT).members.map(readMember);
    if (new Set(members.map((member) => member.dimensions)).size > 1) {
      refuseModel('ensemble model: members of different dimensions');
    }
    return new FittedEnsemble(members);
  }
}

export const ensembleKind: ScorerKind = {
  format: FORMAT,
  create: ({ gaussian }) => new EnsembleScorer([gaussian(false), gaussian(true)]),
  read: (document, { readInside }) =>
    FittedEnsemble.fromJSON(document, (member) => readInside(member, [FORMAT])),
};
