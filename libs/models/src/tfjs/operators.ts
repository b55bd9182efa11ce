import { float, int, ints, text } from '../onnx/model.js';
import type { ConversionContext, Value } from './context.js';
import {
  constantInput,
  featureAxis,
  integersAttribute,
  integersInput,
  stringAttribute,
  tensorInput,
  unsupported,
} from './context.js';
import type { TfjsNode } from './graph.js';
import { permute, sizeOf } from './tensor.js';

export type OperatorConversion = (
  context: ConversionContext,
  node: TfjsNode,
  inputs: readonly Value[],
) => readonly Value[];

const NHWC_TO_NCHW = [0, 3, 1, 2];
const NCHW_TO_NHWC = [0, 2, 3, 1];
const HWIO_TO_OIHW = [3, 2, 0, 1];

/**
 * Every TensorFlow operator that the converter knows (semantics: tensorflow.org/api_docs/python/tf/raw_ops and
 * onnx.ai/onnx/operators, opset 17). Image operators are emitted between transposes, because TensorFlow keeps
 * channels last and ONNX second; `cancelTransposes` removes them afterwards.
 */
export const OPERATORS: Readonly<Record<string, OperatorConversion>> = {
  Placeholder: convertPlaceholder,
  Identity: (_context, _node, inputs) => [inputs[0]!],
  SparseToDense: foldSparseToDense,
  Add: convertAdd,
  AddV2: convertAdd,
  Conv2D: convertConv2D,
  MaxPool: convertMaxPool,
  Pad: convertPad,
  PadV2: convertPad,
  Transpose: convertTranspose,
  LeakyRelu: (context, node, inputs) => {
    const x = tensorInput(node, inputs, 0);
    const alpha = node.attributes['alpha']?.f ?? 0.2;
    return [context.emit('LeakyRelu', [x.name], x.dims, { alpha: float(alpha) })];
  },
  Sigmoid: (context, node, inputs) => {
    const x = tensorInput(node, inputs, 0);
    return [context.emit('Sigmoid', [x.name], x.dims)];
  },
  ConcatV2: convertConcat,
  SplitV: convertSplit,
  ResizeBilinear: convertResizeBilinear,
  Reshape: convertReshape,
};

function convertPlaceholder(context: ConversionContext, node: TfjsNode): readonly Value[] {
  const dims = (node.attributes['shape']?.shape?.dim ?? []).map((dim) => Number(dim.size ?? -1));
  if (dims.length === 0 || dims.slice(1).some((d) => !(d > 0))) {
    throw unsupported(node, `has the open shape [${dims.join(', ')}]; only the batch may be open`);
  }
  if (dims[0] !== 1 && dims[0] !== -1)
    throw unsupported(node, `has a batch of ${dims[0]}, expected 1 or open`);
  const value: Value = { kind: 'tensor', name: node.name, dims: [1, ...dims.slice(1)] };
  context.inputs.push(value);
  return [value];
}

/** Shapes that were computed in the original graph arrive as this operator over constants. */
function foldSparseToDense(_: ConversionContext, node: TfjsNode, inputs: readonly Value[]): readonly Value[] {
  const indices = integersInput(node, inputs, 0);
  const dims = integersInput(node, inputs, 1);
  const values = constantInput(node, inputs, 2).data;
  const data = new Int32Array(sizeOf(dims)).fill(constantInput(node, inputs, 3).data[0]!);
  const rank = dims.length;
  for (let i = 0; i < indices.length / rank; i++) {
    const flat = dims.reduce((sum, d, axis) => sum * d + indices[i * rank + axis]!, 0);
    data[flat] = values.length === 1 ? values[0]! : values[i]!;
  }
  return [{ kind: 'constant', dims, data }];
}

function convertAdd(context: ConversionContext, node: TfjsNode, inputs: readonly Value[]): readonly Value[] {
  const [a, b] = [inputs[0]!, inputs[1]!];
  if (a.kind === 'constant' && b.kind === 'constant') {
    if (a.dims.join() !== b.dims.join()) throw unsupported(node, 'adds constants of different shapes');
    return [{ kind: 'constant', dims: a.dims, data: a.data.map((x, i) => x + b.data[i]!) }];
  }
  const rank = Math.max(a.dims.length, b.dims.length);
  const at = (dims: readonly number[], axis: number): number => dims[axis - rank + dims.length] ?? 1;
  const dims = Array.from({ length: rank }, (_, axis) => {
    const [p, q] = [at(a.dims, axis), at(b.dims, axis)];
    if (p !== q && p !== 1 && q !== 1) throw unsupported(node, `adds [${a.dims}] and [${b.dims}]`);
    return Math.max(p, q);
  });
  if (dims[0] !== 1) throw unsupported(node, 'works across the batch axis');
  return [context.emit('Add', [context.nameOf(node, a), context.nameOf(node, b)], dims)];
}

