import { z } from 'zod';
import { list, type OptionMeta } from './meta.js';
import { modelsOptionsSchema } from './models.js';
import { runningOptionsSchema } from './running.js';

const { seed, offline } = runningOptionsSchema.shape;
const { models, detector, embedder } = modelsOptionsSchema.shape;
const file = (): z.ZodString => z.string().min(1, 'needs a file');
const wholeNumbers = (least: number, most: number): z.ZodArray<z.ZodInt> =>
  z.array(z.int().min(least).max(most)).min(1, 'needs at least one number, such as 1,2,4');

/** Options of `bench`. */
export const benchOptionsSchema = z.strictObject({
  models,
  detector,
  embedder,
  batchSizes: wholeNumbers(1, 4096)
    .optional()
    .describe('batch sizes to measure (absent: 1 to 16 on a CPU, 1 to 128 on a GPU)')
    .meta({ group: 'measuring', placeholder: 'LIST' } satisfies OptionMeta),
  device: z
    .array(runningOptionsSchema.shape.device.unwrap())
    .min(1, 'needs at least one value')
    .default(['auto'])
    .describe('auto, cpu, cuda, tensorrt; several are compared')
    .meta({ group: 'measuring', placeholder: 'LIST' } satisfies OptionMeta),
  precision: z
    .array(runningOptionsSchema.shape.precision.unwrap())
    .min(1, 'needs at least one value')
    .default(['auto'])
    .describe('auto and the precisions that --precision of run takes; several are compared')
    .meta({ group: 'measuring', placeholder: 'LIST' } satisfies OptionMeta),
  threads: wholeNumbers(0, 1024)
    .default([0])
    .describe('CPU cores to use, 0 = all; several are compared')
    .meta({ group: 'measuring', placeholder: 'LIST' } satisfies OptionMeta),
  images: z
    .int()
    .min(1)
    .max(100_000)
    .default(256)
    .describe('most images of the folder to use')
    .meta({ group: 'measuring' } satisfies OptionMeta),
  seconds: z
    .number()
    .min(0.01)
    .max(600)
    .default(1)
    .describe('time for each batch size in each round, in seconds')
    .meta({ group: 'measuring', placeholder: 'S' } satisfies OptionMeta),
  rounds: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe('how often everything is measured')
    .meta({ group: 'measuring' } satisfies OptionMeta),
  plot: file()
    .optional()
    .describe('draw throughput over batch sizes')
    .meta({ group: 'output', placeholder: 'P.png' } satisfies OptionMeta),
  offline,
  seed,
});
export type BenchOptions = z.infer<typeof benchOptionsSchema>;

/** Options of `evaluate`. */
export const evaluateOptionsSchema = z.strictObject({
  train: file()
    .optional()
    .describe('embeddings of normal items to fit on')
    .meta({ group: 'input', placeholder: 'A.npy' } satisfies OptionMeta),
  test: file()
    .optional()
    .describe('embeddings to judge')
    .meta({ group: 'input', placeholder: 'B.npy' } satisfies OptionMeta),
  labels: file()
    .optional()
    .describe('integers, one per test row, 1 = anomaly')
    .meta({ group: 'input', placeholder: 'L.npy' } satisfies OptionMeta),
  run: z
    .string()
    .min(1)
    .optional()
    .describe('a finished detection run, with truth or masks')
    .meta({ group: 'input', placeholder: 'DETECTION_DIR' } satisfies OptionMeta),
  truth: file()
    .optional()
    .describe('CSV with the columns image (or crop) and label (1 = anomaly), or folders:good=NAME[,NAME]')
    .meta({ group: 'input', placeholder: 'TRUTH' } satisfies OptionMeta),
  masks: file()
    .optional()
    .describe('masks of the images of run, not 0 = anomalous')
    .meta({ group: 'input', placeholder: 'DIR' } satisfies OptionMeta),
  plot: file()
    .optional()
    .describe('draw ROC and precision-recall curves of run')
    .meta({ group: 'output', placeholder: 'P.png' } satisfies OptionMeta),
  scorers: list()
    .optional()
    .describe('lof,ensemble,mahalanobis,knn,iforest (absent: all)')
    .meta({ group: 'scoring', placeholder: 'LIST' } satisfies OptionMeta),
  thresholdPercentile: z
    .number()
    .min(0)
    .max(100)
    .default(95)
    .describe('percentile whose false alarms are measured')
    .meta({ group: 'scoring', placeholder: 'P' } satisfies OptionMeta),
  seed,
});
export type EvaluateOptions = z.infer<typeof evaluateOptionsSchema>;

/** Options of `project`. */
export const projectOptionsSchema = z.strictObject({
  out: file()
    .optional()
    .describe('where the n × 2 map goes')
    .meta({ group: 'output', placeholder: 'XY.npy' } satisfies OptionMeta),
  plot: file()
    .optional()
    .describe('draw the map')
    .meta({ group: 'output', placeholder: 'P.png' } satisfies OptionMeta),
  labels: file()
    .optional()
    .describe('integer classes that colour the plot')
    .meta({ group: 'input', placeholder: 'L.npy' } satisfies OptionMeta),
  method: z
    .enum(['auto', 'exact', 'barnes-hut', 'fft'])
    .default('auto')
    .describe('how repulsion is summed')
    .meta({ group: 'map' } satisfies OptionMeta),
  perplexity: z
    .number()
    .min(1)
    .default(30)
    .describe('effective number of neighbours')
    .meta({ group: 'map', placeholder: 'P' } satisfies OptionMeta),
  iterations: z
    .int()
    .min(0)
    .default(1000)
    .describe('optimiser steps')
    .meta({ group: 'map' } satisfies OptionMeta),
  metric: z
    .enum(['euclidean', 'cosine'])
    .default('euclidean')
    .describe('distance between rows')
    .meta({ group: 'map' } satisfies OptionMeta),
  seed,
});
export type ProjectOptions = z.infer<typeof projectOptionsSchema>;

/** Options of `demo`. */
export const demoOptionsSchema = z.strictObject({
  outputDir: z
    .string()
    .min(1)
    .default('results/demo')
    .describe('where the scenes and runs go')
    .meta({ group: 'output', placeholder: 'DIR' } satisfies OptionMeta),
  seed,
});
export type DemoOptions = z.infer<typeof demoOptionsSchema>;

/** Options of `doctor`. */
export const doctorOptionsSchema = z.strictObject({
  fetchGpu: z
    .boolean()
    .default(false)
    .describe("fetch ONNX Runtime's CUDA and TensorRT providers first (once, about 280 MiB)")
    .meta({ group: 'running' } satisfies OptionMeta),
  checkRegistry: z
    .boolean()
    .default(false)
    .describe('ask the npm registry whether it answers')
    .meta({ group: 'running' } satisfies OptionMeta),
  outputDir: z
    .string()
    .min(1)
    .default('results')
    .describe('where results would go, to see the room there')
    .meta({ group: 'output', placeholder: 'DIR' } satisfies OptionMeta),
});
export type DoctorOptions = z.infer<typeof doctorOptionsSchema>;

/** The commands beside learn, detect and run that take options; in a config file each has a section of its name. */
export const COMMAND_OPTIONS = {
  bench: benchOptionsSchema,
  evaluate: evaluateOptionsSchema,
  project: projectOptionsSchema,
  demo: demoOptionsSchema,
  doctor: doctorOptionsSchema,
} as const;
export type OtherCommand = keyof typeof COMMAND_OPTIONS;
