import { z } from 'zod';
import type { StageTime } from '../run-records.js';
import type { RunManifest } from '../store.js';
import { ARTIFACTS } from './files.js';
import { innerPath, modelInfoSchema } from './parts.js';

const count = z.int().min(0);

export const manifestSchema = z.strictObject({
  format: z.literal(ARTIFACTS.manifest.format),
  kind: z.enum(['baseline', 'detection']),
  hazureVersion: z.string(),
  createdAt: z.string(),
  seed: z.number(),
  resumeKey: z.string(),
  device: z.string(),
  models: z.record(z.string(), modelInfoSchema),
  versions: z.record(z.string(), z.string()),
  counts: z.record(z.string(), count),
  lineage: z.array(
    z.strictObject({
      baseline: z.string(),
      createdAt: z.string(),
      resumeKey: z.string(),
      added: z.strictObject({
        what: z.enum(['images', 'accepted']),
        from: z.string(),
        images: count,
        objects: count,
      }),
    }),
  ),
  artifacts: z.array(
    z.strictObject({
      path: innerPath,
      bytes: count,
      sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'),
      format: z.string().nullable(),
    }),
  ),
  folders: z.array(z.strictObject({ path: innerPath, files: count, bytes: count })),
}) satisfies z.ZodType<RunManifest>;

/** What a run was asked to do; `detect` takes over from a baseline's what it must share with it. */
export const configSchema = z.discriminatedUnion('phase', [
  z.strictObject({
    format: z.literal(ARTIFACTS.config.format),
    phase: z.literal('learn'),
    inputFolder: z.string(),
    options: z.record(z.string(), z.unknown()),
    modelSources: z.record(z.string(), z.string()),
    models: z.record(z.string(), modelInfoSchema),
    detectorClasses: z.array(z.string()),
    embeddingDimensions: count,
  }),
  z.strictObject({
    format: z.literal(ARTIFACTS.config.format),
    phase: z.literal('detect'),
    inputFolder: z.string(),
    options: z.record(z.string(), z.unknown()),
    models: z.record(z.string(), modelInfoSchema),
    baseline: z.string(),
    baselineFolder: z.string(),
    similarity: z.string(),
    scorer: z.string(),
  }),
]);
export type RunConfig = z.infer<typeof configSchema>;
export type BaselineConfig = Extract<RunConfig, { phase: 'learn' }>;
export type DetectionConfig = Extract<RunConfig, { phase: 'detect' }>;

/** Which state of the inputs a run saw: SHA-256 over index, id, size and time of every image. */
export const inputsSchema = z.strictObject({
  format: z.literal(ARTIFACTS.inputs.format),
  images: count,
  stateSha256: z.string(),
});
export type InputsFile = z.infer<typeof inputsSchema>;

const stageTimeShape = {
  stage: z.string(),
  seconds: z.number(),
  items: z.number(),
  unit: z.string(),
  memoryBytes: z.number(),
};

export const timingSchema = z.strictObject({
  format: z.literal(ARTIFACTS.timing.format),
  totalSeconds: z.number(),
  imagesPerSecond: z.number().nullable(),
  images: count,
  objects: count,
  peakHostMemoryBytes: z.number(),
  stages: z.array(z.strictObject({ ...stageTimeShape, perSecond: z.number().nullable() })),
});
export type RunTiming = z.infer<typeof timingSchema>;
z.strictObject(stageTimeShape) satisfies z.ZodType<StageTime>;

export const warningSchema = z.strictObject({ code: z.string(), message: z.string() });
const warnings = z.array(warningSchema);

const classShape = {
  className: z.string(),
  objects: count,
  /** Of all objects, 0…1. */
  share: z.number(),
  images: count,
  confidence: z.strictObject({ mean: z.number(), min: z.number(), max: z.number() }),
  /** Mean share of the image that the box covers, 0…1. */
  meanAreaShare: z.number(),
};
const totals = { images: count, emptyImages: count, objects: count };

export const classStatisticsSchema = z.strictObject({
  format: z.literal(ARTIFACTS.classStatistics.format),
  ...totals,
  classes: z.array(z.strictObject(classShape)),
  warnings,
});
export type ClassStatisticsFile = z.infer<typeof classStatisticsSchema>;

export const statisticsSchema = z.strictObject({
  format: z.literal(ARTIFACTS.statistics.format),
  ...totals,
  outliers: count,
  outlierShare: z.number(),
  featureOutliers: count,
  semanticOutliers: count,
  bothOutliers: count,
  failures: count,
  failuresByStage: z.record(z.string(), count),
  judgedBy: z.enum(['object', 'image']),
  /** null where the baseline can't judge images. */
  imageOutliers: count.nullable(),
  /** Of objects or images, by `judgedBy`, on data like the baseline; null under a false discovery rate. */
  expectedFalseAlarmShare: z.number().nullable(),
  drift: z.array(
    z.strictObject({
      of: z.string(),
      statistic: z.number(),
      pValue: z.number(),
      baseline: z.number(),
      judged: z.number(),
    }),
  ),
  warnings,
  classes: z.array(z.strictObject({ ...classShape, outliers: count })),
});
export type DetectionStatistics = z.infer<typeof statisticsSchema>;
