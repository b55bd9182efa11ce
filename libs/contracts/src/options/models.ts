import { z } from 'zod';
import type { OptionMeta } from './meta.js';

const shape = {
  models: z
    .enum(['starter', 'standard'])
    .default('starter')
    .describe('model pack that fills in what --detector, --embedder and --captioner leave open')
    .meta({ group: 'models' } satisfies OptionMeta),
  detector: z
    .string()
    .min(1)
    .optional()
    .describe('registry name, path to an .onnx file, none (whole images) or grid:RxC (tiles)')
    .meta({ group: 'models', placeholder: 'MODEL' } satisfies OptionMeta),
  embedder: z
    .string()
    .min(1)
    .optional()
    .describe('registry name or path to an .onnx file')
    .meta({ group: 'models', placeholder: 'MODEL' } satisfies OptionMeta),
  captioner: z
    .enum(['template', 'openai', 'qwen2-vl'])
    .optional()
    .describe(
      'who describes a crop: words from class, colour, size and place; a server; Qwen2-VL in this process',
    )
    .meta({ group: 'models', commands: ['detect', 'run'] } satisfies OptionMeta),
};

/** Options of one stage: which models look. */
export const modelsOptionsSchema = z.strictObject(shape);
export type ModelOptions = z.infer<typeof modelsOptionsSchema>;
