import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix, FittedScorer } from '@hazure/contracts';
import { assertMatrix } from '@hazure/numerics';
import { baselineFromJSON, baselineToJSON } from './baseline-json.js';
import type { BaselineJSON } from './baseline-json.js';
import {
  alphaOf,
  baselineTooSmall,
  benjaminiHochberg,
  ConformalCalibration,
  requiredHeldOutRows,
} from './conformal.js';
import { fitWithHeldOut, planHeldOut, SPLIT_FROM_ROWS } from './held-out-scores.js';
import type { CalibrationMethod } from './held-out-scores.js';
import { nearestNeighbours } from './nearest-neighbours.js';
import type { NeighbourTable } from './nearest-neighbours.js';
import { createScorer, SCORER_NAMES } from './scorers.js';
import type { ScorerOptions } from './scorers.js';

export interface BaselineInput {
  /** One row per normal object. */
  readonly features: EmbeddingMatrix;
  /** Image index of each row: objects of one image stay on one side of every split. Absent = each row its own. */
  readonly groups?: ArrayLike<number>;
  /** Scorers to fit; the first decides. Default: all, best first. The isolation forest is fitted in any case. */
  readonly scorers?: readonly string[];
  /** 0…100, default 95. */
  readonly percentile?: number;
  readonly seed?: number;
  /** `auto`: split from SPLIT_FROM_ROWS rows on, cross below. */
  readonly calibration?: CalibrationMethod | 'auto';
  readonly scorerOptions?: Omit<ScorerOptions, 'seed'>;
}

export interface CalibratedScorer {
  readonly scorer: FittedScorer;
  readonly calibration: ConformalCalibration;
}

export interface BaselineParts {
  /** In the order asked for; the first decides. */
  readonly scorers: ReadonlyMap<string, CalibratedScorer>;
  readonly features: EmbeddingMatrix;
  readonly percentile: number;
  readonly method: CalibrationMethod;
  readonly seed: number;
  /** Rows that the scorers were fitted to; null = all. */
  readonly fitRows: readonly number[] | null;
}

export interface BaselineScores {
  /** By scorer name; one value per row. */
  readonly scores: Readonly<Record<string, Float64Array>>;
  readonly pValuesByScorer: Readonly<Record<string, Float64Array>>;
  /** Of the deciding scorer. */
  readonly pValues: Float64Array;
  /** 1 = feature outlier. */
  readonly outlier: Uint8Array;
}

export interface ScoreOptions {
  /** Another percentile than the baseline was learned with. */
  readonly percentile?: number;
  /** Control the false discovery rate over these rows (Benjamini–Hochberg) instead of the false-alarm rate. */
  readonly fdr?: number;
}

/** Scorers fitted to a baseline, with the calibration that turns their scores into p-values and verdicts. */
export class FittedBaseline {
  constructor(private readonly parts: BaselineParts) {}

  get scorers(): ReadonlyMap<string, CalibratedScorer> {
    return this.parts.scorers;
  }

  get defaultScorer(): string {
    return [...this.parts.scorers.keys()][0];
  }

  get percentile(): number {
    return this.parts.percentile;
  }

  get method(): CalibrationMethod {
    return this.parts.method;
  }

  get dimensions(): number {
    return this.parts.features.cols;
  }

  /** Held-out rows behind every p-value. */
  get heldOutRows(): number {
    return this.decider.calibration.heldOut.length;
  }

  private get decider(): CalibratedScorer {
    return this.parts.scorers.get(this.defaultScorer) as CalibratedScorer;
  }

  /**
   * Scores, p-values and verdicts of x (rows × dimensions).
   * @throws InputError when the width differs, a value is not finite, or (BASELINE_TOO_SMALL) `percentile` is
   * beyond what the held-out rows can tell.
   */
  async score(
    x: EmbeddingMatrix,
    { percentile = this.percentile, fdr }: ScoreOptions = {},
  ): Promise<BaselineScores> {
    if (this.heldOutRows < requiredHeldOutRows(percentile))
      throw baselineTooSmall(this.heldOutRows, percentile);
    assertMatrix(x, { what: 'objects to score', cols: this.dimensions });
    const scores: Record<string, Float64Array> = {};
    const pValuesByScorer: Record<string, Float64Array> = {};
    for (const [name, { scorer, calibration }] of this.parts.scorers) {
      scores[name] = await scorer.score(x);
      pValuesByScorer[name] = calibration.pValues(scores[name]);
    }
    const pValues = pValuesByScorer[this.defaultScorer];
    const alpha = alphaOf(percentile);
    const outlier =
      fdr === undefined
        ? Uint8Array.from(pValues, (p) => (p < alpha ? 1 : 0))
        : benjaminiHochberg(pValues, fdr);
    return { scores, pValuesByScorer, pValues, outlier };
  }

  /** The k baseline rows nearest to each row of x, with cosine distances, nearest first. */
  async neighbours(x: EmbeddingMatrix, k: number): Promise<NeighbourTable> {
    assertMatrix(x, { what: 'objects to compare', cols: this.dimensions });
    return nearestNeighbours(x, this.parts.features, k);
  }

  /** What to write where: see `BASELINE_FILES`. The features are not included; they have a file of their own. */
  toJSON(): BaselineJSON {
    return baselineToJSON(this.parts);
  }

  /** `features`: the matrix that the baseline was fitted to, in the same order. @throws ModelError */
  static fromJSON(json: unknown, features: EmbeddingMatrix): FittedBaseline {
    return new FittedBaseline(baselineFromJSON(json, features));
  }
}

/**
 * Fits and calibrates everything that judging needs.
 * @throws InputError (BASELINE_TOO_SMALL) with the number of rows needed when the percentile is out of reach.
 */
export async function fitBaseline(input: BaselineInput): Promise<FittedBaseline> {
  const { features, percentile = 95, seed = 42, calibration = 'auto' } = input;
  assertMatrix(features, { what: 'baseline features', minRows: 1 });
  const rows = features.rows;
  const groups = input.groups ?? Int32Array.from({ length: rows }, (_, i) => i);
  if (groups.length !== rows) {
    throw new InputError('INPUT_INVALID', `groups: expected one per row (${rows}), got ${groups.length}`);
  }
  const names = [...new Set([...(input.scorers ?? SCORER_NAMES), 'iforest'])];
  const scorers = names.map((name) => createScorer(name, { seed, ...input.scorerOptions }));
  if (rows < requiredHeldOutRows(percentile)) throw baselineTooSmall(rows, percentile);

  const method = calibration === 'auto' ? (rows >= SPLIT_FROM_ROWS ? 'split' : 'cross') : calibration;
  const plan = planHeldOut(groups, method, seed);
  const heldOutRows = plan.parts.reduce((sum, part) => sum + part.inside.length, 0);
  if (heldOutRows < requiredHeldOutRows(percentile)) throw baselineTooSmall(heldOutRows, percentile);
  if (plan.parts.some((part) => part.outside.length === 0)) {
    throw new InputError(
      'BASELINE_TOO_SMALL',
      `baseline: expected objects from at least 2 images, got ${rows} from one`,
      {
        hint: 'Objects of one image cannot judge each other; add normal images.',
      },
    );
  }
  const fitted = new Map<string, CalibratedScorer>();
  for (const scorer of scorers) {
    const { fitted: final, heldOut } = await fitWithHeldOut(scorer, features, plan);
    fitted.set(scorer.name, { scorer: final, calibration: new ConformalCalibration(heldOut) });
  }
  return new FittedBaseline({ scorers: fitted, features, percentile, method, seed, fitRows: plan.fitRows });
}
