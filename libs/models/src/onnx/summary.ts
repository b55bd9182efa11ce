import { open } from 'node:fs/promises';
import { HazureError, ModelError, messageOf } from '@hazure/contracts';
import type { OnnxValue } from './model.js';
import { AttributeProto, FIELD, StringStringEntryProto, ValueInfoProto } from './schema.js';
import { onnxValue, type ValueMessage } from './value.js';
import type { WireField } from './wire.js';
import { ExternalData, type ExternalFile } from './external-data.js';
import { WireError, WireReader } from './wire.js';

export type { ExternalFile };

/** One operation of the graph; of its attributes, those that say how it moves over an image. */
export interface OnnxStep {
  readonly opType: string;
  readonly inputs: readonly string[];
  /** Of a convolution or a pooling that names them; 1 a side where it doesn't. */
  readonly strides?: readonly number[];
}

/** What an .onnx file says about itself, weights aside. */
export interface OnnxSummary {
  readonly producerName: string;
  /** Version of the default operator set; 0 when the file names none. */
  readonly opset: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Graph inputs that are not initializers. */
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** How many nodes of each operator type. */
  readonly opTypes: ReadonlyMap<string, number>;
  /** Operator type that makes each graph output. */
  readonly producers: ReadonlyMap<string, string>;
  /** The operation behind each value of the main graph. */
  readonly steps: ReadonlyMap<string, OnnxStep>;
  /** Weight files that initializers and constants name, subgraphs included; in the order of their names. */
  readonly externalFiles: readonly ExternalFile[];
  readonly fileBytes: number;
}

/**
 * Reads the header of an .onnx file: a few reads of 64 KiB whatever the size of its weights.
 *
 * @throws ModelError `MODEL_MISSING` when there is no such file, `MODEL_INVALID` when it is no ONNX model.
 */
export async function summarizeOnnx(path: string): Promise<OnnxSummary> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new ModelError('MODEL_MISSING', `Expected an ONNX model at ${path}: ${messageOf(cause)}`, {
      hint: 'Give the path of an .onnx file, or a registry name from `hazure models list`.',
      cause,
    });
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new WireError('it is not a file');
    return await readModel(new WireReader(file, stats.size), stats.size);
  } catch (cause) {
    if (cause instanceof HazureError) throw cause;
    throw new ModelError('MODEL_INVALID', `Expected an ONNX model in ${path}, but ${messageOf(cause)}`, {
      hint: 'The file is damaged or of another format; export it to ONNX again or download it again.',
      cause,
    });
  } finally {
    await file.close();
  }
}

async function readModel(reader: WireReader, fileBytes: number): Promise<OnnxSummary> {
  const metadata: Record<string, string> = {};
  let producerName = '';
  let opset = 0;
  // A message that stands twice reads as one (a copy with parts appended): protobuf joins its repeated fields.
  const graphs: WireField[] = [];
  for await (const field of reader.fields(0, fileBytes)) {
    if (field.id === FIELD.model.graph && field.wireType === 2) graphs.push(field);
    else if (field.id === FIELD.model.producerName) producerName = await reader.string(field);
    else if (field.id === FIELD.model.opsetImport) opset = (await defaultOpset(reader, field)) ?? opset;
    else if (field.id === FIELD.model.metadataProps) {
      const entry = StringStringEntryProto.decode(await reader.bytes(field)) as unknown as {
        key: string;
        value: string;
      };
      metadata[entry.key] = entry.value;
    }
  }
  if (graphs.length === 0) throw new WireError('it holds no graph');
  return { producerName, opset, metadata, fileBytes, ...(await readGraph(reader, graphs)) };
}

async function defaultOpset(reader: WireReader, field: WireField): Promise<number | null> {
  let domain = '';
  let version = 0;
  for await (const part of reader.fields(field.start, field.end)) {
    if (part.id === FIELD.opset.domain) domain = await reader.string(part);
    if (part.id === FIELD.opset.version) version = part.varint;
  }
  return domain === '' || domain === 'ai.onnx' ? version : null;
}

type GraphSummary = Pick<
  OnnxSummary,
  'inputs' | 'outputs' | 'opTypes' | 'producers' | 'steps' | 'externalFiles'
>;

async function* fieldsOf(reader: WireReader, parts: readonly WireField[]): AsyncGenerator<WireField> {
  for (const part of parts) yield* reader.fields(part.start, part.end);
}

async function readGraph(reader: WireReader, graphs: readonly WireField[]): Promise<GraphSummary> {
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const initializers = new Set<string>();
  const opTypes = new Map<string, number>();
  const steps = new Map<string, OnnxStep>();
  const external = new ExternalData(reader);
  for await (const field of fieldsOf(reader, graphs)) {
    if (field.id === FIELD.graph.input) inputs.push(valueOf(await reader.bytes(field)));
    else if (field.id === FIELD.graph.output) outputs.push(valueOf(await reader.bytes(field)));
    else if (field.id === FIELD.graph.initializer) {
      initializers.add(await external.tensor(field));
    } else if (field.id === FIELD.graph.sparseInitializer) await external.sparse(field);
    else if (field.id === FIELD.graph.node) {
      let opType = '';
      const made: string[] = [];
      const taken: string[] = [];
      let strides: readonly number[] | undefined;
      for await (const part of reader.fields(field.start, field.end)) {
        if (part.id === FIELD.node.opType) opType = await reader.string(part);
        else if (part.id === FIELD.node.output) made.push(await reader.string(part));
        else if (part.id === FIELD.node.input) taken.push(await reader.string(part));
        else if (part.id === FIELD.node.attribute) {
          await external.attribute(part);
          strides = (await stridesOf(reader, part)) ?? strides;
        }
      }
      opTypes.set(opType, (opTypes.get(opType) ?? 0) + 1);
      const step = { opType, inputs: taken, ...(strides === undefined ? {} : { strides }) };
      for (const name of made) steps.set(name, step);
    }
  }
  if (outputs.length === 0) throw new WireError('its graph has no outputs');
  return {
    inputs: inputs.filter((value) => !initializers.has(value.name)),
    outputs,
    opTypes,
    producers: new Map(outputs.map((value) => [value.name, steps.get(value.name)?.opType ?? ''])),
    steps,
    externalFiles: external.files(),
  };
}

/** Longer attributes are tensors or graphs, never strides. */
const MAX_STRIDES_BYTES = 128;

async function stridesOf(reader: WireReader, field: WireField): Promise<readonly number[] | undefined> {
  if (field.end - field.start > MAX_STRIDES_BYTES) return undefined;
  const attribute = AttributeProto.toObject(AttributeProto.decode(await reader.bytes(field)), {
    longs: Number,
    arrays: true,
  }) as { name: string; ints: number[] };
  return attribute.name === 'strides' ? attribute.ints : undefined;
}

function valueOf(bytes: Uint8Array): OnnxValue {
  return onnxValue(ValueInfoProto.decode(bytes) as unknown as ValueMessage);
}
