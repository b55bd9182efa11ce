import { z } from 'zod';
import type {
  Caption,
  ConceptCandidate,
  ConceptMatch,
  FailureRecord,
  ModelInfo,
  Neighbour,
  ObjectMask,
  PixelBox,
  Verdict,
} from '../records.js';

/** A path below the run folder: relative, with `/`, and never out of it. */
export const innerPath = z
  .string()
  .min(1)
  .refine((path) => !escapes(path), 'must be a relative path that stays inside the run folder');

function escapes(path: string): boolean {
  return (
    path.startsWith('/') ||
    path.includes('\\') ||
    path.includes('\0') ||
    /^[a-z]:/i.test(path) ||
    path.split('/').includes('..')
  );
}

/** COCO's compressed run lengths. */
export const maskSchema = z.strictObject({
  size: z.tuple([z.int().min(1), z.int().min(1)]),
  counts: z.string(),
}) satisfies z.ZodType<ObjectMask>;

export const boxSchema = z.strictObject({
  x1: z.number(),
  y1: z.number(),
  x2: z.number(),
  y2: z.number(),
}) satisfies z.ZodType<PixelBox>;

export const modelInfoSchema = z.strictObject({
  name: z.string(),
  sha256: z.string().nullable(),
  licence: z.string().nullable(),
  device: z.string(),
}) satisfies z.ZodType<ModelInfo>;

export const captionSchema = z.strictObject({
  text: z.string(),
  source: z.string(),
}) satisfies z.ZodType<Caption>;

const candidateShape = {
  label: z.string(),
  origin: z.enum(['class', 'expansion', 'file', 'potential']),
  parent: z.string().nullable(),
  role: z.enum(['common', 'potential']),
};
export const candidateSchema = z.strictObject(candidateShape) satisfies z.ZodType<ConceptCandidate>;

const matchSchema = z.strictObject({
  ...candidateShape,
  similarity: z.number(),
  probability: z.number(),
  matched: z.boolean(),
}) satisfies z.ZodType<ConceptMatch>;

export const verdictSchema = z.strictObject({
  outlier: z.boolean(),
  feature: z.strictObject({
    score: z.number(),
    scores: z.record(z.string(), z.number()),
    pValue: z.number().min(0).max(1),
    outlier: z.boolean(),
  }),
  semantic: z
    .strictObject({
      caption: captionSchema,
      matches: z.array(matchSchema),
      outlier: z.boolean(),
      reason: z.enum(['no-common-match', 'potential-class', 'common-match', 'undecided']),
    })
    .nullable(),
  reason: z.string(),
}) satisfies z.ZodType<Verdict>;

export const neighbourSchema = z.strictObject({
  cropId: z.string(),
  className: z.string(),
  distance: z.number(),
  file: innerPath.nullable(),
}) satisfies z.ZodType<Neighbour>;

export const failureSchema = z.strictObject({
  stage: z.enum(['decode', 'detect', 'embed', 'caption', 'save']),
  imageId: z.string(),
  cropId: z.string().nullable(),
  code: z.string(),
  message: z.string(),
}) satisfies z.ZodType<FailureRecord>;
