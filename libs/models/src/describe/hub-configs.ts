import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ModelError, messageOf } from '@hazure/contracts';
import type { PreprocessSpec } from '@hazure/native-engine';

const sideSchema = z.union([
  z.number().int().positive(),
  z.object({
    height: z.number().int().positive().optional(),
    width: z.number().int().positive().optional(),
    shortest_edge: z.number().int().positive().optional(),
  }),
]);
const channelSchema = z.array(z.number()).length(3);

/** Hugging Face's `preprocessor_config.json` of image models. */
const preprocessorSchema = z.object({
  do_resize: z.boolean().default(true),
  do_center_crop: z.boolean().optional(),
  do_rescale: z.boolean().default(true),
  do_normalize: z.boolean().optional(),
  do_pad: z.boolean().optional(),
  size: sideSchema.optional(),
  crop_size: sideSchema.optional(),
  resample: z.number().int().default(2),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  image_mean: channelSchema.optional(),
  image_std: channelSchema.optional(),
});

const configSchema = z.object({
  id2label: z.record(z.string(), z.string()).optional(),
  model_type: z.string().optional(),
});

/** Pillow's resampling filters by number. */
const RESAMPLE: Readonly<Record<number, PreprocessSpec['interpolation']>> = {
  2: 'bilinear-antialias',
  3: 'bicubic-antialias',
};

/** `preprocessor_config.json` beside the model or one folder up (hub repositories keep models under `onnx/`). */
export async function readPreprocessorConfig(modelPath: string): Promise<PreprocessSpec | null> {
  const found = await readNear(modelPath, 'preprocessor_config.json');
  if (!found) return null;
  const parsed = preprocessorSchema.safeParse(found.json);
  if (!parsed.success) throw unclear(found.path, z.prettifyError(parsed.error).replaceAll('\n', ' '));
  return preprocessFromConfig(parsed.data, found.path);
}

/** Class names of `config.json` (`id2label`) beside the model or one folder up, in class order. */
export async function readConfigLabels(modelPath: string): Promise<string[] | null> {
  const found = await readNear(modelPath, 'config.json');
  const parsed = found ? configSchema.safeParse(found.json) : null;
  const labels = parsed?.success ? parsed.data.id2label : undefined;
  if (!labels) return null;
  const names = Array.from({ length: Object.keys(labels).length }, (_, id) => labels[String(id)]);
  return names.every((name) => name !== undefined) ? (names as string[]) : null;
}

export function preprocessFromConfig(
  config: z.infer<typeof preprocessorSchema>,
  path: string,
): PreprocessSpec {
  const interpolation = RESAMPLE[config.resample];
  if (!interpolation)
    throw unclear(path, `resample ${config.resample} is neither bilinear (2) nor bicubic (3)`);
  const crop = config.do_center_crop ?? config.crop_size !== undefined;
  const resized = sides(config.size, path, 'size');
  const input = crop ? sides(config.crop_size ?? config.size, path, 'crop_size') : resized;
  if (!config.do_resize || !input || !resized) throw unclear(path, 'it leaves the input size open');
  const shortestPx = resized.shortest ?? null;
  if (shortestPx !== null && !crop) throw unclear(path, 'it resizes the shortest edge without cropping');
  const normalize = config.do_normalize ?? config.image_mean !== undefined;
  const mean = normalize ? (config.image_mean ?? [0.5, 0.5, 0.5]) : [0, 0, 0];
  const std = normalize ? (config.image_std ?? [0.5, 0.5, 0.5]) : [1, 1, 1];
  return {
    widthPx: input.width,
    heightPx: input.height,
    fit: crop && shortestPx !== null ? 'centre-crop' : 'stretch',
    ...(crop && shortestPx !== null ? { resizeShortestPx: shortestPx } : {}),
    channelOrder: 'rgb',
    interpolation,
    scale: config.do_rescale ? config.rescale_factor : 1,
    mean: [mean[0]!, mean[1]!, mean[2]!],
    std: [std[0]!, std[1]!, std[2]!],
    padValue: 0,
  };
}

function sides(
  side: z.infer<typeof sideSchema> | undefined,
  path: string,
  key: string,
): { width: number; height: number; shortest?: number } | null {
  if (side === undefined) return null;
  if (typeof side === 'number') return { width: side, height: side, shortest: side };
  if (side.shortest_edge !== undefined) {
    return { width: side.shortest_edge, height: side.shortest_edge, shortest: side.shortest_edge };
  }
  if (side.width === undefined || side.height === undefined) throw unclear(path, `${key} names no sides`);
  return { width: side.width, height: side.height };
}

async function readNear(modelPath: string, file: string): Promise<{ path: string; json: unknown } | null> {
  const folder = dirname(modelPath);
  for (const path of [join(folder, file), join(dirname(folder), file)]) {
    try {
      return { path, json: JSON.parse(await readFile(path, 'utf8')) as unknown };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unclear(path, messageOf(error));
    }
  }
  return null;
}

function unclear(path: string, reason: string): ModelError {
  return new ModelError('MODEL_UNSUPPORTED', `The preprocessing in ${path} is unclear: ${reason}`, {
    hint: 'Declare `preprocess` in <model>.hazure.json beside the model (docs/reference/models.md).',
  });
}
