import { ModelError } from '@hazure/contracts';
import type { OnnxSummary } from '../onnx/summary.js';

/** The image input of a model: `[batch, 3, height, width]`, floats. */
export interface ImageInput {
  readonly name: string;
  /** null: open. */
  readonly batch: number | null;
  /** Height and width; null: open. */
  readonly sizePx: readonly [number, number] | null;
}

/** @throws ModelError when the model has no single NCHW image input */
export function imageInput(summary: OnnxSummary, path: string): ImageInput {
  const input = summary.inputs[0];
  if (summary.inputs.length !== 1 || !input) {
    const names = summary.inputs.map((value) => value.name).join(', ') || 'none';
    throw unsupported(path, `one image input, came ${summary.inputs.length} inputs (${names})`);
  }
  const [batch, channels, height, width] = input.dims;
  if (input.dims.length !== 4 || (typeof channels === 'number' && channels !== 3)) {
    throw unsupported(
      path,
      `an input [batch, 3, height, width], came ${input.name} [${input.dims.join(', ')}]`,
    );
  }
  if (input.type !== 'float32' && input.type !== 'float16') {
    throw unsupported(path, `a floating-point input, came ${input.type}`);
  }
  return {
    name: input.name,
    batch: typeof batch === 'number' && batch > 0 ? batch : null,
    sizePx: typeof height === 'number' && typeof width === 'number' ? [height, width] : null,
  };
}

function unsupported(path: string, expectation: string): ModelError {
  return new ModelError('MODEL_UNSUPPORTED', `${path}: expected ${expectation}`, {
    hint: 'Export the model with one RGB or BGR image batch in NCHW layout as its only input.',
  });
}