interface Window {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
}

/** Output height and width and ONNX pads (top, left, bottom, right) of TensorFlow's VALID, SAME and EXPLICIT. */
function slide(
  node: TfjsNode,
  input: readonly number[],
  window: Window,
): { spatial: [number, number]; pads: number[] } {
  const padding = stringAttribute(node, 'padding', 'VALID');
  const explicit = integersAttribute(node, 'explicit_paddings');
  const pads = [0, 0, 0, 0];
  const spatial = [0, 1].map((i) => {
    const extent = (window.kernel[i]! - 1) * window.dilations[i]! + 1;
    const stride = window.strides[i]!;
    const size = input[i + 1]!;
    if (padding === 'SAME') {
      const total = Math.max((Math.ceil(size / stride) - 1) * stride + extent - size, 0);
      pads[i] = Math.floor(total / 2);
      pads[i + 2] = total - pads[i]!;
    } else if (padding === 'EXPLICIT') {
      pads[i] = explicit[2 * (i + 1)]!;
      pads[i + 2] = explicit[2 * (i + 1) + 1]!;
    } else if (padding !== 'VALID') throw unsupported(node, `has the padding ${padding}`);
    return Math.floor((size + pads[i]! + pads[i + 2]! - extent) / stride) + 1;
  });
  return { spatial: [spatial[0]!, spatial[1]!], pads };
}

function channelsLast(node: TfjsNode): void {
  const format = stringAttribute(node, 'data_format', 'NHWC');
  if (format !== 'NHWC') throw unsupported(node, `has the data format ${format}, expected NHWC`);
}

function convertConv2D(
  context: ConversionContext,
  node: TfjsNode,
  inputs: readonly Value[],
): readonly Value[] {
  channelsLast(node);
  const x = tensorInput(node, inputs, 0);
  const filter = constantInput(node, inputs, 1);
  if (!(filter.data instanceof Float32Array)) throw unsupported(node, 'has integer weights');
  const [height, width, inChannels, outChannels] = filter.dims as [number, number, number, number];
  const strides = integersAttribute(node, 'strides');
  const dilations = integersAttribute(node, 'dilations');
  const window: Window = {
    kernel: [height, width],
    strides: [strides[1] ?? 1, strides[2] ?? 1],
    dilations: [dilations[1] ?? 1, dilations[2] ?? 1],
  };
  const { spatial, pads } = slide(node, x.dims, window);
  const weights = permute(filter.data, filter.dims, HWIO_TO_OIHW);
  const chw = context.emit('Transpose', [x.name], [x.dims[0]!, x.dims[3]!, x.dims[1]!, x.dims[2]!], {
    perm: ints(NHWC_TO_NCHW),
  });
  const made = context.emit(
    'Conv',
    [chw.name, context.floats(weights.data, weights.dims)],
    [x.dims[0]!, outChannels, ...spatial],
    {
      kernel_shape: ints(window.kernel),
      strides: ints(window.strides),
      dilations: ints(window.dilations),
      pads: ints(pads),
      group: int(x.dims[3]! / inChannels),
    },
  );
  return [
    context.emit('Transpose', [made.name], [x.dims[0]!, ...spatial, outChannels], {
      perm: ints(NCHW_TO_NHWC),
    }),
  ];
}

function convertMaxPool(
  context: ConversionContext,
  node: TfjsNode,
  inputs: readonly Value[],
): readonly Value[] {
  channelsLast(node);
  const x = tensorInput(node, inputs, 0);
  const kernel = integersAttribute(node, 'ksize');
  const strides = integersAttribute(node, 'strides');
  const window: Window = {
    kernel: [kernel[1]!, kernel[2]!],
    strides: [strides[1]!, strides[2]!],
    dilations: [1, 1],
  };
  const { spatial, pads } = slide(node, x.dims, window);
  const [batch, channels] = [x.dims[0]!, x.dims[3]!];
  const chw = context.emit('Transpose', [x.name], [batch, channels, x.dims[1]!, x.dims[2]!], {
    perm: ints(NHWC_TO_NCHW),
  });
  const made = context.emit('MaxPool', [chw.name], [batch, channels, ...spatial], {
    kernel_shape: ints(window.kernel),
    strides: ints(window.strides),
    pads: ints(pads),
  });
  return [
    context.emit('Transpose', [made.name], [batch, ...spatial, channels], { perm: ints(NCHW_TO_NHWC) }),
  ];
}

