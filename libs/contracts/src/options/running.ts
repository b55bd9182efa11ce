import { z } from 'zod';
import type { OptionMeta } from './meta.js';

/** `3/8`: the third of eight parts. */
const SHARD = /^(auto|[1-9]\d{0,5}\/[1-9]\d{0,5})$/;

const shape = {
  batchSize: z
    .union([z.literal('auto'), z.int().min(1).max(4096)], {
      error: 'must be auto or a whole number from 1 to 4096',
    })
    .default('auto')
    .describe('items per inference')
    .meta({ group: 'running', placeholder: 'N' } satisfies OptionMeta),
  device: z
    .enum(['auto', 'cpu', 'cuda', 'tensorrt'])
    .default('auto')
    .describe('where the models run; auto tries TensorRT, CUDA, CPU and says why')
    .meta({ group: 'running' } satisfies OptionMeta),
  precision: z
    .enum(['auto', 'fp32', 'fp16', 'int8'])
    .default('auto')
    .describe('arithmetic: fp16 on a GPU; int8 on a CPU, with models made from the baseline images')
    .meta({ group: 'running' } satisfies OptionMeta),
  threads: z
    .int()
    .min(0)
    .max(1024)
    .default(0)
    .describe('CPU threads; 0 uses every core this process may use')
    .meta({ group: 'running', placeholder: 'N' } satisfies OptionMeta),
  seed: z
    .int()
    .min(0)
    .max(4294967295)
    .default(42)
    .describe('one seed for everything random')
    .meta({ group: 'running', placeholder: 'N' } satisfies OptionMeta),
  resume: z
    .boolean()
    .default(false)
    .describe('go on with an interrupted run of the same settings')
    .meta({ group: 'running' } satisfies OptionMeta),
  shard: z
    .string()
    .regex(SHARD, 'must be auto or a part of the whole such as 3/8')
    .optional()
    .describe('only part i of n, for merge to put together; auto asks Slurm, Kubernetes and others which')
    .meta({ group: 'running', placeholder: 'I/N', commands: ['learn', 'detect'] } satisfies OptionMeta),
  offline: z
    .boolean()
    .default(false)
    .describe('never touch a network to get models')
    .meta({ group: 'running' } satisfies OptionMeta),
};

/** Options of one stage: how a run works; nothing of it but the seed changes what is found. */
export const runningOptionsSchema = z.strictObject(shape);
export type RunningOptions = z.infer<typeof runningOptionsSchema>;
