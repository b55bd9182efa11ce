import { ModelError } from '@hazure/contracts';
import type { OnnxModel } from '@hazure/models';

/** Operators that only a model in integers has. */
const INTEGER_OPERATORS =
  /^(QLinear\w+|QuantizeLinear|DequantizeLinear|DynamicQuantize\w+|ConvInteger|MatMulInteger\w*|QGemm|QAttention)$/;

/**
 * Refuses what can't be quantised. Subgraphs, functions and unknown weights are refused when the file is read.
 *
 * @throws ModelError `MODEL_UNSUPPORTED` for a model that is quantised already, holds operators outside the standard
 *   set, keeps its weights in half precision, or is older than opset 7
 */
export function refuseUnfit(model: OnnxModel, path: string): void {
  const quantised = model.graph.nodes.find(({ opType }) => INTEGER_OPERATORS.test(opType));
  if (quantised) {
    throw unfit(path, `it is quantised already (${quantised.opType} ${quantised.name})`, {
      hint: 'Give the floating-point model that it was made from, or use it as it is.',
    });
  }
  const foreign = model.graph.nodes.find(({ domain }) => domain !== undefined && domain !== '');
  if (foreign) {
    throw unfit(
      path,
      `it holds ${foreign.opType} of the operator set ${foreign.domain}, which is not ONNX's own`,
      {
        hint: 'Export it again with the standard operators alone (no optimised or runtime-specific graph).',
      },
    );
  }
  const half = [...model.graph.initializers].find(([, { type }]) => type === 'float16');
  if (half || [...model.graph.inputs, ...model.graph.outputs].some(({ type }) => type === 'float16')) {
    throw unfit(path, 'it is in half precision (float16)', {
      hint: 'Give the float32 model: quantising rounds once, from the exact weights.',
    });
  }
  if (model.opset < 7) {
    throw unfit(path, `it is of opset ${model.opset}; the oldest that can be raised to 13 is 7`, {
      hint: 'Export it again with a newer opset.',
    });
  }
}

export function unfit(path: string, reason: string, { hint }: { hint: string }): ModelError {
  return new ModelError('MODEL_UNSUPPORTED', `${path} can't be quantised: ${reason}`, { hint });
}
