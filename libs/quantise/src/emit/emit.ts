import type { OnnxModel, OnnxNode, OnnxTensor } from '@hazure/models';
import { dropUnused, int } from '@hazure/models';
import { withGraph } from '../graph/graph.js';
import { dataInputs, outputAxis } from '../plan/operators.js';
import type { Plan, QuantiseTarget } from '../plan/plan.js';
import type { Quantisation } from '../ranges/quantiser.js';
import { leastScaleFor, quantiseBias, quantiseWeights } from './weights.js';

export interface EmitOptions {
  readonly target: QuantiseTarget;
  /** 7 where two products must fit 16 bits. */
  readonly weightBits: 7 | 8;
  /** Of every tensor of the plan. */
  readonly quantisationOf: (tensor: string) => Quantisation;
  /** Corrections that are added to the biases of weighted nodes, by node name. */
  readonly biasShifts?: ReadonlyMap<string, Float32Array>;
}

export interface EmittedModel {
  readonly model: OnnxModel;
  /** Name under which the emitted graph holds what the source calls by this name, as floats. */
  readonly nameOf: (tensor: string) => string;
  /** Weighted nodes whose weights lay on a per-tensor grid, which was kept. */
  readonly gridsKept: number;
}

/**
 * Writes a plan into a graph as QuantizeLinear and DequantizeLinear pairs (QDQ), the form that ONNX Runtime fuses into
 * integer kernels and TensorRT into int8 engines: a pair behind each quantised tensor, int8 weights and int32 biases behind
 * a DequantizeLinear of their own.
 */
export function emitQdq(model: OnnxModel, plan: Plan, options: EmitOptions): EmittedModel {
  return new Emitter(model, plan, options).run();
}

class Emitter {
  readonly #initializers: Map<string, OnnxTensor>;
  readonly #nodes: OnnxNode[] = [];
  readonly #integerMade = new Set<string>();
  #gridsKept = 0;

  constructor(
    private readonly model: OnnxModel,
    private readonly plan: Plan,
    private readonly options: EmitOptions,
  ) {
    this.#initializers = new Map(model.graph.initializers);
    for (const node of plan.integer) {
      if (options.target === 'tensorrt') break;
      for (const name of node.outputs) {
        if (plan.tensors.has(name)) this.#integerMade.add(name);
        // a clip between the node and its quantised result
        for (const reader of plan.index.consumers(name)) {
          const result = reader.outputs[0]!;
          if (!plan.tensors.has(name) && !plan.integer.has(reader) && plan.tensors.has(result)) {
            this.#integerMade.add(result);
          }
        }
      }
    }
  }

