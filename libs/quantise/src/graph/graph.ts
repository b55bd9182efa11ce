import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from '@hazure/models';
import { dropUnused } from '@hazure/models';

/** Who makes and who reads each tensor of a graph. */
export class GraphIndex {
  readonly producers = new Map<string, OnnxNode>();
  readonly #consumers = new Map<string, OnnxNode[]>();
  readonly outputs: ReadonlySet<string>;

  constructor(readonly graph: OnnxGraph) {
    for (const node of graph.nodes) {
      for (const name of node.outputs) if (name !== '') this.producers.set(name, node);
      for (const name of new Set(node.inputs)) {
        if (name === '') continue;
        const readers = this.#consumers.get(name);
        if (readers) readers.push(node);
        else this.#consumers.set(name, [node]);
      }
    }
    this.outputs = new Set(graph.outputs.map(({ name }) => name));
  }

  consumers(name: string): readonly OnnxNode[] {
    return this.#consumers.get(name) ?? [];
  }

  constant(name: string | undefined): OnnxTensor | undefined {
    return name === undefined ? undefined : this.graph.initializers.get(name);
  }

  /** The only reader of a tensor that is no output of the graph, or undefined. */
  onlyConsumer(name: string): OnnxNode | undefined {
    const readers = this.consumers(name);
    return readers.length === 1 && !this.outputs.has(name) ? readers[0] : undefined;
  }
}

/** Values of a small integer constant (axes, sizes, starts). */
export function integers(tensor: OnnxTensor): number[] {
  return Array.from(tensor.data, Number);
}

export function int64s(...values: readonly number[]): OnnxTensor {
  return { type: 'int64', dims: [values.length], data: BigInt64Array.from(values, (value) => BigInt(value)) };
}

export function withGraph(model: OnnxModel, graph: Partial<OnnxGraph>): OnnxModel {
  return { ...model, graph: { ...model.graph, ...graph } };
}

/** The model with these tensors as outputs as well, and nothing that no output needs. */
export function withOutputs(model: OnnxModel, names: readonly string[], only = false): OnnxModel {
  const there = only ? [] : model.graph.outputs;
  const extra = names
    .filter((name) => !there.some((output) => output.name === name))
    .map(
      (name): OnnxValue =>
        model.graph.outputs.find((output) => output.name === name) ?? {
          name,
          type: 'float32',
          dims: [],
          unranked: true,
        },
    );
  return { ...model, graph: dropUnused({ ...model.graph, outputs: [...there, ...extra] }) };
}
