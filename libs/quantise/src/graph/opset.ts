import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor } from '@hazure/models';
import { int, intOf, intsOf } from '@hazure/models';
import { GraphIndex, int64s, withGraph } from './graph.js';
import { unfit } from './refuse.js';

/** Per-axis DequantizeLinear came with it. */
export const MIN_OPSET = 13;

/** Operators that changed between opset 7 and 13 and are not rewritten here: the version from which on they are valid. */
const VALID_FROM = new Map([
  ['TopK', 11],
  ['OneHot', 9],
  ['NonMaxSuppression', 10],
  ['Scatter', Infinity],
  ['Scan', Infinity],
]);

/**
 * Raises a model to opset 13, rewriting what changed since its own: attributes that became inputs (Split, Squeeze,
 * Unsqueeze, ReduceSum, Clip, Pad, Slice, Dropout), Upsample and the first Resize, Softmax over flattened axes, and
 * batch normalisation's dropped attributes. A model of opset 13 or later is returned as it is.
 *
 * Source: the operators' changelog, onnx/docs/Changelog.md.
 *
 * @throws ModelError `MODEL_UNSUPPORTED` for an operator whose change is not known here
 */
export function raiseOpset(model: OnnxModel, path: string): OnnxModel {
  if (model.opset >= MIN_OPSET) return model;
  const raiser = new Raiser(model, path);
  return { ...raiser.run(), opset: MIN_OPSET };
}

class Raiser {
  readonly #initializers: Map<string, OnnxTensor>;
  readonly #index: GraphIndex;
  #made = 0;

  constructor(
    private readonly model: OnnxModel,
    private readonly path: string,
  ) {
    this.#initializers = new Map(model.graph.initializers);
    this.#index = new GraphIndex(model.graph);
  }

  run(): OnnxModel {
    const nodes = this.model.graph.nodes.flatMap((node) => this.#raise(node));
    return withGraph(this.model, { nodes, initializers: this.#initializers });
  }

  #constant(tensor: OnnxTensor): string {
    const name = `raised_${this.#made++}`;
    this.#initializers.set(name, tensor);
    return name;
  }

  /** An `ints` attribute moved to an input. */
  #toInput(node: OnnxNode, attribute: string, position: number): OnnxNode {
    const value = node.attributes[attribute];
    if (value?.kind !== 'ints') return node;
    const inputs = [...node.inputs];
    while (inputs.length < position) inputs.push('');
    inputs[position] = this.#constant(int64s(...value.value));
    return { ...node, inputs, attributes: without(node.attributes, attribute) };
  }

  #raise(node: OnnxNode): OnnxNode | OnnxNode[] {
    const { opset } = this.model;
    switch (node.opType) {
      case 'Split':
        return this.#toInput(node, 'split', 1);
      case 'Squeeze':
      case 'Unsqueeze':
      case 'ReduceSum':
        return this.#toInput(node, 'axes', 1);
      case 'Softmax':
      case 'LogSoftmax':
      case 'Hardmax':
        return this.#softmax(node);
      case 'Clip':
        return opset < 11 ? this.#clip(node) : node;
      case 'Pad':
        return opset < 11 ? this.#pad(node) : node;
      case 'Slice':
        return opset < 10 ? this.#slice(node) : node;
      case 'Upsample':
        return this.#upsample(node);
      case 'Resize':
        return opset < 11 ? this.#oldResize(node) : this.#resize(node);
      case 'Dropout':
        return { ...node, inputs: node.inputs.slice(0, 1), attributes: {} };
      case 'BatchNormalization':
        return { ...node, attributes: without(node.attributes, 'spatial') };
      default:
        return this.#unchanged(node);
    }
  }

