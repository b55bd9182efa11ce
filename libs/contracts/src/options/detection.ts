import { z } from 'zod';
import { list, type OptionMeta } from './meta.js';

const shape = {
  confThres: z
    .number()
    .min(0)
    .max(1)
    .default(0.3)
    .describe('least confidence of a detection')
    .meta({ group: 'detection' } satisfies OptionMeta),
  iouThres: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('overlap above which the weaker of two boxes of a class is dropped')
    .meta({ group: 'detection' } satisfies OptionMeta),
  maxDetections: z
    .int()
    .min(1)
    .max(10000)
    .default(300)
    .describe('most objects kept per image')
    .meta({ group: 'detection' } satisfies OptionMeta),
  classes: list()
    .optional()
    .describe('only these detector classes, by name or id')
    .meta({ group: 'detection', placeholder: 'LIST' } satisfies OptionMeta),
  maskBackground: z
    .boolean()
    .default(false)
    .describe('grey what lies outside the mask of an object; needs a segmentation model')
    .meta({ group: 'detection' } satisfies OptionMeta),
};

/** Options of one stage: what counts as an object. */
export const detectionOptionsSchema = z.strictObject(shape);
export type DetectionOptions = z.infer<typeof detectionOptionsSchema>;
