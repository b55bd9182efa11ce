import os from 'node:os';
import type { DeviceMemory, MemoryProbe } from '@hazure/contracts';

/** The part of the native engine that a probe needs. */
export interface MemorySource {
  memory(): readonly DeviceMemory[];
}

/** Host (cgroup limits respected, reclaimable page cache counted as free) and CUDA devices, by the native engine. */
export function engineMemoryProbe(engine: MemorySource): MemoryProbe {
  return { probe: () => Promise.resolve([...engine.memory()]) };
}

/**
 * The host alone, by Node: for applications without the addon. Inside a container libuv counts the page cache as
 * used, so the free bytes are a lower bound there.
 */
export function hostMemoryProbe(): MemoryProbe {
  return {
    probe: () => {
      const limit = process.constrainedMemory();
      // libuv answers 0, or a number beyond all RAM, where there is no limit.
      const totalBytes = limit > 0 ? Math.min(limit, os.totalmem()) : os.totalmem();
      const freeBytes = Math.min(process.availableMemory?.() ?? os.freemem(), totalBytes);
      return Promise.resolve([{ device: 'host', totalBytes, freeBytes }]);
    },
  };
}
