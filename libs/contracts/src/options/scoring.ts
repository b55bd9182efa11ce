import { z } from 'zod';
import type { OptionMeta } from './meta.js';

const shape = {
  groupBy: z
    .string()
    .min(1)
    .optional()
    .describe(
      'what images of one scene have in common: folder, or a regular expression over image ids whose captures name the scene (absent: near-duplicates are found)',
    )
    .meta({ group: 'scoring', placeholder: 'PATTERN', commands: ['learn', 'run'] } satisfies OptionMeta),
  judgeBy: z
    .enum(['object', 'image'])
    .optional()
    .describe(
      'which share the percentile promises: of objects, or of whole images (absent: images for --detector none and grid, else objects)',
    )
    .meta({ group: 'scoring', commands: ['detect', 'run'] } satisfies OptionMeta),
  contamination: z
    .number()
    .gt(0)
    .max(0.5)
    .default(0.1)
    .describe("isolation forest's offset, as in scikit-learn")
    .meta({ group: 'scoring', commands: ['learn', 'run'] } satisfies OptionMeta),
  scorers: z
    .array(z.enum(['iforest', 'mahalanobis', 'knn', 'ensemble', 'lof']))
    .min(1)
    .optional()
    .describe('scorers to fit; the first one decides (absent: chosen by evidence)')
    .meta({ group: 'scoring', placeholder: 'LIST', commands: ['learn', 'run'] } satisfies OptionMeta),
  thresholdPercentile: z
    .number()
    .gt(0)
    .lt(100)
    .default(95)
    .describe('a crop above this percentile of held-out baseline scores is a feature outlier')
    .meta({ group: 'scoring' } satisfies OptionMeta),
  perClass: z
    .boolean()
    .default(false)
    .describe('judge each object against its own class; rare classes against all')
    .meta({ group: 'scoring', commands: ['learn', 'run'] } satisfies OptionMeta),
  fdr: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe(
      'control the share of false alarms among the flagged (Benjamini-Hochberg) instead of the percentile',
    )
    .meta({ group: 'scoring', placeholder: 'RATE', commands: ['detect', 'run'] } satisfies OptionMeta),
};

/** Options of one stage: what counts as an anomaly by its features. */
export const scoringOptionsSchema = z.strictObject(shape);
export type ScoringOptions = z.infer<typeof scoringOptionsSchema>;
