import type { EmbeddingMatrix } from '@hazure/contracts';
import { z } from 'zod';
import type { BaselineParts, CalibratedScorer } from './baseline-parts.js';
import { ConformalCalibration, requiredHeldOutRows } from './conformal.js';
import { fittedRows } from './held-out-scores.js';
import { parseModel, refuseModel } from './model-json.js';
import { toReferringJSON } from './scorer-ports.js';
import type { FittedClassAwareScorer } from './scorer-ports.js';
import { scorerFromJSON } from './scorers.js';
import type { ReadOptions } from './scorers.js';

/** File in the baseline folder for each part of `FittedBaseline.toJSON()`. */
export const BASELINE_FILES = {
  isoModel: 'iso_model.json',
  scorers: 'scorers.json',
  calibration: 'calibration.json',
} as const;

/** `calibration.json`. */
export const calibrationSchema = z.strictObject({
  format: z.literal('hazure-calibration/1'),
  method: z.enum(['split', 'cross']),
  percentile: z.number().gt(0).lt(100),
  requiredRows: z.int().min(1),
  heldOutRows: z.int().min(1),
  seed: z.int(),
  /** How rows depend on each other within groups; absent or null where each row is its own. */
  dependence: z
    .strictObject({
      groups: z.int().min(1),
      largestGroup: z.int().min(1),
      intraGroupCorrelation: z.number().min(0).max(1),
      effectiveRows: z.number().gt(0),
      extrapolated: z.boolean(),
      falseAlarmsIgnoringGroups: z.number().min(0).max(100).nullable(),
    })
    .nullable()
    .optional(),
  /** Evidence of whole held-out images by the deciding scorer; absent in files of an older hazure. */
  images: z
    .strictObject({
      heldOut: z.array(z.number()).min(1),
      weights: z.array(z.number().gt(0).max(1)).optional(),
    })
    .optional(),
  /** The first of these decides. */
  scorers: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        /** Scores above it are outliers at `percentile`; written for people, recomputed when read. */
        threshold: z.number(),
        /** Scores of held-out normal rows, ascending. */
        heldOut: z.array(z.number()).min(1),
        /** Share of an independent observation that each of these counts; absent = 1. */
        weights: z.array(z.number().gt(0).max(1)).optional(),
        /** The same for classes that are judged by themselves. */
        byClass: z.record(z.string(), z.array(z.number()).min(1)),
        classWeights: z.record(z.string(), z.array(z.number().gt(0).max(1))).optional(),
      }),
    )
    .min(1),
});

/** `scorers.json`. */
export const scorersSchema = z.strictObject({
  format: z.literal('hazure-scorers/1'),
  features: z.strictObject({ rows: z.int().min(1), dimensions: z.int().min(1) }),
  /** Rows of the features file that only calibrate; the scorers were fitted to all others. */
  calibrationRows: z.array(z.int().min(0)),
  /** By name; the isolation forest has its own file. */
  models: z.record(z.string(), z.unknown()),
});

const baselineSchema = z.strictObject({
  isoModel: z.unknown(),
  scorers: scorersSchema,
  calibration: calibrationSchema,
});
export type BaselineJSON = z.infer<typeof baselineSchema>;

export function baselineToJSON(parts: BaselineParts): BaselineJSON {
  const { features, percentile, method, seed, scorers, fitRows, dependence, images } = parts;
  const fitted = new Set(fitRows ?? []);
  const calibrationRows =
    fitRows === null ? [] : Array.from({ length: features.rows }, (_, i) => i).filter((i) => !fitted.has(i));
  const models: Record<string, unknown> = {};
  for (const [name, { scorer }] of scorers) {
    if (name !== 'iforest') models[name] = toReferringJSON(scorer);
  }
  const entries = [...scorers].map(([name, { calibration, byClass }]) => ({
    name,
    threshold: calibration.forPercentile(percentile).threshold(percentile) as number,
    heldOut: Array.from(calibration.heldOut),
    ...(calibration.weighted ? { weights: Array.from(calibration.weights) } : {}),
    byClass: Object.fromEntries([...byClass].map(([own, { heldOut }]) => [own, Array.from(heldOut)])),
    ...classDependence(byClass),
  }));
  return {
    isoModel: (scorers.get('iforest') as CalibratedScorer).scorer.toJSON(),
    scorers: {
      format: 'hazure-scorers/1',
      features: { rows: features.rows, dimensions: features.cols },
      calibrationRows,
      models,
    },
    calibration: {
      format: 'hazure-calibration/1',
      method,
      percentile,
      requiredRows: requiredHeldOutRows(percentile),
      heldOutRows: entries[0].heldOut.length,
      seed,
      dependence,
      ...(images === null ? {} : { images: imagesToJSON(images) }),
      scorers: entries,
    },
  };
}

