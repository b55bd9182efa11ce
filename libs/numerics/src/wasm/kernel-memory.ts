import { webAssembly } from './webassembly.js';
import type { WasmModule } from './webassembly.js';

const PAGE_BYTES = 65536;

/**
 * Linear memory of kernels, handed out front to back. Views taken before a `reserve` that grows the memory are
 * dead, so take views after the last `reserve`.
 */
export class KernelMemory {
  private readonly memory = new webAssembly.Memory({ initial: 1 });
  private readonly instances = new Map<WasmModule, Readonly<Record<string, unknown>>>();
  private usedBytes = 0;

  /** Frees everything that was reserved. */
  reset(): void {
    this.usedBytes = 0;
  }

  /** Address of `bytes` fresh bytes, aligned to 64; their content is undefined. */
  reserve(bytes: number): number {
    const address = this.usedBytes;
    this.usedBytes = Math.ceil((address + bytes) / 64) * 64;
    const missing = this.usedBytes - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE_BYTES));
    return address;
  }

  /** Exports of a kernel module over this memory. */
  exportsOf(module: WasmModule): Readonly<Record<string, unknown>> {
    const known = this.instances.get(module);
    if (known !== undefined) return known;
    const { exports } = new webAssembly.Instance(module, { env: { memory: this.memory } });
    this.instances.set(module, exports);
    return exports;
  }

  float32(address: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, length);
  }

  float64(address: number, length: number): Float64Array {
    return new Float64Array(this.memory.buffer, address, length);
  }

  int32(address: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, length);
  }
}

const idle: KernelMemory[] = [];

/**
 * Lends a kernel memory for one computation. Memories are kept for the next one: each takes gigabytes of
 * address space for its guard pages, which garbage collection returns too late.
 */
export function withKernelMemory<T>(use: (memory: KernelMemory) => T): T {
  const memory = idle.pop() ?? new KernelMemory();
  memory.reset();
  try {
    return use(memory);
  } finally {
    idle.push(memory);
  }
}
