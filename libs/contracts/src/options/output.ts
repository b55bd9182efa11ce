import { z } from 'zod';
import type { OptionMeta } from './meta.js';

const shape = {
  saveCrops: z
    .boolean()
    .default(true)
    .describe('save every crop in cropped_objects/')
    .meta({ group: 'output' } satisfies OptionMeta),
  saveOutliers: z
    .boolean()
    .default(true)
    .describe('save outlier crops in outliers/')
    .meta({ group: 'output', commands: ['detect', 'run'] } satisfies OptionMeta),
  saveOutlierList: z
    .boolean()
    .default(true)
    .describe('write outlier_list.csv')
    .meta({ group: 'output', commands: ['detect', 'run'] } satisfies OptionMeta),
  saveDescriptions: z
    .boolean()
    .default(true)
    .describe('keep the captions in the results')
    .meta({ group: 'output', commands: ['detect', 'run'] } satisfies OptionMeta),
  saveProbabilityPlots: z
    .boolean()
    .default(true)
    .describe('plot the concept probabilities of each outlier beside its crop')
    .meta({ group: 'output', commands: ['detect', 'run'] } satisfies OptionMeta),
  probabilityPlots: z
    .int()
    .min(0)
    .default(200)
    .describe('most probability plots; later outliers get none')
    .meta({ group: 'output', placeholder: 'N', commands: ['detect', 'run'] } satisfies OptionMeta),
  cleanupTempFiles: z
    .boolean()
    .default(false)
    .describe('remove intermediates at a successful end')
    .meta({ group: 'output' } satisfies OptionMeta),
};

/** Options of one stage: what a run folder keeps. */
export const outputOptionsSchema = z.strictObject(shape);
export type OutputOptions = z.infer<typeof outputOptionsSchema>;
