/** Entry of a worker thread: runs programs as the crew names them. */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '@hazure/contracts';
import type { Reply } from './crew.js';
import { instantiateKernels } from './kernels.js';
import { programs, type ProgramName } from './programs.js';
import { Team } from './team.js';

interface Job {
  readonly program: ProgramName;
  readonly memory: WebAssembly.Memory;
  readonly memoryId: number;
  readonly params: never;
}

const { id, threads, module, control } = workerData as {
  id: number;
  threads: number;
  module: WebAssembly.Module;
  control: Int32Array;
};
const port = parentPort;
if (!port) throw new Error('worker.js runs as a worker thread only');
const reply = (kind: Reply['kind'], value?: unknown): void =>
  port.postMessage({ kind, id, value } satisfies Reply);

let team: Team | null = null;
let current = -1;
port.on('message', ({ program, memory, memoryId, params }: Job) => {
  try {
    if (team === null || current !== memoryId) {
      current = memoryId;
      team = new Team(id, threads, instantiateKernels(module, memory), memory, control, (value) =>
        reply('report', value),
      );
    }
    reply('done', programs[program](team, params));
  } catch (error) {
    // The other threads may wait at a barrier; the crew ends them when it hears this.
    reply('failed', error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
  }
});
