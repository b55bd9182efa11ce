import { parentPort } from 'node:worker_threads';
import { transferablesOf } from './transfer.js';

/** What the pool sends: call the export `name` of `module` with `args`. */
export interface TaskMessage {
  readonly id: number;
  readonly module: string;
  readonly name: string;
  readonly args: unknown;
}

export type TaskReply =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly id: number; readonly ok: false; readonly error: unknown };

parentPort?.on('message', async ({ id, module, name, args }: TaskMessage) => {
  try {
    const exported = ((await import(module)) as Record<string, unknown>)[name];
    if (typeof exported !== 'function') throw new TypeError(`${module} exports no function '${name}'`);
    const result: unknown = await exported(args);
    parentPort?.postMessage({ id, ok: true, result } satisfies TaskReply, transferablesOf(result));
  } catch (error) {
    parentPort?.postMessage({ id, ok: false, error } satisfies TaskReply);
  }
});
