import { permute } from '../tfjs/tensor.js';
import type { OnnxGraph, OnnxNode, OnnxTensor } from './model.js';
import { int, intOf, ints, intsOf } from './model.js';

/** A tensor seen through a transpose that has not been made: axis i is axis `perm[i]` of `base`. */
interface View {
  readonly base: string;
  /** null: the base itself. */
  readonly perm: readonly number[] | null;
}

const ELEMENTWISE = new Set(['LeakyRelu', 'Sigmoid', 'Identity']);

/**
 * Removes transposes by carrying them down the graph: operators without a layout of their own (elementwise,
 * Add, Pad, Concat, Split) run on the untransposed tensor, and a transpose is made only where an operator
 * needs its layout or a graph output shows it. Results are unchanged bit for bit: no sum is reordered.
 */
export function cancelTransposes(graph: OnnxGraph): OnnxGraph {
  return new TransposeCanceller(graph).run();
}

class TransposeCanceller {
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers: Map<string, OnnxTensor>;
  readonly #views = new Map<string, View>();
  readonly #materialised = new Map<string, string>();

  constructor(private readonly graph: OnnxGraph) {
    this.#initializers = new Map(graph.initializers);
  }

  run(): OnnxGraph {
    for (const node of this.graph.nodes) this.#visit(node);
    const nodes = this.graph.outputs.map((output): OnnxNode =>
      this.#outputNode(output.name, this.#views.get(output.name) ?? view(output.name)),
    );
    return dropUnused({
      ...this.graph,
      nodes: [...this.#nodes, ...nodes.filter((node) => node.inputs[0] !== node.outputs[0])],
      initializers: this.#initializers,
    });
  }

  #visit(node: OnnxNode): void {
    const inputs = node.inputs.map((name) => this.#views.get(name) ?? view(name));
    const x = inputs[0]!;
    if (node.opType === 'Transpose') {
      const perm = intsOf(node, 'perm');
      this.#see(node.outputs[0]!, x.base, x.perm ? perm.map((axis) => x.perm![axis]!) : perm);
      return;
    }
    if (node.opType === 'Identity') {
      this.#see(node.outputs[0]!, x.base, x.perm);
      return;
    }
    const perm = inputs.find((input) => input.perm)?.perm ?? null;
    const rewritten = perm ? this.#carry(node, inputs, perm) : null;
    if (rewritten) {
      const outputs = node.outputs.map((name) => `${name}_base`);
      this.#nodes.push({ ...rewritten, outputs });
      node.outputs.forEach((name, i) => this.#see(name, outputs[i]!, perm));
    } else {
      this.#nodes.push({ ...node, inputs: inputs.map((input) => this.#materialise(input)) });
    }
  }

  /** The node as it runs below the transpose `perm`, or null where it can't. */
  #carry(node: OnnxNode, inputs: readonly View[], perm: readonly number[]): OnnxNode | null {
    const same = (input: View): boolean => input.perm?.join() === perm.join();
    switch (node.opType) {
      case 'Add': {
        const names = inputs.map((input) =>
          same(input) ? input.base : this.#permutedConstant(input.base, perm),
        );
        return names.includes(null) ? null : { ...node, inputs: names as string[] };
      }
      case 'Concat':
      case 'Split': {
        const moved = node.opType === 'Split' ? inputs.slice(0, 1) : inputs;
        if (!moved.every(same)) return null;
        const axis = perm[intOf(node, 'axis', 0)]!;
        const names = [...moved.map((input) => input.base), ...node.inputs.slice(moved.length)];
        return { ...node, inputs: names, attributes: { ...node.attributes, axis: int(axis) } };
      }
      case 'Pad': {
        const pads = this.#initializers.get(node.inputs[1]!);
        if (!pads || pads.type !== 'int64') return null;
        const moved = new BigInt64Array(pads.data.length);
        perm.forEach((axis, i) => {
          moved[axis] = pads.data[i] as bigint;
          moved[axis + perm.length] = pads.data[i + perm.length] as bigint;
        });
        const name = `${node.name}_pads`;
        this.#initializers.set(name, { ...pads, data: moved });
        return { ...node, inputs: [inputs[0]!.base, name, ...node.inputs.slice(2)] };
      }
      default:
        return ELEMENTWISE.has(node.opType) ? { ...node, inputs: [inputs[0]!.base] } : null;
    }
  }

  /** A broadcast constant in the axes of the base, or null when `name` is no float constant. */
  #permutedConstant(name: string, perm: readonly number[]): string | null {
    const constant = this.#initializers.get(name);
    if (!constant || !(constant.data instanceof Float32Array)) return null;
    const dims = [...Array<number>(perm.length - constant.dims.length).fill(1), ...constant.dims];
    const inverse = perm.map((_, axis) => perm.indexOf(axis));
    const moved = permute(constant.data, dims, inverse);
    const made = `${name}_${inverse.join('')}`;
    this.#initializers.set(made, { type: 'float32', ...moved });
    return made;
  }

  #see(name: string, base: string, perm: readonly number[] | null): void {
    const identity = perm?.every((axis, i) => axis === i) ?? true;
    this.#views.set(name, { base, perm: identity ? null : perm });
  }

  #materialise({ base, perm }: View): string {
    if (!perm) return base;
    const key = `${base}_${perm.join('')}`;
    const known = this.#materialised.get(key);
    if (known) return known;
    this.#nodes.push({
      name: key,
      opType: 'Transpose',
      inputs: [base],
      outputs: [key],
      attributes: { perm: ints(perm) },
    });
    this.#materialised.set(key, key);
    return key;
  }

  #outputNode(name: string, { base, perm }: View): OnnxNode {
    return {
      name: `output_${name}`,
      opType: perm ? 'Transpose' : 'Identity',
      inputs: [base],
      outputs: [name],
      attributes: perm ? { perm: ints(perm) } : {},
    };
  }
}

const view = (base: string): View => ({ base, perm: null });

/** The graph without nodes and initializers that no output depends on. */
export function dropUnused(graph: OnnxGraph): OnnxGraph {
  const used = new Set(graph.outputs.map((output) => output.name));
  const nodes: OnnxNode[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((name) => used.has(name))) continue;
    nodes.push(node);
    for (const name of node.inputs) used.add(name);
  }
  return {
    ...graph,
    nodes: nodes.reverse(),
    initializers: new Map([...graph.initializers].filter(([name]) => used.has(name))),
  };
}
