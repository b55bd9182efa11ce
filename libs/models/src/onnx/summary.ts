import { open } from 'node:fs/promises';
import { HazureError, ModelError, messageOf } from '@hazure/contracts';
import type { OnnxValue } from './model.js';
import { FIELD, StringStringEntryProto, ValueInfoProto } from './schema.js';
import { onnxValue, type ValueMessage } from './value.js';
import type { WireField } from './wire.js';
import { ExternalData, type ExternalFile } from './external-data.js';
import { WireError, WireReader } from './wire.js';

export type { ExternalFile };

/** One operation of the graph, without its attributes. */
export interface OnnxStep {
  readonly opType: string;
  readonly inputs: readonly string[];
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
  let graph: WireField | null = null;
  for await (const field of reader.fields(0, fileBytes)) {
    if (field.id === FIELD.model.graph && field.wireType === 2) graph = field;
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
  if (graph === null) throw new WireError('it holds no graph');
  return { producerName, opset, metadata, fileBytes, ...(await readGraph(reader, graph)) };
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

async function readGraph(reader: WireReader, graph: WireField): Promise<GraphSummary> {
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const initializers = new Set<string>();
  const opTypes = new Map<string, number>();
  const steps = new Map<string, OnnxStep>();
  const external = new ExternalData(reader);
  for await (const field of reader.fields(graph.start, graph.end)) {
    if (field.id === FIELD.graph.input) inputs.push(valueOf(await reader.bytes(field)));
    else if (field.id === FIELD.graph.output) outputs.push(valueOf(await reader.bytes(field)));
    else if (field.id === FIELD.graph.initializer) {
      initializers.add(await external.tensor(field));
    } else if (field.id === FIELD.graph.sparseInitializer) await external.sparse(field);
    else if (field.id === FIELD.graph.node) {
      let opType = '';
      const made: string[] = [];
      const taken: string[] = [];
      for await (const part of reader.fields(field.start, field.end)) {
        if (part.id === FIELD.node.opType) opType = await reader.string(part);
        else if (part.id === FIELD.node.output) made.push(await reader.string(part));
        else if (part.id === FIELD.node.input) taken.push(await reader.string(part));
        else if (part.id === FIELD.node.attribute) await external.attribute(part);
      }
      opTypes.set(opType, (opTypes.get(opType) ?? 0) + 1);
      for (const name of made) steps.set(name, { opType, inputs: taken });
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

function valueOf(bytes: Uint8Array): OnnxValue {
  return onnxValue(ValueInfoProto.decode(bytes) as unknown as ValueMessage);
}