  run(): EmittedModel {
    const { graph } = this.model;
    for (const { name } of graph.inputs) this.#pairBehind(name);
    for (const node of graph.nodes) {
      const inputs = node.inputs.map((name, i) => this.#inputOf(node, name, i));
      const outputs = node.outputs.map((name) => this.#rawName(name));
      const rewritten = this.plan.weighted.has(node) ? this.#withWeights(node, inputs) : { ...node, inputs };
      this.#nodes.push({ ...rewritten, outputs });
      for (const name of node.outputs) this.#pairBehind(name);
    }
    const nodes = this.#nodes;
    return {
      model: withGraph(this.model, dropUnused({ ...graph, nodes, initializers: this.#initializers })),
      nameOf: (tensor) => (this.#integerMade.has(tensor) ? this.#dequantised(tensor) : tensor),
      gridsKept: this.#gridsKept,
    };
  }

  #inputOf(node: OnnxNode, name: string, position: number): string {
    if (!this.plan.tensors.has(name)) return name;
    const { target } = this.options;
    const reads = this.plan.integer.has(node)
      ? dataInputs(node).includes(name) && (position === 0 || !this.plan.weighted.has(node))
      : target === 'tensorrt' && node.opType === 'Add';
    return reads || this.#integerMade.has(name) ? this.#dequantised(name) : name;
  }

  /** What a node's output is called before it is rounded; an output of the graph keeps its name for the rounded one. */
  #rawName(name: string): string {
    return this.#integerMade.has(name) && this.plan.index.outputs.has(name) ? `${name}_exact` : name;
  }

  #dequantised(name: string): string {
    return this.#rawName(name) === name ? `${name}_dq` : name;
  }

  #pairBehind(name: string): void {
    if (!this.plan.tensors.has(name)) return;
    const { type, scale, zeroPoint } = this.options.quantisationOf(name);
    const parameters = this.#parameters(name, type, Float32Array.of(scale), zeroPoint);
    this.#push('QuantizeLinear', [this.#rawName(name), ...parameters], `${name}_q`);
    this.#push('DequantizeLinear', [`${name}_q`, ...parameters], this.#dequantised(name));
  }

  /** Names of scale and zero point; one value is a scalar. */
  #parameters(
    name: string,
    type: 'uint8' | 'int8' | 'int32',
    scales: Float32Array,
    zeroPoint: number,
  ): string[] {
    const dims = scales.length === 1 ? [] : [scales.length];
    const count = scales.length;
    const zeros = { uint8: Uint8Array, int8: Int8Array, int32: Int32Array }[type];
    this.#initializers.set(`${name}_scale`, { type: 'float32', dims, data: scales });
    this.#initializers.set(`${name}_zero`, { type, dims, data: new zeros(count).fill(zeroPoint) });
    return [`${name}_scale`, `${name}_zero`];
  }

  #push(opType: string, inputs: readonly string[], output: string, axis?: number): void {
    const attributes = axis === undefined ? {} : { axis: int(axis) };
    this.#nodes.push({ name: `${output}_${opType}`, opType, inputs, outputs: [output], attributes });
  }

  #withWeights(node: OnnxNode, inputs: readonly string[]): OnnxNode {
    const { index } = this.plan;
    const weights = index.constant(node.inputs[1])!;
    const axis = outputAxis(node);
    const input = this.options.quantisationOf(node.inputs[0]!);
    const bias = this.#biasOf(node, weights.dims[axis]!);
    const { data, scales, gridKept } = quantiseWeights(
      weights.data as Float32Array,
      { dims: weights.dims, axis },
      this.options.weightBits,
      (channel) => (bias ? leastScaleFor(bias[channel]!, input.scale) : 0),
    );
    if (gridKept) this.#gridsKept++;
    const name = `${node.outputs[0]}_weight`;
    this.#initializers.set(`${name}_q`, { type: 'int8', dims: weights.dims, data });
    const parameters = this.#parameters(name, 'int8', scales, 0);
    const perChannel = scales.length === 1 ? undefined : axis;
    this.#push('DequantizeLinear', [`${name}_q`, ...parameters], `${name}_dq`, perChannel);
    const others = [`${name}_dq`];
    if (bias && node.opType !== 'MatMul') others.push(this.#bias(node, bias, input.scale, scales));
    return { ...node, inputs: [inputs[0]!, ...others] };
  }

  #biasOf(node: OnnxNode, channels: number): Float32Array | null {
    const own = node.inputs[2] ? this.plan.index.constant(node.inputs[2])!.data : null;
    const shift = this.options.biasShifts?.get(node.name);
    if (!own && (!shift || node.opType === 'MatMul')) return null;
    return Float32Array.from({ length: channels }, (_, c) => Number(own?.[c] ?? 0) + (shift?.[c] ?? 0));
  }

  /** On a CPU an int32 of scale x × scale w; TensorRT wants it in floats. */
  #bias(node: OnnxNode, bias: Float32Array, inputScale: number, scales: Float32Array): string {
    const name = `${node.outputs[0]}_bias`;
    if (this.options.target === 'tensorrt') {
      this.#initializers.set(name, { type: 'float32', dims: [bias.length], data: bias });
      return name;
    }
    const data = quantiseBias(bias, inputScale, scales);
    this.#initializers.set(`${name}_q`, { type: 'int32', dims: [bias.length], data });
    const products = scales.map((scale) => inputScale * scale);
    const parameters = this.#parameters(name, 'int32', products, 0);
    const perChannel = products.length === 1 ? undefined : 0;
    this.#push('DequantizeLinear', [`${name}_q`, ...parameters], `${name}_dq`, perChannel);
    return `${name}_dq`;
  }
}
