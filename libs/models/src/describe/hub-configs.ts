import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ModelError, messageOf } from '@hazure/contracts';
import type { PreprocessSpec } from '@hazure/native-engine';
import { parseClassNames } from './names.js';

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
  /** ConvNeXt: the share of the resized image that is kept. */
  crop_pct: z.number().positive().max(1).optional(),
  /** EfficientNet: pixels become −1…1 before mean and deviation. */
  rescale_offset: z.boolean().optional(),
});

const configSchema = z.object({
  id2label: z.record(z.string(), z.unknown()).optional(),
  model_type: z.string().optional(),
  pretrained_cfg: z
    .object({
      input_size: z.array(z.number().int().positive()).length(3).optional(),
      interpolation: z.string().optional(),
      crop_pct: z.number().positive().max(1).optional(),
      crop_mode: z.string().optional(),
      mean: channelSchema.optional(),
      std: channelSchema.optional(),
    })
    .optional(),
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

/**
 * Class names of `config.json` (`id2label`) beside the model or one folder up, in class order.
 *
 * @throws ModelError `MODEL_INVALID` for ids with gaps: they are never replaced by another list
 */
export async function readConfigLabels(
  modelPath: string,
): Promise<{ names: string[]; firstId: 0 | 1 } | null> {
  const found = await readConfig(modelPath);
  if (!found?.config.id2label) return null;
  try {
    return parseClassNames(JSON.stringify(found.config.id2label));
  } catch (cause) {
    throw new ModelError('MODEL_INVALID', `id2label of ${found.path} can't be read: ${messageOf(cause)}`, {
      hint: 'Declare detector.classNames in <model>.hazure.json beside the model.',
      cause,
    });
  }
}

/** `model_type` of `config.json`, or null. */
export async function readModelType(modelPath: string): Promise<string | null> {
  return (await readConfig(modelPath))?.config.model_type ?? null;
}

async function readConfig(
  modelPath: string,
): Promise<{ path: string; config: z.infer<typeof configSchema> } | null> {
  const found = await readNear(modelPath, 'config.json');
  const parsed = found ? configSchema.safeParse(found.json) : null;
  return found && parsed?.success ? { path: found.path, config: parsed.data } : null;
}

const TIMM_INTERPOLATION: Readonly<Record<string, PreprocessSpec['interpolation']>> = {
  bilinear: 'bilinear-antialias',
  bicubic: 'bicubic-antialias',
};

/** The preparation in timm's `config.json` (`pretrained_cfg`), as its evaluation transform makes it; or null. */
export async function readTimmConfig(modelPath: string): Promise<PreprocessSpec | null> {
  const found = await readConfig(modelPath);
  const timm = found?.config.pretrained_cfg;
  if (!found || !timm?.input_size || !timm.mean || !timm.std) return null;
  const interpolation = TIMM_INTERPOLATION[timm.interpolation ?? 'bilinear'];
  if (!interpolation)
    throw unclear(found.path, `interpolation ${timm.interpolation} is neither bilinear nor bicubic`);
  if (timm.crop_mode !== undefined && timm.crop_mode !== 'center')
    throw unclear(found.path, `crop_mode ${timm.crop_mode} is not center`);
  const [, height, width] = timm.input_size as [number, number, number];
  const shortest = Math.floor(Math.min(height, width) / (timm.crop_pct ?? 0.875));
  return {
    widthPx: width,
    heightPx: height,
    fit: 'centre-crop',
    resizeShortestPx: Math.max(shortest, height, width),
    channelOrder: 'rgb',
    interpolation,
    scale: 1 / 255,
    mean: [timm.mean[0]!, timm.mean[1]!, timm.mean[2]!],
    std: [timm.std[0]!, timm.std[1]!, timm.std[2]!],
    padValue: 0,
  };
}

function preprocessFromConfig(config: z.infer<typeof preprocessorSchema>, path: string): PreprocessSpec {
  const interpolation = RESAMPLE[config.resample];
  if (!interpolation)
    throw unclear(path, `resample ${config.resample} is neither bilinear (2) nor bicubic (3)`);
  const byShare = config.crop_pct !== undefined && config.do_center_crop === undefined;
  if (byShare) return croppedByShare(config, interpolation, path);
  const crop = config.do_center_crop ?? config.crop_size !== undefined;
  const resized = sides(config.size, path, 'size');
  const input = crop ? sides(config.crop_size ?? config.size, path, 'crop_size') : resized;
  if (!config.do_resize || !input || !resized) throw unclear(path, 'it leaves the input size open');
  // A plain number is both sides where nothing is cropped, and the shortest where something is.
  const shortestPx = crop || typeof config.size === 'object' ? (resized.shortest ?? null) : null;
  if (shortestPx !== null && !crop) throw unclear(path, 'it resizes the shortest edge without cropping');
  const cropped = crop && shortestPx !== null;
  return {
    widthPx: input.width,
    heightPx: input.height,
    fit: cropped ? 'centre-crop' : 'stretch',
    ...(cropped ? { resizeShortestPx: shortestPx } : {}),
    ...values(config, interpolation),
  };
}

/** ConvNeXt below 384 px: the shortest side becomes size ÷ crop_pct, then the middle is kept; from 384 on, stretched. */
function croppedByShare(
  config: z.infer<typeof preprocessorSchema>,
  interpolation: PreprocessSpec['interpolation'],
  path: string,
): PreprocessSpec {
  const side = sides(config.size, path, 'size')?.shortest;
  if (side === undefined) throw unclear(path, 'crop_pct needs a size with shortest_edge');
  const cropped = side < 384;
  return {
    widthPx: side,
    heightPx: side,
    fit: cropped ? 'centre-crop' : 'stretch',
    ...(cropped ? { resizeShortestPx: Math.floor(side / config.crop_pct!) } : {}),
    ...values(config, interpolation),
  };
}

function values(
  config: z.infer<typeof preprocessorSchema>,
  interpolation: PreprocessSpec['interpolation'],
): Pick<PreprocessSpec, 'channelOrder' | 'interpolation' | 'scale' | 'mean' | 'std' | 'padValue'> {
  const normalize = config.do_normalize ?? config.image_mean !== undefined;
  const mean = normalize ? (config.image_mean ?? [0.5, 0.5, 0.5]) : [0, 0, 0];
  const std = normalize ? (config.image_std ?? [0.5, 0.5, 0.5]) : [1, 1, 1];
  const offset = config.rescale_offset ? 1 : 0;
  return {
    channelOrder: 'rgb',
    interpolation,
    scale: config.do_rescale ? config.rescale_factor : 1,
    mean: [mean[0]! + offset, mean[1]! + offset, mean[2]! + offset],
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
