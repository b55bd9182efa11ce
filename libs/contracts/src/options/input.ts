import { z } from 'zod';
import { folder, indexRanges, list, type OptionMeta } from './meta.js';

const shape = {
  baselineFolder: folder()
    .optional()
    .describe('normal images to learn from: a folder, or any other input that learn takes')
    .meta({ group: 'input', placeholder: 'DIR', commands: ['run'] } satisfies OptionMeta),
  testFolder: folder()
    .optional()
    .describe('new images to judge: a folder, or any other input that detect takes')
    .meta({ group: 'input', placeholder: 'DIR', commands: ['run'] } satisfies OptionMeta),
  baseline: folder()
    .optional()
    .describe('finished baseline_… folder to judge against')
    .meta({ group: 'input', placeholder: 'DIR', commands: ['detect'] } satisfies OptionMeta),
  outputDir: folder()
    .default('results')
    .describe('where run folders are made')
    .meta({ group: 'input', placeholder: 'DIR' } satisfies OptionMeta),
  every: z
    .int()
    .min(1)
    .optional()
    .describe('only every Nth image in order, and of a video every Nth frame')
    .meta({ group: 'input', placeholder: 'N' } satisfies OptionMeta),
  limit: z
    .int()
    .min(1)
    .optional()
    .describe('at most so many images of each input, the first in order')
    .meta({ group: 'input', placeholder: 'N' } satisfies OptionMeta),
  exclude: list()
    .optional()
    .describe('leave out images whose name or path matches these globs')
    .meta({ group: 'input', placeholder: 'GLOBS' } satisfies OptionMeta),
  inputRoot: folder()
    .optional()
    .describe(
      'folder, prefix or address that image ids are relative to (absent: what all inputs have in common)',
    )
    .meta({ group: 'input', placeholder: 'DIR' } satisfies OptionMeta),
  trainIndices: indexRanges()
    .optional()
    .describe('only these images of the baseline input, e.g. 0-999,2000')
    .meta({ group: 'input', placeholder: 'RANGES', commands: ['learn', 'run'] } satisfies OptionMeta),
  testIndices: indexRanges()
    .optional()
    .describe('only these images of the test input; also the unit of sharding')
    .meta({ group: 'input', placeholder: 'RANGES', commands: ['detect', 'run'] } satisfies OptionMeta),
};

/** Options of one stage: where images come from and runs go. */
export const inputOptionsSchema = z.strictObject(shape);
export type InputOptions = z.infer<typeof inputOptionsSchema>;
