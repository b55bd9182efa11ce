import { z } from 'zod';
import { list, type OptionMeta } from './meta.js';

const shape = {
  useConceptList: z
    .boolean()
    .default(false)
    .describe('expand the baseline classes with related concepts')
    .meta({ group: 'semantics', commands: ['learn', 'run'] } satisfies OptionMeta),
  conceptPrompt: z
    .enum(['important', 'similar', 'context', 'condition'])
    .default('important')
    .describe('what a language model is asked about each class')
    .meta({ group: 'semantics', commands: ['learn', 'run'] } satisfies OptionMeta),
  conceptList: z
    .string()
    .min(1)
    .optional()
    .describe('file with common concepts: one a line, or a JSON list')
    .meta({ group: 'semantics', placeholder: 'FILE', commands: ['learn', 'run'] } satisfies OptionMeta),
  similarity: z
    .enum(['auto', 'wordnet', 'clip'])
    .default('auto')
    .describe(
      "how captions are compared with labels; auto: by the embedder's text tower where it has one, else WordNet",
    )
    .meta({ group: 'semantics', commands: ['detect', 'run'] } satisfies OptionMeta),
  lim1: z
    .number()
    .min(-1)
    .max(1)
    .default(0.8)
    .describe('least similarity at which a caption matches a concept')
    .meta({ group: 'semantics', commands: ['detect', 'run'] } satisfies OptionMeta),
  lim2: z
    .number()
    .min(-1)
    .max(1)
    .default(1)
    .describe('greatest similarity at which a caption matches a concept')
    .meta({ group: 'semantics', commands: ['detect', 'run'] } satisfies OptionMeta),
  potentialClasses: list()
    .optional()
    .describe('labels to look for as likely anomalies')
    .meta({ group: 'semantics', placeholder: 'LIST', commands: ['detect', 'run'] } satisfies OptionMeta),
  onlyAdditionalCandidates: z
    .boolean()
    .default(false)
    .describe("match only expanded, listed and potential concepts, not the detector's class names")
    .meta({ group: 'semantics', commands: ['detect', 'run'] } satisfies OptionMeta),
  fusion: z
    .enum(['any', 'all', 'feature', 'semantic'])
    .default('any')
    .describe('how the two verdicts become one')
    .meta({ group: 'semantics', commands: ['detect', 'run'] } satisfies OptionMeta),
};

/** Options of one stage: what counts as an anomaly by its words, and how both verdicts become one. */
export const semanticsOptionsSchema = z.strictObject(shape);
export type SemanticsOptions = z.infer<typeof semanticsOptionsSchema>;
