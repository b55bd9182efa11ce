import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ModelError, messageOf } from '@hazure/contracts';

/** Key of `metadata_props` under which hazure's own models carry their declaration as JSON. */
export const DECLARATION_KEY = 'hazure';

const sizePx = z.number().int().positive();
const triple = z.tuple([z.number(), z.number(), z.number()]).readonly();
const names = z.array(z.string().min(1)).readonly();
const classes = z.number().int().positive();
const strides = z.array(z.number().int().positive()).min(1).readonly();

export const preprocessSchema = z.strictObject({
  widthPx: sizePx,
  heightPx: sizePx,
  fit: z.enum(['letterbox-centre', 'letterbox-top-left', 'stretch', 'centre-crop']),
  resizeShortestPx: sizePx.optional(),
  channelOrder: z.enum(['rgb', 'bgr']),
  interpolation: z.enum(['bilinear', 'bilinear-antialias', 'bicubic-antialias']),
  scale: z.number().positive(),
  mean: triple,
  std: triple,
  padValue: z.number().min(0).max(255),
});

const output = z.string().min(1);
const masks = z.strictObject({
  coefficients: z.number().int().positive().max(4096),
  prototypesOutput: output,
});
const boxFormat = z.enum(['xyxy', 'yxyx', 'cxcywh']);
const boxUnits = z.enum(['pixels', 'unit']);
const firstClass = z.number().int().nonnegative().optional();
const column = z.number().int().nonnegative().max(4096).optional();

/** A head as one declares it: `classes` may be left to the names or to the shapes, YOLOX's `strides` to what is usual. */
export const headSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('yolov8'),
    classes: classes.optional(),
    output: output.optional(),
    masks: masks.optional(),
  }),
  z.strictObject({
    kind: z.literal('yolov5'),
    classes: classes.optional(),
    output: output.optional(),
    masks: masks.optional(),
  }),
  z.strictObject({
    kind: z.literal('yolox'),
    classes: classes.optional(),
    strides: strides.default([8, 16, 32]),
    output: output.optional(),
  }),
  z.strictObject({
    kind: z.literal('nanodet'),
    classes: classes.optional(),
    strides,
    regMax: z.number().int().positive(),
    scoreOutputs: names,
    distanceOutputs: names,
  }),
  z.strictObject({
    kind: z.literal('detr'),
    classes: classes.optional(),
    logitsOutput: output,
    boxesOutput: output,
  }),
  z.strictObject({
    kind: z.literal('boxes'),
    classes: classes.optional(),
    boxesOutput: output,
    scoresOutput: output,
    boxFormat,
    boxUnits,
    activation: z.enum(['none', 'sigmoid', 'softmax']),
    firstClass,
    scoresByClass: z.boolean().optional(),
    suppress: z.boolean(),
  }),
  z.strictObject({
    kind: z.literal('table'),
    classes: classes.optional(),
    boxesOutput: output,
    scoresOutput: output.optional(),
    classesOutput: output.optional(),
    countOutput: output.optional(),
    columns: z.strictObject({ box: column, score: column, class: column, image: column }).optional(),
    boxFormat: boxFormat.default('xyxy'),
    boxUnits: boxUnits.default('pixels'),
    firstClass,
    masks: masks.optional(),
  }),
]);
export type DeclaredHead = z.infer<typeof headSchema>;

/**
 * What a model file can't say by itself, or says wrongly. Stands in `<model>.hazure.json` beside the .onnx file,
 * or as JSON under the metadata key `hazure`; the file beside it wins. Every part may be left out.
 */
export const declarationSchema = z.strictObject({
  name: z.string().min(1).optional(),
  licence: z.string().min(1).optional(),
  source: z.string().min(1).optional(),
  preprocess: preprocessSchema.partial().optional(),
  /** Order of the input's dimensions, where its shape leaves it open. */
  layout: z.enum(['nchw', 'nhwc']).optional(),
  detector: z.strictObject({ head: headSchema.optional(), classNames: names.optional() }).optional(),
  embedder: z
    .strictObject({
      output: z.string().min(1).optional(),
      normalise: z.boolean().optional(),
      /** For an output `[N, tokens, D]`. */
      pooling: z.enum(['cls', 'mean']).optional(),
    })
    .optional(),
});
export type ModelDeclaration = z.infer<typeof declarationSchema>;

/** Path of the declaration that belongs to a model: `model.onnx` → `model.hazure.json`. */
export function declarationPath(modelPath: string): string {
  return `${modelPath.replace(/\.onnx$/i, '')}.hazure.json`;
}

/**
 * The declaration of a model: the file beside it over the one in its metadata, part by part.
 *
 * @throws ModelError `MODEL_INVALID` when a declaration is there but is not valid
 */
export async function readDeclaration(
  modelPath: string,
  metadata: Readonly<Record<string, string>>,
): Promise<ModelDeclaration> {
  const path = declarationPath(modelPath);
  const inFile = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw invalid(path, error);
  });
  const embedded = metadata[DECLARATION_KEY];
  const low = embedded === undefined ? {} : parse(`metadata of ${modelPath}`, embedded);
  const high = inFile === null ? {} : parse(path, inFile);
  return {
    ...low,
    ...high,
    preprocess: { ...low.preprocess, ...high.preprocess },
    ...(low.detector || high.detector ? { detector: { ...low.detector, ...high.detector } } : {}),
    ...(low.embedder || high.embedder ? { embedder: { ...low.embedder, ...high.embedder } } : {}),
  };
}

function parse(where: string, json: string): ModelDeclaration {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw invalid(where, cause);
  }
  const parsed = declarationSchema.safeParse(value);
  if (!parsed.success) throw invalid(where, new Error(z.prettifyError(parsed.error).replaceAll('\n', ' ')));
  return parsed.data;
}

function invalid(where: string, cause: unknown): ModelError {
  return new ModelError('MODEL_INVALID', `Expected a model declaration in ${where}: ${messageOf(cause)}`, {
    hint: 'Its keys are name, licence, source, preprocess, layout, detector and embedder; docs/reference/models.md shows them.',
    cause,
  });
}
