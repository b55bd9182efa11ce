import type { EmbeddingMatrix, FittedScorer } from '@hazure/contracts';
import { selectRows } from '@hazure/numerics';
import { z } from 'zod';
import { ClassCentring, classCentringSchema } from './class-centring.js';
import { fitResiduals, groupRows, MIN_CLASS_ROWS, scoreResiduals, selectMembers } from './class-models.js';
import type { ResidualModel } from './class-models.js';
import { parseModel, refuseModel } from './model-json.js';
import { scoreFoldsOfClasses, scoreResidualFolds } from './per-class-folds.js';
import { fitSubset, toReferringJSON } from './scorer-ports.js';
import type {
  AbleScorer,
  ClassAwareScorer,
  DealtRows,
  FittedClassAwareScorer,
  FoldJudging,
} from './scorer-ports.js';

export const PER_CLASS_FORMAT = 'hazure-per-class/1';

const schema = z.strictObject({
  format: z.literal(PER_CLASS_FORMAT),
  name: z.string(),
  fallback: z.unknown(),
  /** One scorer per class … */
  models: z.record(z.string(), z.unknown()).nullable(),
  /** … or one scorer of all rows' differences from their class mean. */
  centring: classCentringSchema.nullable(),
  residuals: z.unknown(),
});
export type PerClassJSON = z.infer<typeof schema>;

export interface PerClassOptions {
  /** Classes that get a model of their own; all others are scored by the fallback. */
  readonly classes: readonly string[];
  /**
   * `own`: a separate scorer for each class. `shared-covariance`: one scorer fitted to all rows' differences from
   * their class mean, so that classes with few rows borrow the spread of the others (linear discriminant
   * analysis' model; Lee et al., A simple unified framework for detecting out-of-distribution samples, 2018).
   */
  readonly mode: 'own' | 'shared-covariance';
  /** For `shared-covariance`: rows are divided by their norm before the class mean is taken. */
  readonly unitRows?: boolean;
}

/** Judges each row as a member of its class. */
export class PerClassScorer implements ClassAwareScorer {
  readonly name: string;

  /** `fallback`: the scorer for all rows alike; `inner`: fitted per class or to the differences from class means. */
  constructor(
    private readonly fallback: AbleScorer,
    private readonly inner: AbleScorer,
    private readonly options: PerClassOptions,
  ) {
    this.name = fallback.name;
  }

  async fit(x: EmbeddingMatrix, classes: readonly string[] = []): Promise<FittedPerClass> {
    const fallback = await this.fallback.fit(x);
    const rowsOf = groupRows(classes);
    const known = this.options.classes.filter((name) => (rowsOf.get(name)?.length ?? 0) >= MIN_CLASS_ROWS);
    if (this.options.mode === 'own') {
      const models = new Map<string, FittedScorer>();
      for (const name of known)
        models.set(name, await fitSubset(this.inner, x, rowsOf.get(name) as number[]));
      return new FittedPerClass(this.name, fallback, { models });
    }
    if (known.length === 0) return new FittedPerClass(this.name, fallback, { models: new Map() });
    const members = known.flatMap((name) => rowsOf.get(name) as number[]).sort((a, b) => a - b);
    const { unitRows = false } = this.options;
    const model = await fitResiduals(this.inner, ...selectMembers(x, classes, members), unitRows);
    return new FittedPerClass(this.name, fallback, model);
  }

  scoreFolds(_dealt: DealtRows, judging: FoldJudging): Promise<Float64Array> {
    return judging.scores(this.fallback);
  }

  async scoreFoldsByClass(
    dealt: DealtRows,
    classes: readonly string[],
    judging: FoldJudging,
  ): Promise<Float64Array> {
    const { classes: own, mode, unitRows = false } = this.options;
    const scores =
      mode === 'own'
        ? await scoreFoldsOfClasses(this.inner, dealt, classes, own)
        : await scoreResidualFolds(this.inner, dealt, classes, own, unitRows);
    const rest = classes.map((name, row) => own.includes(name) && Number.isNaN(scores[row]));
    if (!rest.includes(true)) return scores;
    const fallback = await judging.scores(this.fallback);
    return scores.map((score, row) => (rest[row] ? fallback[row] : score));
  }
}

