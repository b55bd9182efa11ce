import { int, ints } from '../onnx/model.js';
import type { OnnxNode, OnnxTensor, OnnxValue } from '../onnx/model.js';
import { derivedModel } from '../store/derived.js';
import type { ModelFiles } from '../store/model-files.js';

/**
 * How one vector is made of a transformer's tokens `[N, tokens, D]`: the class token, or the mean of all; of feature
 * maps `[N, D, height, width]` only the mean.
 */
export type TokenPooling = 'cls' | 'mean';

export const POOLED_OUTPUT = 'hazure_pooled';

/** Since opset 18 the axes of ReduceMean are an input. */
const AXES_INPUT_OPSET = 18;

/**
 * A copy of the model in the cache with the pooled vectors as an output named `hazure_pooled`, `[N, D]`.
 *
 * @returns path of the copy; made once per model, output and pooling
 */
export async function withPooledOutput(
  model: { readonly files: ModelFiles; readonly sha256: string },
  tokens: OnnxValue,
  pooling: TokenPooling,
  opset: number,
  cacheDir: string,
): Promise<string> {
  const constants = new Map<string, OnnxTensor>();
  const constant = (name: string, dims: readonly number[], value: bigint): string => {
    constants.set(name, { type: 'int64', dims, data: BigInt64Array.of(value) });
    return name;
  };
  const isMap = tokens.dims.length === 4;
  let node: Pick<OnnxNode, 'opType' | 'inputs' | 'attributes'>;
  if (isMap) {
    // `[N, D, height, width]`: over both sides; the ones that stay are no matter to the embedder.
    node = { opType: 'GlobalAveragePool', inputs: [tokens.name], attributes: {} };
  } else if (pooling === 'cls') {
    const first = constant('hazure_first_token', [], 0n);
    node = { opType: 'Gather', inputs: [tokens.name, first], attributes: { axis: int(1) } };
  } else if (opset < AXES_INPUT_OPSET) {
    node = { opType: 'ReduceMean', inputs: [tokens.name], attributes: { axes: ints([1]), keepdims: int(0) } };
  } else {
    const axes = constant('hazure_token_axis', [1], 1n);
    node = { opType: 'ReduceMean', inputs: [tokens.name, axes], attributes: { keepdims: int(0) } };
  }
  const safeName = tokens.name.replace(/[^\w.-]/g, '_');
  const parts = {
    nodes: [{ ...node, name: POOLED_OUTPUT, outputs: [POOLED_OUTPUT] }],
    initializers: constants,
    outputs: [
      {
        name: POOLED_OUTPUT,
        type: tokens.type,
        dims: isMap
          ? [tokens.dims[0] ?? null, tokens.dims[1] ?? null, 1, 1]
          : [tokens.dims[0] ?? null, tokens.dims[2] ?? null],
      },
    ],
  };
  return derivedModel(model.files, model.sha256, { what: `${safeName}-${pooling}`, parts, cacheDir });
}
