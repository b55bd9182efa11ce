import { ModelError } from '@hazure/contracts';
import type { InputLayout, PreprocessSpec } from '@hazure/native-engine';
import type { OnnxSummary } from '../onnx/summary.js';
import { summarizeOnnx } from '../onnx/summary.js';
import type { StoreOptions } from '../store/context.js';
import type { ResolvedModel } from '../store/store.js';
import { modelCacheDir, resolveModel } from '../store/store.js';
import type { Conclusion } from './conclusion.js';
import { contradicted, defined, sentenceOf, unclear } from './conclusion.js';
import type { ModelDeclaration } from './declaration.js';
import { readDeclaration } from './declaration.js';
import { readModelType, readPreprocessorConfig, readTimmConfig } from './hub-configs.js';
import type { ImageInput } from './image-input.js';
import { imageInput } from './image-input.js';
import { refuseScaledBytes } from './preparation.js';
import { POOLED_OUTPUT, withPooledOutput } from './token-pooling.js';
import { chooseVector } from './vector-output.js';

/** All that the engine needs to run an image embedder. */
export interface EmbedderDescription {
  readonly model: ResolvedModel;
  readonly preprocess: PreprocessSpec;
  readonly layout: InputLayout;
  /** Name of the output that holds the vectors. */
  readonly output: string;
  /** Whether rows become unit vectors. */
  readonly normalise: boolean;
  /** Length of a vector where the graph says it. */
  readonly dimensions: number | null;
  readonly fixedBatch: number | null;
  readonly licence: string | null;
  /** What was concluded about the file, and why. */
  readonly conclusions: readonly Conclusion[];
  /** The same as sentences, for logs and `models describe`. */
  readonly because: readonly string[];
}

/**
 * Describes an image embedder given by registry name, hub repository or path: a CLIP image tower or any model
 * with one vector per image, a transformer's tokens, or a network's feature maps. Evidence as for detectors; a model
 * whose output is `features` and which says nothing of its preprocessing is taken for a torchvision-style ImageNet
 * network (RGB, mean and deviation of ImageNet).
 *
 * @throws ModelError as `describeDetector`
 */
export async function describeEmbedder(
  nameOrPath: string,
  options: StoreOptions = {},
): Promise<EmbedderDescription> {
  const model = await resolveModel(nameOrPath, options);
  const path = model.files.graph.path;
  const summary = await summarizeOnnx(path);
  const declared = await readDeclaration(path, summary.metadata);
  const input = imageInput(summary, path, declared.layout);
  if (input.extra.length > 0) throw notAnEmbedder(path, summary);
  const vector = chooseVector(summary, declared.embedder, path, await readModelType(path));
  const prepared = await embedderPreprocess({
    path,
    input,
    declared: declared.preprocess,
    output: vector.output.name,
  });
  const named = { ...model, name: declared.name ?? model.name };
  const { output, pooling } = vector;
  const dimensions = output.dims.at(pooling && output.dims.length === 3 ? 2 : 1);
  const conclusions = [...vector.conclusions, ...input.conclusions, prepared.conclusion];
  return {
    model: pooling
      ? {
          ...named,
          path: await withPooledOutput(model, output, pooling, summary.opset, modelCacheDir(options)),
        }
      : named,
    preprocess: prepared.spec,
    layout: input.layout,
    output: pooling ? POOLED_OUTPUT : output.name,
    normalise: declared.embedder?.normalise ?? true,
    dimensions: typeof dimensions === 'number' ? dimensions : null,
    fixedBatch: input.batch,
    licence: declared.licence ?? model.licence,
    conclusions,
    because: conclusions.map(sentenceOf),
  };
}

function notAnEmbedder(path: string, summary: OnnxSummary): ModelError {
  const names = summary.inputs.map(({ name }) => name).join(', ');
  return new ModelError(
    'MODEL_UNSUPPORTED',
    `${path} takes ${names}: a detector, expected an image embedder`,
    {
      hint: 'Give it as --detector, and a model that gives one vector per image as --embedder.',
    },
  );
}

