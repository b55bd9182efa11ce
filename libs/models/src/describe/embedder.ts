import type { PreprocessSpec } from '@hazure/native-engine';
import type { OnnxValue } from '../onnx/model.js';
import type { OnnxSummary } from '../onnx/summary.js';
import { summarizeOnnx } from '../onnx/summary.js';
import type { StoreOptions } from '../store/context.js';
import type { ResolvedModel } from '../store/store.js';
import { modelCacheDir, resolveModel } from '../store/store.js';
import type { ModelDeclaration } from './declaration.js';
import { readDeclaration } from './declaration.js';
import { defined, unclear } from './detector.js';
import { readPreprocessorConfig } from './hub-configs.js';
import { imageInput } from './image-input.js';
import { POOLED_OUTPUT, withPooledOutput } from './token-pooling.js';

/** All that the engine needs to run an image embedder. */
export interface EmbedderDescription {
  readonly model: ResolvedModel;
  readonly preprocess: PreprocessSpec;
  /** Name of the output that holds the vectors. */
  readonly output: string;
  /** Whether rows become unit vectors. */
  readonly normalise: boolean;
  /** Length of a vector where the graph says it. */
  readonly dimensions: number | null;
  readonly fixedBatch: number | null;
  readonly licence: string | null;
  readonly because: readonly string[];
}

/** Names that exporters give to one vector per image, best first. */
const VECTOR_OUTPUTS = ['image_embeds', 'features', 'embeddings', 'embedding', 'pooler_output'];

/**
 * Describes an image embedder given by registry name, hub repository or path: a CLIP image tower or any model
 * with one vector per image. Sources as for detectors; a model whose output is `features` and which says nothing
 * of its preprocessing is taken for a torchvision-style ImageNet network (RGB, mean and deviation of ImageNet).
 *
 * @throws ModelError `MODEL_UNSUPPORTED` that says what to declare when a part stays unclear
 */
export async function describeEmbedder(
  nameOrPath: string,
  options: StoreOptions = {},
): Promise<EmbedderDescription> {
  const model = await resolveModel(nameOrPath, options);
  const summary = await summarizeOnnx(model.path);
  const declared = await readDeclaration(model.path, summary.metadata);
  const input = imageInput(summary, model.path);
  const output = chooseOutput(summary, declared.embedder, model.path);
  const because = [
    `output ${output.name}: ${declared.embedder?.output ? 'declared' : 'by its name and shape'}`,
  ];

  const wanted = defined(declared.preprocess);
  let base = await readPreprocessorConfig(model.path);
  if (base) because.push('preprocessing: preprocessor_config.json');
  else if (isComplete(wanted)) because.push('preprocessing: declared');
  else if (output.name === 'features' && input.sizePx) {
    base = imagenetPreprocess(input.sizePx);
    because.push("preprocessing: ImageNet's, because the output is named features and nothing else says so");
  } else {
    throw unclear(model.path, 'nothing says how its images are prepared', 'preprocess');
  }
  const preprocess = { ...base, ...wanted } as PreprocessSpec;
  const size = input.sizePx;
  if (size && (size[0] !== preprocess.heightPx || size[1] !== preprocess.widthPx)) {
    throw unclear(
      model.path,
      `its input is ${size[1]}×${size[0]}, the preprocessing makes ${preprocess.widthPx}×${preprocess.heightPx}`,
      'preprocess.widthPx and preprocess.heightPx',
    );
  }
  const named = { ...model, name: declared.name ?? model.name };
  const pooling = isTokens(output) ? (declared.embedder?.pooling ?? 'cls') : null;
  if (pooling)
    because.push(`vector: ${pooling === 'cls' ? 'the class token' : 'the mean'} of ${output.name}`);
  const dimensions = output.dims.at(pooling ? 2 : 1);
  return {
    model: pooling
      ? {
          ...named,
          path: await withPooledOutput(model, output, pooling, summary.opset, modelCacheDir(options)),
        }
      : named,
    preprocess,
    output: pooling ? POOLED_OUTPUT : output.name,
    normalise: declared.embedder?.normalise ?? true,
    dimensions: typeof dimensions === 'number' ? dimensions : null,
    fixedBatch: input.batch,
    licence: declared.licence ?? model.licence,
    because,
  };
}

function chooseOutput(summary: OnnxSummary, declared: ModelDeclaration['embedder'], path: string): OnnxValue {
  const shapes = summary.outputs.map((output) => `${output.name} [${output.dims.join(', ')}]`).join('; ');
  if (declared?.output !== undefined) {
    const found = summary.outputs.find((output) => output.name === declared.output);
    if (!found) throw unclear(path, `it has no output ${declared.output}, but ${shapes}`, 'embedder.output');
    if (isVector(found) || (isTokens(found) && declared.pooling)) return found;
    throw unclear(
      path,
      `${found.name} is no vector per image: ${shapes}`,
      'embedder.output and embedder.pooling',
    );
  }
  const vectors = summary.outputs.filter(isVector);
  const named = VECTOR_OUTPUTS.map((name) => vectors.find((output) => output.name === name)).find((v) => v);
  // Vision transformers without a pooled output: their class token stands for the image.
  const tokens = summary.outputs.find((output) => output.name === 'last_hidden_state' && isTokens(output));
  const chosen = named ?? (vectors.length === 1 ? vectors[0] : undefined) ?? tokens;
  if (!chosen) {
    throw unclear(path, `no single output holds one vector per image: ${shapes}`, 'embedder.output');
  }
  return chosen;
}

/** `[N, D]` or `[N, D, 1, 1]`. */
function isVector(output: OnnxValue): boolean {
  return output.dims.length === 2 || (output.dims.length === 4 && output.dims.slice(2).every((d) => d === 1));
}

/** `[N, tokens, D]` */
function isTokens(output: OnnxValue): boolean {
  return output.dims.length === 3;
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
