import { z } from 'zod';
import type { OptionMeta } from './meta.js';

const shape = {
  captionUrl: z
    .url()
    .optional()
    .describe('base URL of an OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1')
    .meta({ group: 'captions', placeholder: 'URL' } satisfies OptionMeta),
  captionModel: z
    .string()
    .min(1)
    .optional()
    .describe('model name to ask the server for')
    .meta({ group: 'captions', placeholder: 'NAME' } satisfies OptionMeta),
  captionConcurrency: z
    .int()
    .min(1)
    .max(1024)
    .default(8)
    .describe('questions in flight at the server')
    .meta({ group: 'captions' } satisfies OptionMeta),
  qwenModelSize: z
    .enum(['2B', '7B'])
    .default('2B')
    .describe('size of Qwen2-VL')
    .meta({ group: 'captions' } satisfies OptionMeta),
};

/** Options of one stage: who describes the crops. */
export const captionsOptionsSchema = z.strictObject(shape);
export type CaptionOptions = z.infer<typeof captionsOptionsSchema>;
