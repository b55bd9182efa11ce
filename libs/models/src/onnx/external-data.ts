import { FIELD, StringStringEntryProto } from './schema.js';
import type { WireField, WireReader } from './wire.js';
import { WireError } from './wire.js';

/** A file beside the model that holds weights of it. */
export interface ExternalFile {
  /** As the graph names it: relative to the model's folder, not yet checked. */
  readonly location: string;
  /** How far into it the graph reads; the file has at least this many bytes. */
  readonly endBytes: number;
}

/** TensorProto.DataLocation */
const EXTERNAL = 1;
/** Subgraphs in subgraphs: deeper than any exporter nests them means a file made to exhaust the stack. */
const MAX_DEPTH = 64;

/**
 * Collects the weight files that a graph names. Format: onnx.proto3, TensorProto.external_data (keys `location`,
 * `offset`, `length`), wherever tensors stand: initializers, attributes of nodes, subgraphs.
 */
export class ExternalData {
  readonly #endByLocation = new Map<string, number>();

  constructor(private readonly reader: WireReader) {}

  files(): ExternalFile[] {
    return [...this.#endByLocation]
      .map(([location, endBytes]) => ({ location, endBytes }))
      .sort((a, b) => (a.location < b.location ? -1 : 1));
  }

  /** Steps over a TensorProto. @returns its name */
  async tensor(field: WireField): Promise<string> {
    const entries = new Map<string, string>();
    let name = '';
    let location = 0;
    for await (const part of this.reader.fields(field.start, field.end)) {
      if (part.id === FIELD.tensor.name) name = await this.reader.string(part);
      else if (part.id === FIELD.tensor.dataLocation) location = part.varint;
      else if (part.id === FIELD.tensor.externalData) {
        const entry = StringStringEntryProto.decode(await this.reader.bytes(part)) as unknown as {
          key: string;
          value: string;
        };
        entries.set(entry.key, entry.value);
      }
    }
    if (location === EXTERNAL) this.#add(name, entries);
    return name;
  }

  async sparse(field: WireField): Promise<void> {
    for await (const part of this.reader.fields(field.start, field.end)) {
      if (part.id === FIELD.sparseTensor.values || part.id === FIELD.sparseTensor.indices)
        await this.tensor(part);
    }
  }

  async attribute(field: WireField, depth = 0): Promise<void> {
    for await (const part of this.reader.fields(field.start, field.end)) {
      const { attribute } = FIELD;
      if (part.wireType !== 2) continue;
      if (part.id === attribute.tensor || part.id === attribute.tensors) await this.tensor(part);
      else if (part.id === attribute.sparseTensor || part.id === attribute.sparseTensors)
        await this.sparse(part);
      else if (part.id === attribute.graph || part.id === attribute.graphs)
        await this.#graph(part, depth + 1);
    }
  }

  async #graph(field: WireField, depth: number): Promise<void> {
    if (depth > MAX_DEPTH) throw new WireError(`its graphs are nested more than ${MAX_DEPTH} deep`);
    for await (const part of this.reader.fields(field.start, field.end)) {
      if (part.id === FIELD.graph.initializer) await this.tensor(part);
      else if (part.id === FIELD.graph.sparseInitializer) await this.sparse(part);
      else if (part.id === FIELD.graph.node) {
        for await (const inner of this.reader.fields(part.start, part.end)) {
          if (inner.id === FIELD.node.attribute) await this.attribute(inner, depth);
        }
      }
    }
  }

  #add(name: string, entries: ReadonlyMap<string, string>): void {
    const location = entries.get('location');
    if (location === undefined || location === '')
      throw new WireError(`the weights ${name} lie in another file that it does not name`);
    const [offset, length] = ['offset', 'length'].map((key) => Number(entries.get(key) ?? 0));
    if (![offset, length].every((value) => Number.isSafeInteger(value) && value! >= 0))
      throw new WireError(`the weights ${name} lie at ${entries.get('offset')}, ${entries.get('length')}`);
    const end = Math.max(this.#endByLocation.get(location) ?? 0, offset! + length!);
    this.#endByLocation.set(location, end);
  }
}
