/**
 * A growing region of shared WebAssembly memory. Kernels and typed arrays see the same bytes; allocations are
 * 64-byte aligned and never freed one by one: the memory goes as a whole, or back to a mark.
 */
const PAGE_BYTES = 65536;
/** 4 GiB, all that a 32-bit pointer reaches. */
const MAX_PAGES = 65536;

export class Arena {
  readonly memory: WebAssembly.Memory;
  private top: number;

  constructor(memory?: WebAssembly.Memory, top = PAGE_BYTES) {
    this.memory = memory ?? new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES, shared: true });
    this.top = top;
  }

  get mark(): number {
    return this.top;
  }

  /** Bytes in use. */
  get bytes(): number {
    return this.top;
  }

  /** Gives back everything allocated since `mark`. */
  release(mark: number): void {
    this.top = mark;
  }

  /** Address of `bytes` fresh bytes; not cleared. @throws RangeError past 4 GiB */
  allocate(bytes: number): number {
    const pointer = this.top;
    const top = Math.ceil((pointer + bytes) / 64) * 64;
    const missing = top - this.memory.buffer.byteLength;
    if (top > MAX_PAGES * PAGE_BYTES) {
      throw new RangeError(`${Math.round(top / 2 ** 20)} MiB asked of a memory of 4096 MiB`);
    }
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.top = top;
    return pointer;
  }
}

export const floats = (memory: WebAssembly.Memory, pointer: number, length: number): Float32Array =>
  new Float32Array(memory.buffer, pointer, length);
export const doubles = (memory: WebAssembly.Memory, pointer: number, length: number): Float64Array =>
  new Float64Array(memory.buffer, pointer, length);
export const integers = (memory: WebAssembly.Memory, pointer: number, length: number): Int32Array =>
  new Int32Array(memory.buffer, pointer, length);
