import { ModelError } from '@hazure/contracts';
import type { HeadSpec, PreprocessSpec } from '@hazure/native-engine';
import type { OnnxSummary } from '../onnx/summary.js';
import { summarizeOnnx } from '../onnx/summary.js';
import { COCO_CLASSES } from '../starter/coco-classes.js';
import type { StoreOptions } from '../store/context.js';
import type { ResolvedModel } from '../store/store.js';
import { resolveModel } from '../store/store.js';
import { declarationPath, readDeclaration } from './declaration.js';
import { guessHead } from './head.js';
import { readConfigLabels, readPreprocessorConfig } from './hub-configs.js';
import { imageInput } from './image-input.js';
import { readExportMetadata } from './metadata.js';

/** All that the engine needs to run a detector, and where each part was learnt from. */
export interface DetectorDescription {
  readonly model: ResolvedModel;
  readonly head: HeadSpec;
  readonly preprocess: PreprocessSpec;
  readonly classNames: readonly string[];
  /** Largest stride of the network; input sides are multiples of it. */
  readonly stridePx: number;
  /** Batch that the graph fixes, or null when it is open. */
  readonly fixedBatch: number | null;
  readonly licence: string | null;
  /** One sentence per decision, for `hazure doctor` and debug logs. */
  readonly because: readonly string[];
}

const AGPL = 'AGPL-3.0';

/**
 * Describes a detector given by registry name, hub repository or path. Sources, strongest first: the file
 * `<model>.hazure.json`, the model's metadata, configuration files of the hub beside it, the shapes of its outputs.
 *
 * @throws ModelError `MODEL_UNSUPPORTED` that says what to declare when a part stays unclear
 */
export async function describeDetector(
  nameOrPath: string,
  options: StoreOptions = {},
): Promise<DetectorDescription> {
  const model = await resolveModel(nameOrPath, options);
  const summary = await summarizeOnnx(model.path);
  const declared = await readDeclaration(model.path, summary.metadata);
  const exported = readExportMetadata(summary.metadata);
  const because: string[] = [];

  const input = imageInput(summary, model.path);
  const declaredPx = sizeOf(declared.preprocess);
  const inputPx = declaredPx ?? input.sizePx ?? exported.inputPx;
  if (!inputPx)
    throw unclear(model.path, 'its input size is open', 'preprocess.widthPx and preprocess.heightPx');
  refuseOtherTasks(model.path, exported.task, summary);

  let head: HeadSpec | undefined = declared.detector?.head;
  if (head) because.push('head: declared');
  else {
    const guess = guessHead(summary, inputPx, exported.classNames?.length ?? null);
    if (!guess) {
      const shapes = summary.outputs.map((output) => `${output.name} [${output.dims.join(', ')}]`).join('; ');
      throw unclear(model.path, `its outputs fit no known head: ${shapes}`, 'detector.head');
    }
    head = guess.head;
    because.push(`head: ${guess.because}`);
  }

  const hubPreprocess = head.kind === 'detr' ? await readPreprocessorConfig(model.path) : null;
  const usual = { ...usualPreprocess(head, inputPx), ...hubPreprocess };
  const preprocess = { ...usual, widthPx: inputPx[1], heightPx: inputPx[0], ...defined(declared.preprocess) };
  because.push(`preprocessing: ${hubPreprocess ? 'preprocessor_config.json' : `usual for ${head.kind}`}`);

  const names = declared.detector?.classNames ?? exported.classNames ?? (await readConfigLabels(model.path));
  const classNames = names ?? (head.classes === COCO_CLASSES.length ? COCO_CLASSES : null);
  because.push(names ? 'class names: from the model' : 'class names: COCO, because it has 80 classes');
  if (!classNames)
    throw unclear(model.path, `nothing names its ${head.classes} classes`, 'detector.classNames');
  if (classNames.length !== head.classes) {
    throw unclear(
      model.path,
      `it has ${head.classes} classes, but ${classNames.length} names came`,
      'detector.classNames',
    );
  }
  return {
    model: { ...model, name: declared.name ?? model.name },
    head,
    preprocess,
    classNames,
    stridePx: 'strides' in head ? Math.max(...head.strides) : (exported.stridePx ?? 32),
    fixedBatch: input.batch,
    licence: declared.licence ?? model.licence ?? exported.licence ?? licenceBy(exported.description),
    because,
  };
}

/** What each family was trained with; OpenCV's plain bilinear where its own loader uses that. */
function usualPreprocess(head: HeadSpec, inputPx: readonly [number, number]): PreprocessSpec {
  const base = {
    widthPx: inputPx[1],
    heightPx: inputPx[0],
    mean: [0, 0, 0],
    std: [1, 1, 1],
    padValue: 114,
    interpolation: 'bilinear',
  } as const;
  switch (head.kind) {
    case 'yolox':
      return { ...base, fit: 'letterbox-top-left', channelOrder: 'bgr', scale: 1 };
    case 'nanodet':
      return {
        ...base,
        fit: 'stretch',
        channelOrder: 'bgr',
        scale: 1,
        mean: [103.53, 116.28, 123.675],
        std: [57.375, 57.12, 58.395],
      };
    case 'detr':
      return {
        ...base,
        fit: 'stretch',
        channelOrder: 'rgb',
        scale: 1 / 255,
        interpolation: 'bilinear-antialias',
      };
    default:
      return { ...base, fit: 'letterbox-centre', channelOrder: 'rgb', scale: 1 / 255 };
  }
}

function refuseOtherTasks(path: string, task: string | null, summary: OnnxSummary): void {
  if (task !== null && task !== 'detect') {
    throw new ModelError('MODEL_UNSUPPORTED', `${path} does the task ${task}; expected detect`, {
      hint: 'Export a detection model (without -seg, -pose, -cls or -obb in its name).',
    });
  }
  const [first] = summary.outputs;
  if (summary.opTypes.has('NonMaxSuppression') || (first?.dims.length === 3 && first.dims[2] === 6)) {
    throw new ModelError('MODEL_UNSUPPORTED', `${path} has its own non-maximum suppression built in`, {
      hint: 'Export it without (Ultralytics: nms=False, and end2end=False for YOLOv10 and later), so that --conf-thres and --iou-thres apply.',
    });
  }
}

function licenceBy(description: string | null): string | null {
  return description?.includes('Ultralytics') ? AGPL : null;
}

function sizeOf(
  preprocess: { widthPx?: number | undefined; heightPx?: number | undefined } | undefined,
): [number, number] | null {
  return preprocess?.widthPx && preprocess.heightPx ? [preprocess.heightPx, preprocess.widthPx] : null;
}

/** The keys that have a value, so that a spread leaves the others alone. */
export function defined<T extends object>(
  value: T | undefined,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([, v]) => v !== undefined)) as never;
}

export function unclear(path: string, reason: string, key: string): ModelError {
  return new ModelError('MODEL_UNSUPPORTED', `${path} can't be used as it is: ${reason}`, {
    hint: `Declare ${key} in ${declarationPath(path)} (docs/reference/models.md).`,
  });
}
