import { z } from 'zod';
import type {
  CombinedParameters,
  CropRecord,
  ImageRecord,
  MapParameters,
  ObjectResult,
} from '../run-records.js';
import { ARTIFACTS } from './files.js';
import {
  boxSchema,
  candidateSchema,
  captionSchema,
  failureSchema,
  innerPath,
  maskSchema,
  neighbourSchema,
  verdictSchema,
} from './parts.js';

const count = z.int().min(0);

/** A line of `images.jsonl`. */
export const imageRecordSchema = z.strictObject({
  imageId: z.string(),
  imageIndex: count,
  widthPx: z.int().min(1),
  heightPx: z.int().min(1),
  objects: count,
  thumbnail: z.base64().exactOptional(),
  verdict: z
    .strictObject({ pValue: z.number(), outlier: z.boolean(), cropId: z.string().nullable() })
    .exactOptional(),
}) satisfies z.ZodType<ImageRecord>;

const cropShape = {
  cropId: z.string(),
  imageId: z.string(),
  imageIndex: count,
  imageWidthPx: z.int().min(1),
  imageHeightPx: z.int().min(1),
  box: boxSchema,
  classId: z.int(),
  className: z.string(),
  confidence: z.number(),
  mask: maskSchema.exactOptional(),
  file: innerPath.nullable(),
};

/** A line of `crops.jsonl`. */
export const cropRecordSchema = z.strictObject({
  ...cropShape,
  caption: captionSchema.nullable().exactOptional(),
}) satisfies z.ZodType<CropRecord>;

/** A line of `failures.jsonl`. */
export const failureRecordSchema = failureSchema;

const point = z.tuple([z.number(), z.number()]);

/** A line of `detection_results.json`. */
export const objectResultSchema = z.strictObject({
  ...cropShape,
  verdict: verdictSchema,
  nearestNormals: z.array(neighbourSchema),
  outlierFile: innerPath.nullable(),
  probabilityPlot: innerPath.nullable(),
  map: point.nullable(),
}) satisfies z.ZodType<ObjectResult>;

/** `detection_results.json` before its list of objects. */
export const resultsHeadSchema = z.strictObject({
  format: z.literal(ARTIFACTS.results.format),
  scorer: z.string(),
  candidates: z.array(candidateSchema),
});
export type ResultsHead = z.infer<typeof resultsHeadSchema>;

export const mapParametersSchema = z.strictObject({
  method: z.string(),
  perplexity: z.number(),
  iterations: z.number(),
  klDivergence: z.number(),
  seed: z.number(),
  metric: z.literal('cosine'),
}) satisfies z.ZodType<MapParameters>;

/** Row of the embeddings, then its place. */
const mapPoint = z.tuple([count, z.number(), z.number()]);

export const baselineMapSchema = z.strictObject({
  format: z.literal(ARTIFACTS.baselineMap.format),
  parameters: mapParametersSchema,
  points: z.array(mapPoint).min(1),
});
export type BaselineMapFile = z.infer<typeof baselineMapSchema>;

const combinedParametersSchema = z.discriminatedUnion('how', [
  z.strictObject({
    how: z.literal('placement'),
    perplexity: z.number(),
    iterations: z.number(),
    seed: z.number(),
    metric: z.string(),
    baselineMap: mapParametersSchema,
  }),
  z.strictObject({ how: z.literal('joint'), reason: z.string(), ...mapParametersSchema.shape }),
]) satisfies z.ZodType<CombinedParameters>;

export const combinedMapSchema = z.strictObject({
  format: z.literal(ARTIFACTS.combinedMap.format),
  parameters: combinedParametersSchema,
  baseline: z.array(mapPoint),
  new: z.array(mapPoint),
});
export type CombinedMapFile = z.infer<typeof combinedMapSchema>;

/**
 * Which rows a baseline's scorers were fitted to and compare with. `rows` is null where that is all of features.npy;
 * else those rows, and their own copies in reference.npy and reference.jsonl.
 */
export const referenceSchema = z.strictObject({
  format: z.literal(ARTIFACTS.reference.format),
  totalRows: count,
  rows: z.array(count).nullable(),
  /** Group of near-duplicates of each of the rows. */
  groups: z.array(count),
  /** How the groups were found: the report of `findGroups`. */
  grouping: z.record(z.string(), z.unknown()),
});
export type ReferenceFile = z.infer<typeof referenceSchema>;

/** First line of a shard's records; `cols` × `rows` float32 stand in its `.f32` twin. */
export const shardHeadSchema = z.strictObject({
  format: z.literal(ARTIFACTS.shard.format),
  fromPosition: count,
  toPosition: z.int().min(1),
  cols: count,
  rows: count,
  embeddingsSha256: z.string(),
  /** `SourceStamp` of every position. */
  sources: z.array(z.tuple([z.number(), z.number().nullable()])),
});
export type ShardHead = z.infer<typeof shardHeadSchema>;

/** Every line of a shard between its head and its end. */
export const shardLineSchema = z.union([
  z.strictObject({ image: imageRecordSchema }),
  z.strictObject({ crop: cropRecordSchema }),
  z.strictObject({ failure: failureRecordSchema }),
]);

/** Last line of a shard: SHA-256 of every byte before it. */
export const shardEndSchema = z.strictObject({ end: z.strictObject({ sha256: z.string() }) });
