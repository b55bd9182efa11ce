import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { assertMatrix } from '@hazure/numerics';
import { FittedBaseline } from './baseline.js';
import type { CalibratedScorer } from './baseline-parts.js';
import { computeOf } from './compute.js';
import { baselineTooSmall, ConformalCalibration, requiredHeldOutRows } from './conformal.js';
import { classesOfOwn, fitWithHeldOut, methodFor, planHeldOut } from './held-out-scores.js';
import type { CalibrationMethod, HeldOutPlan } from './held-out-scores.js';
import { createScorers, SCORER_NAMES } from './scorers.js';
import type { ScorerOptions } from './scorer-kind.js';

export interface BaselineInput {
  /** One row per normal object. */
  readonly features: EmbeddingMatrix;
  /** Image index of each row: objects of one image stay on one side of every split. Absent = each row its own. */
  readonly groups?: ArrayLike<number>;
  /** Class of each row; needed for `perClass`. */
  readonly classes?: readonly string[];
  /** Judge objects against their own class where it has enough rows. Default false. */
  readonly perClass?: boolean;
  /** Scorers to fit; the first decides. Default: all, best first. The isolation forest is fitted in any case. */
  readonly scorers?: readonly string[];
  /** 0…100, default 95. */
  readonly percentile?: number;
  readonly seed?: number;
  /** `auto`: split from SPLIT_FROM_ROWS rows on, cross below. */
  readonly calibration?: CalibrationMethod | 'auto';
  readonly scorerOptions?: Omit<ScorerOptions, 'seed' | 'perClass'>;
}

function assertLength(what: string, length: number, rows: number): void {
  if (length === rows) return;
  throw new InputError('INPUT_INVALID', `${what}: expected one per row (${rows}), got ${length}`);
}

function planFor(input: BaselineInput, percentile: number, seed: number): HeldOutPlan {
  const { features, calibration = 'auto' } = input;
  const { rows } = features;
  const groups = input.groups ?? Int32Array.from({ length: rows }, (_, i) => i);
  assertLength('groups', groups.length, rows);
  if (rows < requiredHeldOutRows(percentile)) throw baselineTooSmall(rows, percentile);
  const method = calibration === 'auto' ? methodFor(rows) : calibration;
  const plan = planHeldOut(groups, method, seed);
  if (plan.parts.some((part) => part.outside.length === 0)) {
    throw new InputError(
      'BASELINE_TOO_SMALL',
      `baseline: expected objects from at least 2 images, got ${rows} from one`,
      {
        hint: 'Objects of one image cannot judge each other; add normal images.',
      },
    );
  }
  const heldOutRows = plan.parts.reduce((sum, part) => sum + part.inside.length, 0);
  if (heldOutRows < requiredHeldOutRows(percentile)) throw baselineTooSmall(heldOutRows, percentile);
  return plan;
}

/**
 * Fits and calibrates everything that judging needs.
 * @throws InputError for bad values or lengths, or (BASELINE_TOO_SMALL) with the number of rows needed when the
 * percentile is out of reach; ConfigError for unknown scorers or options out of range.
 */
export async function fitBaseline(input: BaselineInput): Promise<FittedBaseline> {
  const { features, percentile = 95, seed = 42, classes } = input;
  assertMatrix(features, { what: 'baseline features', minRows: 1 });
  const plan = planFor(input, percentile, seed);
  if (classes !== undefined) assertLength('classes', classes.length, features.rows);
  if (input.perClass && classes === undefined) {
    throw new InputError('INPUT_INVALID', 'per-class scoring: expected the class of each row, got none');
  }
  const own = input.perClass && classes ? classesOfOwn(classes, plan, requiredHeldOutRows(percentile)) : [];
  const fitted = new Map<string, CalibratedScorer>();
  const names = [...new Set([...(input.scorers ?? SCORER_NAMES), 'iforest'])];
  const scorers = createScorers(names, {
    ...input.scorerOptions,
    seed,
    ...(own.length > 0 ? { perClass: own } : {}),
  });
  const held = await fitWithHeldOut(scorers, features, plan, classes && { of: classes, own });
  held.forEach(({ fitted: scorer, all, byClass }, i) => {
    fitted.set(names[i], {
      scorer,
      calibration: new ConformalCalibration(all),
      byClass: new Map(
        [...byClass].map(([className, scores]) => [className, new ConformalCalibration(scores)]),
      ),
    });
  });
  return new FittedBaseline(
    { scorers: fitted, features, percentile, method: plan.method, seed, fitRows: plan.fitRows },
    computeOf(input.scorerOptions ?? {}),
  );
}
