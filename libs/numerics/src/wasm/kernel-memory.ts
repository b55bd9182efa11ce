import { webAssembly } from './webassembly.js';

const PAGE_BYTES = 65536;

/**
 * Linear memory of one kernel instance, handed out front to back. `reset` frees all of it at once; views taken
 * before a `reserve` that grows the memory are dead, so take views after the last `reserve`.
 */
export class KernelMemory {
  readonly memory = new webAssembly.Memory({ initial: 1 });
  private usedBytes = 0;

  reset(): void {
    this.usedBytes = 0;
  }

  /** Address of `bytes` fresh bytes, aligned to 64. */
  reserve(bytes: number): number {
    const address = this.usedBytes;
    this.usedBytes = Math.ceil((address + bytes) / 64) * 64;
    const missing = this.usedBytes - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE_BYTES));
    return address;
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