  #unchanged(node: OnnxNode): OnnxNode {
    const from = VALID_FROM.get(node.opType);
    if (from !== undefined && this.model.opset < from) this.#refuse(node, 'its form changed since');
    return node;
  }

  #refuse(node: OnnxNode, why: string): never {
    throw unfit(this.path, `${node.opType} ${node.name} can't be raised to opset ${MIN_OPSET}: ${why}`, {
      hint: `Export the model again with opset ${MIN_OPSET} or later.`,
    });
  }

  /** Up to opset 12 the axes from `axis` on were flattened; the same where `axis` is the last. */
  #softmax(node: OnnxNode): OnnxNode[] {
    const axis = intOf(node, 'axis', 1);
    const [x, y] = [node.inputs[0]!, node.outputs[0]!];
    if (axis === -1 || this.#rankOf(x) === axis + 1) {
      return [{ ...node, attributes: { ...node.attributes, axis: int(-1) } }];
    }
    const names = ['shape', 'flat', 'done'].map((part) => `${y}_${part}`);
    const at = (opType: string, inputs: string[], output: string, attributes = {}): OnnxNode => ({
      name: output,
      opType,
      inputs,
      outputs: [output],
      attributes,
    });
    return [
      at('Shape', [x], names[0]!),
      at('Flatten', [x], names[1]!, { axis: int(axis) }),
      at(node.opType, [names[1]!], names[2]!, { axis: int(-1) }),
      at('Reshape', [names[2]!, names[0]!], y),
    ];
  }

  /** Where a transpose or a reshape to a constant shape right before says it. */
  #rankOf(name: string): number | null {
    const node = this.#index.producers.get(name);
    if (node?.opType === 'Transpose') return intsOf(node, 'perm').length || null;
    if (node?.opType === 'Reshape') return this.#index.constant(node.inputs[1])?.dims[0] ?? null;
    const input = this.model.graph.inputs.find((value) => value.name === name);
    return input ? input.dims.length : null;
  }

  #clip(node: OnnxNode): OnnxNode {
    const scalar = (name: 'min' | 'max'): string => {
      const value = node.attributes[name];
      return value?.kind === 'float'
        ? this.#constant({ type: 'float32', dims: [], data: Float32Array.of(value.value) })
        : '';
    };
    const inputs = [node.inputs[0]!, scalar('min'), scalar('max')];
    while (inputs.at(-1) === '') inputs.pop();
    return { ...node, inputs, attributes: {} };
  }

  #pad(node: OnnxNode): OnnxNode {
    const pads = this.#constant(int64s(...intsOf(node, 'pads')));
    const value = node.attributes['value'];
    const filler = {
      type: 'float32',
      dims: [],
      data: Float32Array.of(value?.kind === 'float' ? value.value : 0),
    } as const;
    return {
      ...node,
      inputs: [node.inputs[0]!, pads, this.#constant(filler)],
      attributes: without(node.attributes, 'pads', 'value'),
    };
  }

  #slice(node: OnnxNode): OnnxNode {
    const starts = intsOf(node, 'starts');
    const axes = intsOf(node, 'axes', [...starts.keys()]);
    const inputs = [starts, intsOf(node, 'ends'), axes].map((values) => this.#constant(int64s(...values)));
    return { ...node, inputs: [node.inputs[0]!, ...inputs], attributes: {} };
  }

  #upsample(node: OnnxNode): OnnxNode {
    const scales = node.attributes['scales'];
    const input =
      scales?.kind === 'floats'
        ? this.#constant({
            type: 'float32',
            dims: [scales.value.length],
            data: Float32Array.from(scales.value),
          })
        : node.inputs[1];
    if (input === undefined) this.#refuse(node, 'it has no scales');
    return this.#asymmetric({ ...node, opType: 'Resize', inputs: [node.inputs[0]!, '', input] });
  }

  #oldResize(node: OnnxNode): OnnxNode {
    return this.#asymmetric({ ...node, inputs: [node.inputs[0]!, '', node.inputs[1]!] });
  }

  /** Before opset 11 pixels were mapped by plain division, and the nearest was the one before. */
  #asymmetric(node: OnnxNode): OnnxNode {
    const mode = node.attributes['mode'];
    const text = (value: string): OnnxAttribute => ({ kind: 'string', value });
    return {
      ...node,
      attributes: {
        mode: mode ?? text('nearest'),
        coordinate_transformation_mode: text('asymmetric'),
        nearest_mode: text('floor'),
      },
    };
  }

  #resize(node: OnnxNode): OnnxNode {
    const mode = node.attributes['coordinate_transformation_mode'];
    if (mode?.kind === 'string' && mode.value === 'tf_half_pixel_for_nn') {
      this.#refuse(node, 'tf_half_pixel_for_nn was removed');
    }
    return node;
  }
}

function without(
  attributes: Readonly<Record<string, OnnxAttribute>>,
  ...names: readonly string[]
): Record<string, OnnxAttribute> {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => !names.includes(name)));
}