function imagesToJSON({ heldOut, weights, weighted }: ConformalCalibration): {
  heldOut: number[];
  weights?: number[];
} {
  return { heldOut: Array.from(heldOut), ...(weighted ? { weights: Array.from(weights) } : {}) };
}

function classDependence(
  byClass: ReadonlyMap<string, ConformalCalibration>,
): { classWeights: Record<string, number[]> } | Record<string, never> {
  const weighted = [...byClass].filter(([, calibration]) => calibration.weighted);
  if (weighted.length === 0) return {};
  return {
    classWeights: Object.fromEntries(weighted.map(([own, { weights }]) => [own, Array.from(weights)])),
  };
}

function readCalibration(
  name: string,
  heldOut: readonly number[],
  weights: readonly number[] | undefined,
): ConformalCalibration {
  if (weights === undefined) return new ConformalCalibration(heldOut);
  if (weights.length !== heldOut.length) {
    refuseModel(`baseline: ${name} has ${heldOut.length} held-out scores, but ${weights.length} weights`);
  }
  return new ConformalCalibration(heldOut, { weights });
}

export function baselineFromJSON(
  value: unknown,
  features: EmbeddingMatrix,
  options: Omit<ReadOptions, 'features'> = {},
): BaselineParts {
  const json = parseModel(baselineSchema, value, 'baseline');
  const { scorers: stored, calibration } = json;
  if (features.rows !== stored.features.rows || features.cols !== stored.features.dimensions) {
    refuseModel(
      `baseline: expected features of ${stored.features.rows} × ${stored.features.dimensions}, got ${features.rows} × ${features.cols}`,
    );
  }
  const held = new Set(stored.calibrationRows);
  if (stored.calibrationRows.some((row) => row >= features.rows) || held.size >= features.rows) {
    refuseModel('baseline: calibrationRows are not rows of the features');
  }
  const fitRows =
    held.size === 0 ? null : Array.from({ length: features.rows }, (_, i) => i).filter((i) => !held.has(i));
  const reference = fittedRows(features, fitRows);
  const modelOf = (name: string): unknown => (name === 'iforest' ? json.isoModel : stored.models[name]);
  const names = calibration.scorers.map(({ name }) => name);
  const readScorer = (name: string, known: ReadOptions['known'] = []): FittedClassAwareScorer =>
    scorerFromJSON(modelOf(name), { ...options, features: reference, known });
  // The ensemble last: its members may be scorers of their own right.
  const single = names
    .filter((name) => name !== 'ensemble')
    .map((name) => ({ name, document: modelOf(name), scorer: readScorer(name) }));
  const scorers = new Map<string, CalibratedScorer>();
  for (const entry of calibration.scorers) {
    const { name, heldOut, byClass } = entry;
    const scorer = single.find((one) => one.name === name)?.scorer ?? readScorer(name, single);
    if (scorer.name !== name) refuseModel(`baseline: scorer '${name}' holds a model named '${scorer.name}'`);
    if (scorer.dimensions !== features.cols) {
      refuseModel(
        `baseline: scorer '${name}' has ${scorer.dimensions} dimensions, the features have ${features.cols}`,
      );
    }
    if (heldOut.length !== calibration.heldOutRows)
      refuseModel(`baseline: scorer '${name}' has ${heldOut.length} held-out scores`);
    const classes = Object.entries(byClass).map(
      ([own, scores]) => [own, readCalibration(`class '${own}'`, scores, entry.classWeights?.[own])] as const,
    );
    const overall = readCalibration(`scorer '${name}'`, heldOut, entry.weights);
    scorers.set(name, { scorer, calibration: overall, byClass: new Map(classes) });
  }
  return {
    scorers,
    features,
    percentile: calibration.percentile,
    method: calibration.method,
    seed: calibration.seed,
    fitRows,
    dependence: calibration.dependence ?? null,
    images: calibration.images
      ? readCalibration('images', calibration.images.heldOut, calibration.images.weights)
      : null,
  };
}
