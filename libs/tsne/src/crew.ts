import { Worker } from 'node:worker_threads';
import { HazureError, InterruptedError } from '@hazure/contracts';
import { compileKernels } from './kernels.js';
import type { ProgramName, Programs } from './programs.js';
import { CONTROL } from './team.js';

const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? '../dist/worker.js' : './worker.js',
  import.meta.url,
);

export interface Reply {
  readonly kind: 'ready' | 'report' | 'done' | 'failed';
  readonly id: number;
  readonly value?: unknown;
}

/**
 * Worker threads that run one program together over shared memory, while the caller's event loop stays free.
 * The first thread's return value is the program's result.
 */
export class Crew {
  private readonly workers: Worker[] = [];
  private readonly control = new Int32Array(new SharedArrayBuffer(4 * CONTROL.length));
  private readonly memories: WebAssembly.Memory[] = [];
  private failure: Error | null = null;
  private listener: (reply: Reply) => void = () => undefined;
  private fail: (error: Error) => void = () => undefined;

  constructor(
    private readonly threads: number,
    private readonly signal?: AbortSignal,
  ) {
    const module = compileKernels();
    for (let id = 0; id < threads; id++) {
      const worker = new Worker(WORKER, {
        workerData: { id, threads, module, control: this.control },
        execArgv: [], // such as --input-type, which a file's worker refuses
      });
      worker.on('message', (reply: Reply) => this.listener(reply));
      worker.on('error', (error) => this.broke(error));
      worker.on('exit', (code) => {
        if (code !== 0) this.broke(new HazureError('INTERNAL', `A t-SNE thread ended with code ${code}`));
      });
      this.workers.push(worker);
    }
    signal?.addEventListener('abort', this.abort);
    if (signal?.aborted) this.abort();
  }

  private readonly abort = (): void => {
    Atomics.store(this.control, CONTROL.abort, 1);
  };

  private broke(error: Error): void {
    this.failure ??= error;
    this.fail(error);
  }

  /**
   * Runs a program on all threads.
   * @throws InterruptedError when the signal aborted before the program ended
   */
  async run<Name extends ProgramName>(
    program: Name,
    memory: WebAssembly.Memory,
    params: Parameters<Programs[Name]>[1],
    onReport: (value: unknown) => void = () => undefined,
  ): Promise<ReturnType<Programs[Name]>> {
    if (this.failure) throw this.failure;
    if (this.signal?.aborted) throw new InterruptedError('t-SNE was interrupted');
    const result = await new Promise((resolve, reject) => {
      let pending = this.threads;
      let lead: unknown;
      this.fail = reject;
      this.listener = (reply) => {
        if (reply.kind === 'report') onReport(reply.value);
        else if (reply.kind === 'failed') reject(new HazureError('INTERNAL', String(reply.value)));
        else if (reply.kind === 'done') {
          if (reply.id === 0) lead = reply.value;
          if (--pending === 0) resolve(lead);
        }
      };
      const memoryId = this.identify(memory);
      for (const worker of this.workers) worker.postMessage({ program, memory, memoryId, params });
    });
    if (this.signal?.aborted) throw new InterruptedError('t-SNE was interrupted');
    return result as ReturnType<Programs[Name]>;
  }

  /** Names a memory, so that a worker can tell whether it has seen it: clones have no identity. */
  private identify(memory: WebAssembly.Memory): number {
    if (!this.memories.includes(memory)) this.memories.push(memory);
    return this.memories.indexOf(memory);
  }

  async close(): Promise<void> {
    this.signal?.removeEventListener('abort', this.abort);
    for (const worker of this.workers) worker.removeAllListeners('exit');
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }
}
