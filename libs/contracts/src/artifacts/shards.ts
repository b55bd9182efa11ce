import { z } from 'zod';
import { ARTIFACTS } from './files.js';
import { modelInfoSchema } from './parts.js';

/** A contiguous range of image positions, `to` exclusive, and its bytes as far as known. */
const rangeSchema = z.strictObject({ from: z.int().min(0), to: z.int().min(0), bytes: z.number().min(0) });
export type ShardRange = z.infer<typeof rangeSchema>;

/** What decides results: every part of a sharded run has the same, or it belongs to another run. */
const identityShape = {
  hazureVersion: z.string(),
  /** Options that change what is found, and those alone. */
  settings: z.record(z.string(), z.unknown()),
  models: z.record(z.string(), modelInfoSchema),
  /** Identity of the listing: every index, id and size. */
  inputs: z.string(),
  /** Of the baseline that is judged against; null in the learn phase without listed concepts. */
  baselineKey: z.string().nullable(),
  resumeKey: z.string(),
};
export const shardIdentitySchema = z.strictObject(identityShape);
export type ShardIdentity = z.infer<typeof shardIdentitySchema>;

/** The plan of a sharded run, written once, by whichever part comes first. */
export const shardPlanSchema = z.strictObject({
  format: z.literal(ARTIFACTS.shardPlan.format),
  kind: z.enum(['baseline', 'detection']),
  identity: shardIdentitySchema,
  /** The inputs as they were given, and the folder that ids are relative to. */
  given: z.array(z.string()),
  inputFolder: z.string(),
  /** SHA-256 over sizes and times of the inputs, as the first part saw them. */
  inputState: z.string(),
  total: z.int().min(0),
  /** One a part, in order, without gaps. */
  ranges: z.array(rangeSchema).min(1),
  /** What goes through the stages together: the same in every part, so that batches are those of one whole run. */
  chunkImages: z.int().min(1),
  chunkBytes: z.number().min(1),
  /** Every option of the first part. */
  options: z.record(z.string(), z.unknown()),
  /** What loads the same models again. */
  modelSources: z.record(z.string(), z.string()),
  detectorClasses: z.array(z.string()),
  /** Whether the detector only cuts: whole images, tiles. */
  wholeImages: z.boolean(),
  embeddingDimensions: z.int().min(1),
  versions: z.record(z.string(), z.string()),
  /** Absolute path of the baseline that is judged against. */
  baselineFolder: z.string().nullable(),
});
export type ShardPlan = z.infer<typeof shardPlanSchema>;

/** How far a part is; written after every durable piece. */
export const shardStateSchema = z.strictObject({
  format: z.literal(ARTIFACTS.shardState.format),
  /** 1-based. */
  shard: z.int().min(1),
  identity: shardIdentitySchema,
  range: rangeSchema,
  /** Images that are in durable pieces, failures among them included. */
  done: z.int().min(0),
  objects: z.int().min(0),
  failures: z.int().min(0),
  finished: z.boolean(),
  /** Where and why the last attempt ended, if it did; null while it runs and once it is done. */
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  host: z.string(),
  attempts: z.int().min(1),
  /** Images that this attempt found done, and when it began and last wrote, in ISO 8601: the rate follows. */
  startedWith: z.int().min(0),
  startedAt: z.string(),
  updatedAt: z.string(),
});
export type ShardState = z.infer<typeof shardStateSchema>;
