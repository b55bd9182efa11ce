import { open, readFile } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { HazureError, ModelError, messageOf } from '@hazure/contracts';
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxTensorData } from './model.js';
import { ATTRIBUTE_TYPE, DATA_TYPE, ModelProto } from './schema.js';
import { onnxValue, type ValueMessage } from './value.js';

interface LongLike {
  readonly low: number;
  readonly high: number;
}
type Int64 = number | LongLike;
interface TensorMessage {
  readonly name: string;
  readonly dims: readonly Int64[];
  readonly dataType: number;
  readonly floatData: readonly number[];
  readonly int32Data: readonly number[];
  readonly int64Data: readonly Int64[];
  readonly doubleData: readonly number[];
  readonly rawData: Uint8Array;
  readonly externalData: readonly { readonly key: string; readonly value: string }[];
  readonly dataLocation: number;
}
interface AttributeMessage {
  readonly name: string;
  readonly type: number;
  readonly f: number;
  readonly i: Int64;
  readonly s: Uint8Array;
  readonly t: TensorMessage | null;
  readonly floats: readonly number[];
  readonly ints: readonly Int64[];
  readonly strings: readonly Uint8Array[];
}
interface NodeMessage {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly AttributeMessage[];
}
interface ModelMessage {
  readonly producerName: string;
  readonly opsetImport: readonly { readonly domain: string; readonly version: Int64 }[];
  readonly metadataProps: readonly { readonly key: string; readonly value: string }[];
  readonly functions: readonly Uint8Array[];
  readonly graph: {
    readonly name: string;
    readonly node: readonly NodeMessage[];
    readonly initializer: readonly TensorMessage[];
    readonly input: readonly ValueMessage[];
    readonly output: readonly ValueMessage[];
  } | null;
}

/** Fetches the bytes of a tensor that lies outside the model file. */
type External = (tensor: TensorMessage, byteLength: number) => Uint8Array;

/** DataLocation.EXTERNAL */
const EXTERNAL = 1;
const TYPE_NAMES = new Map<number, OnnxTensor['type']>(
  Object.entries(DATA_TYPE).map(([name, id]) => [id, name as OnnxTensor['type']]),
);
const BYTES_PER_ELEMENT: Readonly<Record<OnnxTensor['type'], number>> = {
  float32: 4,
  float64: 8,
  int32: 4,
  int64: 8,
  float16: 2,
  uint8: 1,
  int8: 1,
  bool: 1,
};

/**
 * Reads a whole .onnx file, weights and all: those inside it and those in files beside it (external data). Shapes of
 * inner tensors (`value_info`) and documentation strings are left out; a graph says the same without them.
 *
 * @param path of the .onnx file
 * @throws ModelError `MODEL_MISSING` when there is no such file or one with its weights is missing, `MODEL_INVALID`
 *   when it is no ONNX model, `MODEL_UNSUPPORTED` when it holds subgraphs (If, Loop, Scan), functions of its own,
 *   sparse tensors, or weights of a type that hazure does not know
 */
export async function readOnnx(path: string): Promise<OnnxModel> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new ModelError('MODEL_MISSING', `Expected an ONNX model at ${path}: ${messageOf(cause)}`, {
      hint: 'Give the path of an .onnx file, or a registry name from `hazure models list`.',
      cause,
    });
  });
  const message = decode(bytes, path);
  const outside = await readExternal(message, path);
  return convert(message, path, outside);
}

/** The same for bytes in memory, which can have no external data. */
export function decodeOnnx(bytes: Uint8Array, name = 'the model'): OnnxModel {
  return convert(decode(bytes, name), name, (tensor) => {
    throw unsupported(name, `the weights ${tensor.name} lie in another file`);
  });
}

function decode(bytes: Uint8Array, path: string): ModelMessage {
  try {
    const message = ModelProto.decode(bytes) as unknown as ModelMessage;
    if (!message.graph || message.graph.output.length === 0) throw new Error('it holds no graph');
    return message;
  } catch (cause) {
    throw new ModelError('MODEL_INVALID', `Expected an ONNX model in ${path}, but ${messageOf(cause)}`, {
      hint: 'The file is damaged or of another format; export it to ONNX again or download it again.',
      cause,
    });
  }
}

