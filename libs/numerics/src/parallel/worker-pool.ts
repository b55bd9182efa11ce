import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { ConfigError, HazureError, messageOf } from '@hazure/contracts';
import type { TaskMessage, TaskReply } from './worker.js';

/** A function that workers can call: an export of a module file, taking and returning cloneable values. */
export interface TaskFunction {
  /** `file:` URL of the compiled module. */
  readonly module: string;
  readonly name: string;
}

/**
 * Where a room's compiled task module lies, seen from its sources (tests) or from its build.
 * importMetaUrl: `import.meta.url` of a file in the root of the room's sources.
 */
export function taskModule(importMetaUrl: string, file: string): string {
  const fromSources = importMetaUrl.endsWith('.ts');
  return new URL(fromSources ? `../dist/${file}.js` : `./${file}.js`, importMetaUrl).href;
}

interface PendingTask {
  readonly message: TaskMessage;
  readonly transfer: readonly ArrayBuffer[];
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Member {
  readonly worker: Worker;
  task: PendingTask | null;
}

/** Worker threads that run one task each at a time, in the order asked. Idle workers keep no process alive. */
export class WorkerPool {
  private readonly members = new Set<Member>();
  private readonly queue: PendingTask[] = [];
  private nextId = 0;

  constructor(readonly threads: number = availableParallelism()) {}

  /** `transfer`: buffers in `args` that move to the worker instead of being copied. */
  run<T>(task: TaskFunction, args: unknown, transfer: readonly ArrayBuffer[] = []): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const message = { id: this.nextId++, ...task, args };
      this.queue.push({ message, transfer, resolve: resolve as (result: unknown) => void, reject });
      this.dispatch();
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.members].map(({ worker }) => worker.terminate()));
  }

  private dispatch(): void {
    while (this.queue.length > 0) {
      const idle = [...this.members].find((member) => member.task === null) ?? this.spawn();
      if (idle === undefined) return;
      const task = this.queue.shift() as PendingTask;
      idle.task = task;
      idle.worker.ref();
      try {
        idle.worker.postMessage(task.message, [...task.transfer]);
      } catch (error) {
        this.settle(idle, () => task.reject(error));
      }
    }
  }

  private spawn(): Member | undefined {
    if (this.members.size >= this.threads) return undefined;
    const root = import.meta.url.endsWith('.ts') ? '../../dist/parallel/worker.js' : './worker.js';
    // Flags of this process (test runners, loaders, --eval input types) are not for the workers.
    const worker = new Worker(new URL(root, import.meta.url), { execArgv: [] });
    const member: Member = { worker, task: null };
    this.members.add(member);
    worker.on('message', (reply: TaskReply) => {
      const { task } = member;
      this.settle(member, () => (reply.ok ? task?.resolve(reply.result) : task?.reject(reply.error)));
    });
    worker.on('error', (error) => this.lose(member, error));
    worker.on('exit', (code) => this.lose(member, new Error(`exit code ${code}`)));
    return member;
  }

  private settle(member: Member, report: () => void): void {
    report();
    member.task = null;
    member.worker.unref();
    this.dispatch();
  }

  private lose(member: Member, cause: Error): void {
    this.members.delete(member);
    member.task?.reject(
      new HazureError('INTERNAL', `a worker thread ended during its task: ${messageOf(cause)}`, {
        cause,
        hint: 'Memory may have run out; try fewer threads.',
      }),
    );
    member.task = null;
    this.dispatch();
  }
}

const sharedPools = new Map<number, WorkerPool>();

/** The pool of this size that all rooms of the process share. Default: one worker per usable core. */
export function sharedPool(threads = availableParallelism()): WorkerPool {
  if (!Number.isInteger(threads) || threads < 1 || threads > 1024) {
    throw new ConfigError(`threads: expected a whole number in 1…1024, got ${threads}`);
  }
  const pool = sharedPools.get(threads) ?? new WorkerPool(threads);
  sharedPools.set(threads, pool);
  return pool;
}

/** Below this many operations (some 20 ms) starting threads costs more than it gains. */
export const MIN_PARALLEL_OPERATIONS = 5e7;