interface PreprocessSources {
  readonly path: string;
  readonly input: ImageInput;
  readonly declared: ModelDeclaration['preprocess'];
  readonly output: string;
}

async function embedderPreprocess({
  path,
  input,
  declared,
  output,
}: PreprocessSources): Promise<{ spec: PreprocessSpec; conclusion: Conclusion }> {
  const wanted = defined(declared);
  const hub = isComplete(wanted) ? null : await readPreprocessorConfig(path);
  const timm = hub || isComplete(wanted) ? null : await readTimmConfig(path);
  let base = hub ?? timm;
  let source: Pick<Conclusion, 'from' | 'because'>;
  if (isComplete(wanted)) source = { from: 'declaration', because: 'declared' };
  else if (hub) source = { from: 'metadata', because: 'preprocessor_config.json' };
  else if (timm) source = { from: 'metadata', because: "timm's config.json" };
  else if (output === 'features' && input.heightPx !== null && input.widthPx !== null) {
    base = imagenetPreprocess([input.heightPx, input.widthPx]);
    source = {
      from: 'names',
      because: "ImageNet's, because the output is named features and nothing else says so",
    };
  } else {
    const { widthPx, heightPx, ...parts } = imagenetPreprocess([input.heightPx ?? 224, input.widthPx ?? 224]);
    throw unclear(path, 'nothing says how its images are prepared', 'preprocess', {
      preprocess: { widthPx, heightPx, ...parts },
    });
  }
  const bytes = input.bytes ? { scale: 1, mean: [0, 0, 0], std: [1, 1, 1] } : {};
  const spec = { ...base, ...bytes, ...wanted } as PreprocessSpec;
  for (const [side, fixed] of [['widthPx', input.widthPx] as const, ['heightPx', input.heightPx] as const]) {
    if (fixed === null || spec[side] === fixed) continue;
    if (wanted[side] !== undefined) {
      throw contradicted(
        path,
        `preprocess ${spec.widthPx}×${spec.heightPx}`,
        `an input of ${input.widthPx ?? '?'}×${input.heightPx ?? '?'}`,
      );
    }
    throw unclear(
      path,
      `its input is ${input.widthPx ?? '?'}×${input.heightPx ?? '?'}, the preprocessing makes ${spec.widthPx}×${spec.heightPx}`,
      'preprocess.widthPx and preprocess.heightPx',
      { preprocess: { widthPx: input.widthPx ?? spec.widthPx, heightPx: input.heightPx ?? spec.heightPx } },
    );
  }
  if (input.bytes) refuseScaledBytes(spec, path);
  const declaredParts = Object.keys(wanted);
  const also =
    source.from !== 'declaration' && declaredParts.length > 0 ? `; ${declaredParts.join(', ')} declared` : '';
  return {
    spec,
    conclusion: {
      part: 'preprocessing',
      value: `${spec.widthPx}×${spec.heightPx}, ${spec.fit}, ${spec.channelOrder}`,
      from: also ? 'declaration' : source.from,
      because: source.because + also,
    },
  };
}

/** Letterboxing beat stretching on object crops (libs/vision/bench/embedder-quality.mjs). */
function imagenetPreprocess([heightPx, widthPx]: readonly [number, number]): PreprocessSpec {
  return {
    widthPx,
    heightPx,
    fit: 'letterbox-centre',
    channelOrder: 'rgb',
    interpolation: 'bilinear-antialias',
    scale: 1 / 255,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    padValue: 114,
  };
}

const REQUIRED: readonly (keyof PreprocessSpec)[] = [
  'widthPx',
  'heightPx',
  'fit',
  'channelOrder',
  'interpolation',
  'scale',
  'mean',
  'std',
  'padValue',
];

function isComplete(preprocess: object): boolean {
  return REQUIRED.every((key) => key in preprocess);
}