function convertPad(context: ConversionContext, node: TfjsNode, inputs: readonly Value[]): readonly Value[] {
  const x = tensorInput(node, inputs, 0);
  const paddings = integersInput(node, inputs, 1);
  const value = node.op === 'PadV2' ? constantInput(node, inputs, 2).data[0]! : 0;
  const before = x.dims.map((_, axis) => paddings[2 * axis]!);
  const after = x.dims.map((_, axis) => paddings[2 * axis + 1]!);
  if (before[0] !== 0 || after[0] !== 0) throw unsupported(node, 'works across the batch axis');
  const dims = x.dims.map((d, axis) => d + before[axis]! + after[axis]!);
  const names = [x.name, context.longs([...before, ...after]), context.floats(Float32Array.of(value), [])];
  return [context.emit('Pad', names, dims, { mode: text('constant') })];
}

function convertTranspose(
  context: ConversionContext,
  node: TfjsNode,
  inputs: readonly Value[],
): readonly Value[] {
  const x = tensorInput(node, inputs, 0);
  const perm = integersInput(node, inputs, 1);
  if (perm[0] !== 0) throw unsupported(node, 'works across the batch axis');
  return [
    context.emit(
      'Transpose',
      [x.name],
      perm.map((axis) => x.dims[axis]!),
      { perm: ints(perm) },
    ),
  ];
}

function convertConcat(
  context: ConversionContext,
  node: TfjsNode,
  inputs: readonly Value[],
): readonly Value[] {
  const parts = inputs.slice(0, -1);
  const first = parts[0]!.dims;
  const axis = featureAxis(node, integersInput(node, inputs, inputs.length - 1)[0]!, first.length);
  const dims = [...first];
  dims[axis] = parts.reduce((sum, part) => sum + part.dims[axis]!, 0);
  const names = parts.map((part) => context.nameOf(node, part));
  return [context.emit('Concat', names, dims, { axis: int(axis) })];
}

function convertSplit(
  context: ConversionContext,
  node: TfjsNode,
  inputs: readonly Value[],
): readonly Value[] {
  const x = tensorInput(node, inputs, 0);
  const sizes = integersInput(node, inputs, 1);
  const axis = featureAxis(node, integersInput(node, inputs, 2)[0]!, x.dims.length);
  const known = sizes.filter((size) => size >= 0).reduce((sum, size) => sum + size, 0);
  const split = sizes.map((size) => (size < 0 ? x.dims[axis]! - known : size));
  return context.emitMany(
    'Split',
    [x.name, context.longs(split)],
    split.map((size) => x.dims.map((d, i) => (i === axis ? size : d))),
    { axis: int(axis) },
  );
}

function convertResizeBilinear(
  context: ConversionContext,
  node: TfjsNode,
  inputs: readonly Value[],
): readonly Value[] {
  const x = tensorInput(node, inputs, 0);
  const [height, width] = integersInput(node, inputs, 1) as [number, number];
  const [batch, sourceHeight, sourceWidth, channels] = x.dims as [number, number, number, number];
  // Scales, not sizes: sizes would fix the batch. Sizes that no float32 scale reaches are refused.
  const scales = [1, 1, height / sourceHeight, width / sourceWidth].map(Math.fround);
  if (Math.floor(sourceHeight * scales[2]!) !== height || Math.floor(sourceWidth * scales[3]!) !== width) {
    throw unsupported(node, `resizes ${sourceHeight}×${sourceWidth} to ${height}×${width}, no exact scale`);
  }
  const mode = node.attributes['align_corners']?.b
    ? 'align_corners'
    : node.attributes['half_pixel_centers']?.b
      ? 'half_pixel'
      : 'asymmetric';
  const chw = context.emit('Transpose', [x.name], [batch, channels, sourceHeight, sourceWidth], {
    perm: ints(NHWC_TO_NCHW),
  });
  const made = context.emit(
    'Resize',
    [chw.name, '', context.floats(Float32Array.from(scales), [4])],
    [batch, channels, height, width],
    { mode: text('linear'), coordinate_transformation_mode: text(mode) },
  );
  return [
    context.emit('Transpose', [made.name], [batch, height, width, channels], { perm: ints(NCHW_TO_NHWC) }),
  ];
}

function convertReshape(
  context: ConversionContext,
  node: TfjsNode,
  inputs: readonly Value[],
): readonly Value[] {
  const x = tensorInput(node, inputs, 0);
  const wanted = integersInput(node, inputs, 1);
  const known = wanted.filter((d) => d >= 0).reduce((product, d) => product * d, 1);
  const dims = wanted.map((d) => (d < 0 ? sizeOf(x.dims) / known : d));
  if (sizeOf(dims) !== sizeOf(x.dims)) throw unsupported(node, `reshapes [${x.dims}] to [${wanted}]`);
  if (dims[0] !== 1) throw unsupported(node, 'works across the batch axis');
  // 0 copies the input's dimension: the batch stays open.
  return [context.emit('Reshape', [x.name, context.longs([0, ...dims.slice(1)])], dims)];
}