function convert(message: ModelMessage, path: string, external: External): OnnxModel {
  if (message.functions.length > 0) throw unsupported(path, 'it defines functions of its own');
  const graph = message.graph!;
  const opsets = Object.fromEntries(
    message.opsetImport.map(({ domain, version }) => [
      domain === 'ai.onnx' ? '' : domain,
      Number(long(version)),
    ]),
  );
  const { '': opset = 1, ...otherOpsets } = opsets;
  const context = { path, external };
  return {
    opset,
    ...(Object.keys(otherOpsets).length > 0 ? { otherOpsets } : {}),
    producerName: message.producerName,
    metadata: Object.fromEntries(message.metadataProps.map(({ key, value }) => [key, value])),
    graph: readGraph(graph, context),
  };
}

interface Context {
  readonly path: string;
  readonly external: External;
}

function readGraph(graph: NonNullable<ModelMessage['graph']>, context: Context): OnnxGraph {
  const initializers = new Map(graph.initializer.map((each) => [each.name, readTensor(each, context)]));
  return {
    name: graph.name,
    nodes: graph.node.map((node) => readNode(node, context)),
    initializers,
    // Before IR version 4 every initializer was an input, too, so that a caller could replace it; nobody does.
    inputs: graph.input.filter(({ name }) => !initializers.has(name)).map(onnxValue),
    outputs: graph.output.map(onnxValue),
  };
}

function readNode(node: NodeMessage, context: Context): OnnxNode {
  const domain = node.domain === 'ai.onnx' ? '' : node.domain;
  return {
    name: node.name,
    opType: node.opType,
    ...(domain ? { domain } : {}),
    inputs: [...node.input],
    outputs: [...node.output],
    attributes: Object.fromEntries(
      node.attribute.map((each) => [each.name, readAttribute(node, each, context)]),
    ),
  };
}

function readAttribute(node: NodeMessage, attribute: AttributeMessage, context: Context): OnnxAttribute {
  const where = `attribute ${attribute.name} of ${node.opType} ${node.name}`;
  switch (attribute.type) {
    case ATTRIBUTE_TYPE.int:
      return { kind: 'int', value: Number(long(attribute.i)) };
    case ATTRIBUTE_TYPE.float:
      return { kind: 'float', value: attribute.f };
    case ATTRIBUTE_TYPE.string:
      return { kind: 'string', value: new TextDecoder().decode(attribute.s) };
    case ATTRIBUTE_TYPE.ints:
      return { kind: 'ints', value: attribute.ints.map((value) => Number(long(value))) };
    case ATTRIBUTE_TYPE.floats:
      return { kind: 'floats', value: [...attribute.floats] };
    case ATTRIBUTE_TYPE.strings:
      return { kind: 'strings', value: attribute.strings.map((each) => new TextDecoder().decode(each)) };
    case ATTRIBUTE_TYPE.tensor:
      return { kind: 'tensor', value: readTensor(attribute.t!, context) };
    case ATTRIBUTE_TYPE.graph:
    case ATTRIBUTE_TYPE.graphs:
      throw unsupported(context.path, `${node.opType} ${node.name} holds a graph of its own (control flow)`);
    default:
      throw unsupported(context.path, `${where} is of type ${attribute.type}`);
  }
}

/** @throws ModelError for a type that hazure does not know, or a length that contradicts the shape */
function readTensor(tensor: TensorMessage, { path, external }: Context): OnnxTensor {
  const type = TYPE_NAMES.get(tensor.dataType);
  if (!type) throw unsupported(path, `the weights ${tensor.name} are of data type ${tensor.dataType}`);
  const dims = tensor.dims.map((dim) => Number(long(dim)));
  const count = dims.reduce((product, dim) => product * dim, 1);
  const byteLength = count * BYTES_PER_ELEMENT[type];
  const raw = tensor.dataLocation === EXTERNAL ? external(tensor, byteLength) : tensor.rawData;
  const data = raw.length > 0 || count === 0 ? fromRaw(type, raw) : fromFields(type, tensor);
  if (data.length !== count) {
    throw new ModelError(
      'MODEL_INVALID',
      `${path}: expected ${count} values in ${tensor.name} [${dims.join(', ')}], came ${data.length}`,
      { hint: 'The file is damaged; export it to ONNX again or download it again.' },
    );
  }
  return { type, dims, data };
}

