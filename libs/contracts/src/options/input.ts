import { z } from 'zod';
import { folder, indexRanges, type OptionMeta } from './meta.js';

const shape = {
  baselineFolder: folder()
    .optional()
    .describe('folder of normal images to learn from')
    .meta({ group: 'input', placeholder: 'DIR', commands: ['run'] } satisfies OptionMeta),
  testFolder: folder()
    .optional()
    .describe('folder of new images to judge')
    .meta({ group: 'input', placeholder: 'DIR', commands: ['run'] } satisfies OptionMeta),
  baseline: folder()
    .optional()
    .describe('finished baseline_… folder to judge against')
    .meta({ group: 'input', placeholder: 'DIR', commands: ['detect'] } satisfies OptionMeta),
  outputDir: folder()
    .default('results')
    .describe('where run folders are made')
    .meta({ group: 'input', placeholder: 'DIR' } satisfies OptionMeta),
  trainIndices: indexRanges()
    .optional()
    .describe('only these images of the baseline folder, e.g. 0-999,2000')
    .meta({ group: 'input', placeholder: 'RANGES', commands: ['learn', 'run'] } satisfies OptionMeta),
  testIndices: indexRanges()
    .optional()
    .describe('only these images of the test folder; also the unit of sharding')
    .meta({ group: 'input', placeholder: 'RANGES', commands: ['detect', 'run'] } satisfies OptionMeta),
};

/** Options of one stage: where images come from and runs go. */
export const inputOptionsSchema = z.strictObject(shape);
export type InputOptions = z.infer<typeof inputOptionsSchema>;
