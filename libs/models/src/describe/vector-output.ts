import type { OnnxValue } from '../onnx/model.js';
import type { OnnxSummary } from '../onnx/summary.js';
import type { Conclusion } from './conclusion.js';
import { ambiguous, contradicted, unclear } from './conclusion.js';
import type { ModelDeclaration } from './declaration.js';
import { shown } from './heads/facts.js';
import type { TokenPooling } from './token-pooling.js';

/** Names that exporters give to one vector per image, best first. */
const VECTOR_OUTPUTS = [
  'image_embeds',
  'image_embeddings',
  'image_features',
  'features',
  'embeddings',
  'embedding',
  'pooler_output',
  'sentence_embedding',
];

/** Transformers of the hub whose first token stands for the image, and those that have no such token. */
const CLASS_TOKEN_TYPES = /^(clip|vit|deit|beit|data2vec|dinov2|dinov3_vit|ijepa_cls|chinese_clip|metaclip)/;
const NO_CLASS_TOKEN_TYPES = /^(siglip|swin|pvt|ijepa$|convnext|mobilenet|resnet|regnet|efficientnet)/;

export interface VectorChoice {
  readonly output: OnnxValue;
  /** How one vector is made of it; null where it is one already. */
  readonly pooling: TokenPooling | null;
  readonly conclusions: readonly Conclusion[];
}

/** The output that stands for an image, and how. @throws ModelError as `describeEmbedder` */
export function chooseVector(
  summary: OnnxSummary,
  declared: ModelDeclaration['embedder'],
  path: string,
  modelType: string | null,
): VectorChoice {
  const shapes = summary.outputs.map(shown).join('; ');
  if (declared?.output !== undefined) {
    const output = summary.outputs.find((value) => value.name === declared.output);
    if (!output) throw contradicted(path, `the output ${declared.output}`, `the outputs ${shapes}`);
    const conclusion: Conclusion = {
      part: 'output',
      value: output.name,
      from: 'declaration',
      because: 'declared',
    };
    return poolingOf(output, declared.pooling, path, modelType, [conclusion]);
  }
  const vectors = summary.outputs.filter(isVector);
  const named = VECTOR_OUTPUTS.map((name) => vectors.find((output) => output.name === name)).find((v) => v);
  if (named) return whole(named, 'names', `an output named ${named.name} holds one vector per image`);
  const hidden = summary.outputs.find(({ name, dims }) => name === 'last_hidden_state' && dims.length > 2);
  if (hidden) {
    const conclusion: Conclusion = {
      part: 'output',
      value: hidden.name,
      from: 'names',
      because: shown(hidden),
    };
    return poolingOf(hidden, declared?.pooling, path, modelType, [conclusion]);
  }
  if (vectors.length === 1) {
    const [only] = vectors as [OnnxValue];
    const scores = /logit|prob|softmax/i.test(only.name);
    return whole(
      only,
      'shapes',
      scores
        ? 'the only output with one vector per image; these are class scores, pooled features would tell more'
        : 'the only output with one vector per image',
    );
  }
  if (vectors.length > 1) {
    throw ambiguous(
      path,
      `its outputs ${shapes}`,
      vectors.map(({ name }) => ({
        reading: `the vector ${name}`,
        declaration: { embedder: { output: name } },
      })),
    );
  }
  const [first] = summary.outputs;
  throw unclear(path, `no single output holds one vector per image: ${shapes}`, 'embedder.output', {
    embedder: { output: first?.name ?? 'features', ...(first && !isVector(first) ? { pooling: 'cls' } : {}) },
  });
}

function whole(output: OnnxValue, from: Conclusion['from'], because: string): VectorChoice {
  return { output, pooling: null, conclusions: [{ part: 'output', value: output.name, from, because }] };
}

/** `[N, D]` or `[N, D, 1, 1]`. */
function isVector(output: OnnxValue): boolean {
  return output.dims.length === 2 || (output.dims.length === 4 && output.dims.slice(2).every((d) => d === 1));
}

function poolingOf(
  output: OnnxValue,
  declared: TokenPooling | undefined,
  path: string,
  modelType: string | null,
  before: readonly Conclusion[],
): VectorChoice {
  if (isVector(output)) {
    if (declared)
      throw contradicted(path, `the pooling ${declared}`, `one vector per image in ${shown(output)}`);
    return { output, pooling: null, conclusions: before };
  }
  const choice = (pooling: TokenPooling, from: Conclusion['from'], because: string): VectorChoice => ({
    output,
    pooling,
    conclusions: [
      ...before,
      {
        part: 'vector',
        value: pooling === 'cls' ? `the class token of ${output.name}` : `the mean of ${output.name}`,
        from,
        because,
      },
    ],
  });
  if (output.dims.length === 4) {
    if (declared === 'cls')
      throw contradicted(path, 'the pooling cls', `feature maps without a class token in ${shown(output)}`);
    return choice(
      'mean',
      declared ? 'declaration' : 'shapes',
      declared ? 'declared' : `feature maps ${shown(output)}`,
    );
  }
  if (output.dims.length !== 3)
    throw unclear(path, `${shown(output)} is no vector per image`, 'embedder.output and embedder.pooling');
  if (declared) return choice(declared, 'declaration', 'declared');
  if (output.name !== 'last_hidden_state')
    throw unclear(path, `${shown(output)} is no vector per image`, 'embedder.output and embedder.pooling', {
      embedder: { output: output.name, pooling: 'mean' },
    });
  if (modelType && CLASS_TOKEN_TYPES.test(modelType))
    return choice('cls', 'metadata', `${modelType} has a class token`);
  if (modelType && NO_CLASS_TOKEN_TYPES.test(modelType))
    return choice('mean', 'metadata', `${modelType} has no class token`);
  return byTokenCount(output, path, choice);
}

const isSquare = (count: number): boolean => count > 0 && Number.isInteger(Math.sqrt(count));
/** DINOv2 and DINOv3 with registers carry four tokens more. */
const REGISTERS = 4;

function byTokenCount(
  output: OnnxValue,
  path: string,
  choice: (pooling: TokenPooling, from: Conclusion['from'], because: string) => VectorChoice,
): VectorChoice {
  const tokens = output.dims[1];
  if (typeof tokens !== 'number') {
    return choice(
      'cls',
      'default',
      `${shown(output)} leaves the number of tokens open; usual for vision transformers`,
    );
  }
  const classToken = isSquare(tokens - 1) || isSquare(tokens - 1 - REGISTERS);
  if (isSquare(tokens) && !classToken)
    return choice('mean', 'shapes', `${tokens} tokens are a square of patches, so none is a class token`);
  if (classToken && !isSquare(tokens))
    return choice('cls', 'shapes', `${tokens} tokens are a square of patches and a class token`);
  throw ambiguous(path, `the ${tokens} tokens of ${output.name}`, [
    {
      reading: 'the first is a class token',
      declaration: { embedder: { output: output.name, pooling: 'cls' } },
    },
    { reading: 'all stand for patches', declaration: { embedder: { output: output.name, pooling: 'mean' } } },
  ]);
}
