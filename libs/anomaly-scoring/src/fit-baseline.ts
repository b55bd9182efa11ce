import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { assertMatrix } from '@hazure/numerics';
import { FittedBaseline } from './baseline.js';
import type { CalibratedScorer } from './baseline-parts.js';
import { computeOf } from './compute.js';
import { baselineTooSmall, requiredHeldOutRows } from './conformal.js';
import type { ConformalCalibration } from './conformal.js';
import { relabel } from './groups/union-find.js';
import { calibrateImages } from './image-verdicts.js';
import { calibrateGrouped, measureDependence } from './dependence.js';
import { classesOfOwn, fitWithHeldOut, methodFor, planHeldOut } from './held-out-scores.js';
import type { CalibrationMethod, HeldOutPlan, HeldOutScores } from './held-out-scores.js';
import { createScorers, SCORER_NAMES } from './scorers.js';
import type { ScorerOptions } from './scorer-kind.js';

export interface BaselineInput {
  /** One row per normal object. */
  readonly features: EmbeddingMatrix;
  /**
   * Group of each row (its image, or the near-duplicate images that `findGroups` names): rows of one group stay on one
   * side of every split and count as one observation as far as their scores agree. Absent = each row its own.
   */
  readonly groups?: ArrayLike<number>;
  /** Image of each row, 0…images − 1. Absent: `groups` number the images, or each row is one. */
  readonly imageOf?: ArrayLike<number>;
  /** Images of the baseline, those without objects included. Absent: the images that have rows. */
  readonly images?: number;
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

function planFor(
  input: BaselineInput,
  groups: ArrayLike<number>,
  percentile: number,
  seed: number,
): HeldOutPlan {
  const { features, calibration = 'auto' } = input;
  const { rows } = features;
  assertLength('groups', groups.length, rows);
  if (rows < requiredHeldOutRows(percentile)) throw baselineTooSmall(rows, percentile);
  const method = calibration === 'auto' ? methodFor(rows, new Set(Array.from(groups)).size) : calibration;
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

interface ImageCalibrationInput extends BaselineInput {
  readonly groups: ArrayLike<number>;
  /** Held-out rows, in the order of the scores. */
  readonly rows: readonly number[];
  readonly heldOut: HeldOutScores;
  readonly decider: CalibratedScorer;
}

/** Image verdicts from the held-out objects, each judged as new ones will be. */
function calibrateWholeImages(input: ImageCalibrationInput): ConformalCalibration {
  const { groups, rows, heldOut, decider, classes, features } = input;
  const imageOf = input.imageOf ?? relabel(groups);
  assertLength('imageOf', imageOf.length, features.rows);
  const tails = decider.calibration.survival(heldOut.all);
  for (const [name, scores] of heldOut.byClass) {
    const own = decider.byClass.get(name)?.survival(scores) ?? [];
    rows.flatMap((row, at) => (classes?.[row] === name ? [at] : [])).forEach((at, i) => (tails[at] = own[i]));
  }
  // Images of held-out rows, and those without objects, each of which is a group of its own.
  const place = new Map<number, number>();
  const imageGroups: number[] = [];
  const images = rows.map((row) => {
    const known = place.get(imageOf[row]);
    if (known !== undefined) return known;
    place.set(imageOf[row], imageGroups.length);
    return imageGroups.push(groups[row]) - 1;
  });
  const withObjects = new Set(Array.from(imageOf)).size;
  const empty = Math.max(0, (input.images ?? withObjects) - withObjects);
  const share = place.size / withObjects; // of a split only as many as of the others
  for (let i = 0; i < Math.round(empty * share); i++) imageGroups.push(-1 - i);
  return calibrateImages(tails, images, imageGroups);
}

/**
 * Fits and calibrates everything that judging needs.
 * @throws InputError for bad values or lengths, or (BASELINE_TOO_SMALL) with the number of rows needed when the
 * percentile is out of reach; ConfigError for unknown scorers or options out of range.
 */
export async function fitBaseline(input: BaselineInput): Promise<FittedBaseline> {
  const { features, percentile = 95, seed = 42, classes } = input;
  assertMatrix(features, { what: 'baseline features', minRows: 1 });
  const groups = input.groups ?? Int32Array.from({ length: features.rows }, (_, i) => i);
  const plan = planFor(input, groups, percentile, seed);
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
  const rows = plan.parts.flatMap(({ inside }) => inside);
  const groupsOf = (members: readonly number[]): number[] => members.map((row) => groups[row]);
  const heldGroups = groupsOf(rows);
  held.forEach(({ fitted: scorer, all, byClass }, i) => {
    fitted.set(names[i], {
      scorer,
      calibration: calibrateGrouped(all, heldGroups),
      byClass: new Map(
        [...byClass].map(([className, scores]) => {
          const members = rows.filter((row) => classes?.[row] === className);
          return [className, calibrateGrouped(scores, groupsOf(members))];
        }),
      ),
    });
  });
  const dependence = await measureDependence({
    features,
    groups,
    plan,
    percentile,
    seed,
    scorer: scorers[0],
    heldOut: held[0].all,
    calibration: (fitted.get(names[0]) as CalibratedScorer).calibration,
  });
  const images = calibrateWholeImages({
    ...input,
    groups,
    rows,
    heldOut: held[0],
    decider: fitted.get(names[0]) as CalibratedScorer,
  });
  return new FittedBaseline(
    {
      scorers: fitted,
      features,
      percentile,
      method: plan.method,
      seed,
      fitRows: plan.fitRows,
      dependence,
      images,
    },
    computeOf(input.scorerOptions ?? {}),
  );
}
