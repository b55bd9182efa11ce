import { z } from 'zod';
import { ModelError } from '@hazure/contracts';
import type { TfjsTensor } from './tensor.js';
import { float16ToNumber, sizeOf } from './tensor.js';

const weightSchema = z.object({
  name: z.string(),
  shape: z.array(z.number().int().nonnegative()),
  dtype: z.string(),
  quantization: z
    .object({ dtype: z.string(), min: z.number().optional(), scale: z.number().optional() })
    .optional(),
});

const attributeSchema = z.object({
  i: z.union([z.string(), z.number()]).optional(),
  f: z.number().optional(),
  b: z.boolean().optional(),
  s: z.string().optional(),
  list: z.object({ i: z.array(z.union([z.string(), z.number()])).optional() }).optional(),
  shape: z
    .object({ dim: z.array(z.object({ size: z.union([z.string(), z.number()]).optional() })).optional() })
    .optional(),
});

/** The part of TensorFlow.js's model.json that a frozen inference graph needs. */
const modelSchema = z.object({
  format: z.literal('graph-model').optional(),
  modelTopology: z.object({
    node: z.array(
      z.object({
        name: z.string(),
        op: z.string(),
        input: z.array(z.string()).optional(),
        attr: z.record(z.string(), attributeSchema.loose()).optional(),
      }),
    ),
  }),
  weightsManifest: z.array(z.object({ paths: z.array(z.string()), weights: z.array(weightSchema) })),
  signature: z
    .object({
      inputs: z.record(z.string(), z.object({ name: z.string() })).optional(),
      outputs: z.record(z.string(), z.object({ name: z.string() })).optional(),
    })
    .optional(),
});

export type TfjsAttribute = z.infer<typeof attributeSchema>;

/** Output `index` of the node `node`. */
export interface TfjsReference {
  readonly node: string;
  readonly index: number;
}

export interface TfjsNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly TfjsReference[];
  readonly attributes: Readonly<Record<string, TfjsAttribute>>;
}

export interface TfjsGraph {
  /** In topological order. */
  readonly nodes: readonly TfjsNode[];
  readonly constants: ReadonlyMap<string, TfjsTensor>;
  /** The signature's outputs, or every node that no other node reads. */
  readonly outputs: readonly TfjsReference[];
}

/**
 * Reads a TensorFlow.js graph model.
 *
 * @param modelJson parsed `model.json`
 * @param weightBytes the files of `weightsManifest[].paths`, joined in their order
 * @throws ModelError `MODEL_INVALID` when the two don't fit together
 */
export function parseTfjsGraph(modelJson: unknown, weightBytes: Uint8Array): TfjsGraph {
  const parsed = modelSchema.safeParse(modelJson);
  if (!parsed.success) {
    throw invalid(`the JSON is no graph model: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`);
  }
  const { modelTopology, weightsManifest, signature } = parsed.data;
  const constants = decodeWeights(
    weightsManifest.flatMap((group) => group.weights),
    weightBytes,
  );
  const nodes = modelTopology.node.map((node): TfjsNode => ({
    name: node.name,
    op: node.op,
    // `^name` only orders execution; a frozen inference graph has no side effects to order.
    inputs: (node.input ?? []).filter((name) => !name.startsWith('^')).map(referenceOf),
    attributes: node.attr ?? {},
  }));
  const read = new Set(nodes.flatMap((node) => node.inputs.map((input) => input.node)));
  const named = Object.values(signature?.outputs ?? {}).map((output) => referenceOf(output.name));
  const outputs =
    named.length > 0
      ? named
      : nodes.filter((node) => !read.has(node.name)).map((node) => ({ node: node.name, index: 0 }));
  return { nodes: sortTopologically(nodes), constants, outputs };
}

function referenceOf(name: string): TfjsReference {
  const colon = name.lastIndexOf(':');
  return colon < 0
    ? { node: name, index: 0 }
    : { node: name.slice(0, colon), index: Number(name.slice(colon + 1)) };
}

function sortTopologically(nodes: readonly TfjsNode[]): TfjsNode[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const sorted: TfjsNode[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (node: TfjsNode): void => {
    if (state.get(node.name) === 'done') return;
    if (state.get(node.name) === 'open') throw invalid(`node ${node.name} depends on itself`);
    state.set(node.name, 'open');
    for (const input of node.inputs) {
      const source = byName.get(input.node);
      if (!source) throw invalid(`node ${node.name} reads ${input.node}, which is not in the graph`);
      visit(source);
    }
    state.set(node.name, 'done');
    sorted.push(node);
  };
  nodes.forEach(visit);
  return sorted;
}

function decodeWeights(
  specs: readonly z.infer<typeof weightSchema>[],
  bytes: Uint8Array,
): Map<string, TfjsTensor> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const constants = new Map<string, TfjsTensor>();
  let offset = 0;
  for (const spec of specs) {
    const stored = spec.quantization?.dtype ?? spec.dtype;
    const width = WIDTH_BYTES[stored];
    if (width === undefined) throw invalid(`weight ${spec.name} has the unsupported type ${stored}`);
    const length = sizeOf(spec.shape);
    if (offset + length * width > bytes.length) {
      throw invalid(`expected at least ${offset + length * width} bytes of weights, came ${bytes.length}`);
    }
    const { min = 0, scale = 1 } = spec.quantization ?? {};
    const data = spec.dtype === 'float32' ? new Float32Array(length) : new Int32Array(length);
    for (let i = 0; i < length; i++) {
      const raw = readElement(view, offset + i * width, stored);
      data[i] = stored === 'uint8' || stored === 'uint16' ? raw * scale + min : raw;
    }
    constants.set(spec.name, { dims: spec.shape, data });
    offset += length * width;
  }
  if (offset !== bytes.length) {
    throw invalid(`expected ${offset} bytes of weights, came ${bytes.length}`);
  }
  return constants;
}

const WIDTH_BYTES: Readonly<Record<string, number>> = {
  float32: 4,
  int32: 4,
  float16: 2,
  uint16: 2,
  uint8: 1,
  bool: 1,
};

function readElement(view: DataView, offset: number, type: string): number {
  switch (type) {
    case 'float32':
      return view.getFloat32(offset, true);
    case 'int32':
      return view.getInt32(offset, true);
    case 'float16':
      return float16ToNumber(view.getUint16(offset, true));
    case 'uint16':
      return view.getUint16(offset, true);
    default:
      return view.getUint8(offset);
  }
}

function invalid(reason: string): ModelError {
  return new ModelError('MODEL_INVALID', `Expected a TensorFlow.js graph model, but ${reason}`, {
    hint: 'Give model.json and all of its weight files, joined in the order that the manifest lists them.',
  });
}