/** ONNX raw data is little-endian, as are typed arrays on every platform Node.js runs on. */
function fromRaw(type: OnnxTensor['type'], raw: Uint8Array): OnnxTensorData {
  // copied: the bytes need not be aligned
  const bytes = new Uint8Array(raw.length - (raw.length % BYTES_PER_ELEMENT[type]));
  bytes.set(raw.length === bytes.length ? raw : raw.subarray(0, bytes.length));
  const whole = bytes.buffer;
  switch (type) {
    case 'float32':
      return new Float32Array(whole);
    case 'float64':
      return new Float64Array(whole);
    case 'int32':
      return new Int32Array(whole);
    case 'int64':
      return new BigInt64Array(whole);
    case 'float16':
      return new Uint16Array(whole);
    case 'int8':
      return new Int8Array(whole);
    default:
      return new Uint8Array(whole);
  }
}

function fromFields(type: OnnxTensor['type'], tensor: TensorMessage): OnnxTensorData {
  switch (type) {
    case 'float32':
      return Float32Array.from(tensor.floatData);
    case 'float64':
      return Float64Array.from(tensor.doubleData);
    case 'int64':
      return BigInt64Array.from(tensor.int64Data, long);
    case 'int32':
      return Int32Array.from(tensor.int32Data);
    case 'float16':
      return Uint16Array.from(tensor.int32Data);
    case 'int8':
      return Int8Array.from(tensor.int32Data);
    default:
      return Uint8Array.from(tensor.int32Data);
  }
}

function long(value: Int64): bigint {
  if (typeof value === 'number') return BigInt(value);
  return (BigInt(value.high | 0) << 32n) | BigInt(value.low >>> 0);
}

/** Reads what lies in files beside the model, each tensor once. */
async function readExternal(message: ModelMessage, path: string): Promise<External> {
  const folder = dirname(resolve(path));
  const found = new Map<TensorMessage, Uint8Array>();
  const attributes = message.graph!.node.flatMap(({ attribute }) =>
    attribute.flatMap(({ t }) => (t ? [t] : [])),
  );
  for (const tensor of [...message.graph!.initializer, ...attributes]) {
    if (tensor.dataLocation !== EXTERNAL) continue;
    const entry = Object.fromEntries(tensor.externalData.map(({ key, value }) => [key, value]));
    const name = entry['location'] ?? '';
    const file = resolve(folder, name);
    const below = relative(folder, file);
    // Nothing outside its folder is a model's business.
    if (name === '' || isAbsolute(name) || below.startsWith('..') || isAbsolute(below)) {
      throw unsupported(path, `its weights lie in ${name}, outside its own folder`);
    }
    const length = entry['length'] === undefined ? null : Number(entry['length']);
    found.set(tensor, await readPart(file, Number(entry['offset'] ?? 0), length, path));
  }
  return (tensor, byteLength) => {
    const bytes = found.get(tensor)!;
    return bytes.length > byteLength ? bytes.subarray(0, byteLength) : bytes;
  };
}

async function readPart(
  file: string,
  offset: number,
  length: number | null,
  path: string,
): Promise<Uint8Array> {
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw new ModelError('MODEL_MISSING', `${path} keeps its weights in ${file}: ${messageOf(cause)}`, {
      hint: 'Copy the file with the weights beside the .onnx file.',
      cause,
    });
  });
  try {
    const { size } = await handle.stat();
    const bytes = length ?? size - offset;
    if (!(offset >= 0 && bytes >= 0 && offset + bytes <= size)) {
      throw new ModelError(
        'MODEL_INVALID',
        `${path}: expected ${bytes} bytes at ${offset} of ${file}, which has ${size}`,
        { hint: 'The file with the weights is not the one that belongs to the model, or is cut off.' },
      );
    }
    const data = new Uint8Array(bytes);
    for (let filled = 0; filled < bytes;) {
      const { bytesRead } = await handle.read(data, filled, bytes - filled, offset + filled);
      if (bytesRead === 0) throw new Error(`${file} ends at byte ${offset + filled}`);
      filled += bytesRead;
    }
    return data;
  } catch (cause) {
    if (cause instanceof HazureError) throw cause;
    throw new ModelError('MODEL_INVALID', `${path}: ${messageOf(cause)}`, { cause });
  } finally {
    await handle.close();
  }
}

function unsupported(path: string, reason: string): ModelError {
  return new ModelError('MODEL_UNSUPPORTED', `${path} can't be rewritten: ${reason}`, {
    hint: 'Export the model again without it (for control flow: with a fixed shape, traced instead of scripted).',
  });
}
