import type { InputLayout } from '@hazure/native-engine';
import { ModelError } from '@hazure/contracts';
import type { OnnxValue } from '../onnx/model.js';
import type { OnnxSummary } from '../onnx/summary.js';
import type { Conclusion } from './conclusion.js';
import { ambiguous, contradicted } from './conclusion.js';

/** The image input of a model: `[batch, 3, height, width]` or `[batch, height, width, 3]`, floats or bytes. */
export interface ImageInput {
  readonly name: string;
  readonly layout: InputLayout;
  /** null: open. */
  readonly batch: number | null;
  readonly heightPx: number | null;
  readonly widthPx: number | null;
  /** Whether it takes whole numbers of 0…255; then the graph itself scales them. */
  readonly bytes: boolean;
  /** Inputs beside the image whose values hazure knows. */
  readonly extra: readonly OnnxValue[];
  readonly conclusions: readonly Conclusion[];
}

/** Sizes and scales that exporters make inputs: what hazure feeds is known beforehand. */
const KNOWN_EXTRA_INPUTS = ['orig_target_sizes', 'scale_factor', 'im_shape'] as const;

/** @throws ModelError when the model has no image input, or `layout` contradicts it */
export function imageInput(
  summary: OnnxSummary,
  path: string,
  declared: InputLayout | undefined,
): ImageInput {
  const extra = summary.inputs.filter(({ name }) => (KNOWN_EXTRA_INPUTS as readonly string[]).includes(name));
  const images = summary.inputs.filter((value) => !extra.includes(value));
  const input = images[0];
  if (images.length !== 1 || !input) {
    const names = summary.inputs.map((value) => value.name).join(', ') || 'none';
    throw unsupported(path, `one image input, came ${summary.inputs.length} inputs (${names})`);
  }
  if (input.dims.length !== 4) throw wrongShape(path, input);
  if (!['float32', 'float16', 'uint8'].includes(input.type)) {
    throw unsupported(path, `an input of float32, float16 or uint8, came ${input.type}`);
  }
  const { layout, conclusion } = layoutOf(input, path, declared);
  const number = (axis: number): number | null => {
    const dim = input.dims[axis];
    return typeof dim === 'number' ? dim : null;
  };
  const [height, width] = layout === 'nhwc' ? [1, 2] : [2, 3];
  return {
    name: input.name,
    layout,
    batch: number(0),
    heightPx: number(height!),
    widthPx: number(width!),
    bytes: input.type === 'uint8',
    extra,
    conclusions: [
      ...(conclusion ? [conclusion] : []),
      ...extra.map(({ name }): Conclusion => ({
        part: 'inputs',
        value: `${name} is set to the size that hazure feeds`,
        from: 'names',
        because: `the model takes ${name} beside the image`,
      })),
    ],
  };
}

function layoutOf(
  input: OnnxValue,
  path: string,
  declared: InputLayout | undefined,
): { layout: InputLayout; conclusion?: Conclusion } {
  const [, second, , last] = input.dims;
  const shape = `${input.name} [${input.dims.map((dim) => dim ?? '?').join(', ')}]`;
  const could = {
    nchw: second === 3 || typeof second !== 'number',
    nhwc: last === 3 || typeof last !== 'number',
  };
  if (declared) {
    if (!could[declared]) throw contradicted(path, `the layout ${declared}`, `the input ${shape}`);
    return {
      layout: declared,
      conclusion: { part: 'input layout', value: declared, from: 'declaration', because: 'declared' },
    };
  }
  if (second === 3 && last !== 3) return { layout: 'nchw' };
  if (last === 3 && second !== 3) {
    return {
      layout: 'nhwc',
      conclusion: { part: 'input layout', value: 'nhwc', from: 'shapes', because: `input ${shape}` },
    };
  }
  if (second === 3 && last === 3) {
    throw ambiguous(path, `its input ${shape}`, [
      { reading: 'channels first', declaration: { layout: 'nchw' } },
      { reading: 'channels last', declaration: { layout: 'nhwc' } },
    ]);
  }
  if (!could.nchw && !could.nhwc) throw wrongShape(path, input);
  // Open channels are channels first in every exporter that leaves them open.
  if (could.nchw) {
    return {
      layout: 'nchw',
      conclusion: {
        part: 'input layout',
        value: 'nchw',
        from: 'default',
        because: `input ${shape} leaves it open`,
      },
    };
  }
  return {
    layout: 'nhwc',
    conclusion: { part: 'input layout', value: 'nhwc', from: 'shapes', because: `input ${shape}` },
  };
}

function wrongShape(path: string, input: OnnxValue): ModelError {
  const shape = input.dims.map((dim) => dim ?? '?').join(', ');
  return unsupported(
    path,
    `an input [batch, 3, height, width] or [batch, height, width, 3], came ${input.name} [${shape}]`,
  );
}

function unsupported(path: string, expectation: string): ModelError {
  return new ModelError('MODEL_UNSUPPORTED', `${path}: expected ${expectation}`, {
    hint: 'Export the model with one RGB or BGR image batch in NCHW or NHWC layout as its only input.',
  });
}
