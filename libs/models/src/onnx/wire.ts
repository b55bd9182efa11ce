import type { FileHandle } from 'node:fs/promises';

const WINDOW_BYTES = 64 * 1024;
/** No string or shape in a model header is this long; a larger one means the file is no protobuf. */
const MAX_SMALL_FIELD_BYTES = 16 * 1024 * 1024;

export class WireError extends Error {}

/** One protobuf field: its number, and where its payload lies in the file. */
export interface WireField {
  readonly id: number;
  /** 0 varint, 1 fixed64, 2 length-delimited, 5 fixed32. */
  readonly wireType: number;
  /** Value of a varint field (exact up to 2^53), 0 otherwise. */
  readonly varint: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Steps over the fields of a protobuf message inside a file without reading their payloads, so that the header
 * of a model of gigabytes costs a few reads. Wire format: protobuf.dev/programming-guides/encoding.
 */
export class WireReader {
  #window = new Uint8Array(0);
  #windowStart = 0;

  constructor(
    private readonly file: FileHandle,
    private readonly fileBytes: number,
  ) {}

  async *fields(start: number, end: number): AsyncGenerator<WireField> {
    let position = start;
    while (position < end) {
      const [tag, afterTag] = await this.#varint(position, end);
      const id = Math.floor(tag / 8);
      const wireType = tag % 8;
      if (id === 0) throw new WireError(`field number 0 at byte ${position}`);
      let varint = 0;
      let payload = afterTag;
      let next: number;
      if (wireType === 0) {
        [varint, next] = await this.#varint(afterTag, end);
      } else if (wireType === 1) {
        next = afterTag + 8;
      } else if (wireType === 5) {
        next = afterTag + 4;
      } else if (wireType === 2) {
        const [length, afterLength] = await this.#varint(afterTag, end);
        payload = afterLength;
        next = afterLength + length;
      } else {
        throw new WireError(`wire type ${wireType} at byte ${position}`);
      }
      if (next > end) throw new WireError(`field at byte ${position} runs past its message`);
      yield { id, wireType, varint, start: payload, end: next };
      position = next;
    }
  }

  /** The payload of a length-delimited field. */
  async bytes(field: WireField): Promise<Uint8Array> {
    const length = field.end - field.start;
    if (field.wireType !== 2 || length > MAX_SMALL_FIELD_BYTES) {
      throw new WireError(`field ${field.id} at byte ${field.start} has ${length} bytes`);
    }
    await this.#cover(field.start, length);
    const offset = field.start - this.#windowStart;
    return this.#window.slice(offset, offset + length);
  }

  async string(field: WireField): Promise<string> {
    return new TextDecoder().decode(await this.bytes(field));
  }

  async #varint(position: number, end: number): Promise<[value: number, next: number]> {
    let value = 0;
    let weight = 1;
    for (let i = 0; i < 10; i++) {
      if (position + i >= end) throw new WireError(`varint at byte ${position} is cut off`);
      await this.#cover(position + i, 1);
      const byte = this.#window[position + i - this.#windowStart]!;
      value += (byte & 0x7f) * weight;
      weight *= 128;
      if (byte < 0x80) return [value, position + i + 1];
    }
    throw new WireError(`varint at byte ${position} has more than 10 bytes`);
  }

  async #cover(start: number, length: number): Promise<void> {
    if (start >= this.#windowStart && start + length <= this.#windowStart + this.#window.length) return;
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), this.fileBytes - start);
    if (wanted < length) throw new WireError(`byte ${start} lies past the end of the file`);
    const buffer = new Uint8Array(wanted);
    let filled = 0;
    while (filled < wanted) {
      const { bytesRead } = await this.file.read(buffer, filled, wanted - filled, start + filled);
      if (bytesRead === 0) throw new WireError(`the file ends at byte ${start + filled}`);
      filled += bytesRead;
    }
    this.#window = buffer;
    this.#windowStart = start;
  }
}