type ClassModels = { readonly models: ReadonlyMap<string, FittedScorer> } | ResidualModel;

export class FittedPerClass implements FittedClassAwareScorer {
  constructor(
    readonly name: string,
    readonly fallback: FittedScorer,
    private readonly byClass: ClassModels,
  ) {}

  get dimensions(): number {
    return this.fallback.dimensions;
  }

  get notes(): readonly string[] {
    const { byClass } = this;
    const inside: readonly FittedClassAwareScorer[] =
      'models' in byClass ? [...byClass.models.values()] : [byClass.residuals];
    return [this.fallback as FittedClassAwareScorer, ...inside].flatMap(({ notes = [] }) => notes);
  }

  /** `classes`: one per row; rows of unknown classes, and all rows when it is absent, get the fallback's score. */
  async score(x: EmbeddingMatrix, classes?: readonly string[]): Promise<Float64Array> {
    if (classes === undefined) return this.fallback.score(x);
    const scores = new Float64Array(x.rows);
    const put = async (rows: readonly number[], part: Promise<Float64Array>): Promise<void> => {
      const values = await part;
      rows.forEach((row, i) => (scores[row] = values[i]));
    };
    const rowsOf = groupRows(classes);
    const { byClass } = this;
    const knows = (name: string): boolean =>
      'models' in byClass ? byClass.models.has(name) : byClass.centring.knows(name);
    const unknown = [...rowsOf].filter(([name]) => !knows(name)).flatMap(([, rows]) => rows);
    if (unknown.length > 0) await put(unknown, this.fallback.score(selectRows(x, unknown)));
    if ('models' in byClass) {
      for (const [name, model] of byClass.models) {
        const rows = rowsOf.get(name);
        if (rows !== undefined) await put(rows, model.score(selectRows(x, rows)));
      }
    } else {
      const rows = [...rowsOf].filter(([name]) => knows(name)).flatMap(([, members]) => members);
      if (rows.length > 0) await put(rows, scoreResiduals(byClass, ...selectMembers(x, classes, rows)));
    }
    return scores;
  }

  toJSON(): PerClassJSON {
    return this.toJSONWith((scorer) => scorer.toJSON());
  }

  toReferringJSON(): PerClassJSON {
    return this.toJSONWith(toReferringJSON);
  }

  private toJSONWith(write: (scorer: FittedScorer) => unknown): PerClassJSON {
    const { byClass } = this;
    const shared = !('models' in byClass);
    return {
      format: PER_CLASS_FORMAT,
      name: this.name,
      fallback: write(this.fallback),
      models: shared
        ? null
        : Object.fromEntries([...byClass.models].map(([name, model]) => [name, write(model)])),
      centring: shared ? byClass.centring.toJSON() : null,
      residuals: shared ? write(byClass.residuals) : null,
    };
  }

  /** `read` reads one scorer's document. @throws ModelError */
  static fromJSON(value: unknown, read: (model: unknown) => FittedScorer): FittedPerClass {
    const json = parseModel(schema, value, 'per-class model', PER_CLASS_FORMAT);
    const fallback = read(json.fallback);
    const { dimensions } = fallback;
    const readSame = (model: unknown): FittedScorer => {
      const scorer = read(model);
      if (scorer.dimensions !== dimensions) refuseModel('per-class model: scorers of different dimensions');
      return scorer;
    };
    if (json.models !== null) {
      const models = new Map(Object.entries(json.models).map(([name, model]) => [name, readSame(model)]));
      return new FittedPerClass(json.name, fallback, { models });
    }
    if (json.centring === null) refuseModel('per-class model: neither class models nor class means');
    const centring = ClassCentring.fromJSON(json.centring);
    if (centring.dimensions !== dimensions)
      refuseModel('per-class model: class means of different dimensions');
    return new FittedPerClass(json.name, fallback, { centring, residuals: readSame(json.residuals) });
  }
}
