import type { OnnxTensor } from '../onnx/model.js';
import { derivedModel } from '../store/derived.js';
import type { ModelFiles } from '../store/model-files.js';
import type { ImageInput } from './image-input.js';

/**
 * Path of the model, or of a copy in the cache that carries the values of its inputs beside the image: an initializer
 * named as an input is its default value (onnx.proto3, GraphProto.initializer). Sizes are those of the model's own
 * input, so that boxes come in its pixels, as from any other head.
 */
export async function withKnownInputs(
  model: { readonly path: string; readonly files: ModelFiles; readonly sha256: string },
  input: ImageInput,
  [heightPx, widthPx]: readonly [number, number],
  cacheDir: string,
): Promise<string> {
  if (input.extra.length === 0) return model.path;
  const initializers = new Map<string, OnnxTensor>();
  for (const { name, type, dims } of input.extra) {
    const pair = VALUES[name]!(widthPx, heightPx);
    const rows = typeof dims[0] === 'number' ? dims[0] : 1;
    const values = Array.from({ length: rows }, () => pair).flat();
    const tensorDims = dims.length === 1 ? [values.length] : [rows, pair.length];
    initializers.set(
      name,
      type === 'int64'
        ? { type: 'int64', dims: tensorDims, data: BigInt64Array.from(values, (value) => BigInt(value)) }
        : { type: 'float32', dims: tensorDims, data: Float32Array.from(values) },
    );
  }
  const what = `inputs-${widthPx}x${heightPx}`;
  return derivedModel(model.files, model.sha256, {
    what,
    parts: { nodes: [], initializers, outputs: [] },
    cacheDir,
  });
}

const VALUES: Readonly<Record<string, (widthPx: number, heightPx: number) => readonly number[]>> = {
  // RT-DETR, D-FINE and their relatives: width before height.
  orig_target_sizes: (widthPx, heightPx) => [widthPx, heightPx],
  // PaddleDetection: height before width; a scale of 1 keeps boxes in pixels of the input.
  scale_factor: () => [1, 1],
  im_shape: (widthPx, heightPx) => [heightPx, widthPx],
};
