import { setTimeout as sleep } from 'node:timers/promises';
import { HazureError, InputError, messageOf } from '@hazure/contracts';
import type { InputLimits } from './types.js';

/** Thrown by a try that another one can't mend. */
export class FinalError extends Error {}

/** A try that failed, with the pause that the server asks for before the next one. */
export class BusyError extends Error {
  constructor(
    message: string,
    readonly retryAfterMs: number | null,
  ) {
    super(message);
  }
}

export type RetryLimits = Pick<InputLimits, 'attempts' | 'pauseMs' | 'timeoutMs'>;

/** Longest pause that a server may ask for. */
const MOST_PAUSE_MS = 30_000;

/**
 * Tries a remote read until it succeeds, pausing twice as long each time, or as long as the server asks.
 *
 * @param what named in the error, e.g. the address
 * @throws InputError INPUT_UNREADABLE with the last reason; whatever a HazureError says at once
 */
export async function retried<T>(
  what: string,
  limits: RetryLimits,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof HazureError) throw error;
      if (tried >= limits.attempts || error instanceof FinalError) {
        throw new InputError(
          'INPUT_UNREADABLE',
          `Can't read ${what}: ${reason(error)}${tried > 1 ? ` (tried ${tried} times)` : ''}`,
          { cause: error, hint: 'Check that the address can be reached and read from this machine.' },
        );
      }
      const asked = error instanceof BusyError ? error.retryAfterMs : null;
      await sleep(Math.min(MOST_PAUSE_MS, asked ?? limits.pauseMs * 2 ** (tried - 1)), undefined, {
        ...(signal ? { signal } : {}),
      });
    }
  }
}

/** fetch hides what happened in the cause. */
function reason(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return messageOf(error) + cause;
}

/** Gives what a stream gives, and fails when it is silent for too long. */
export async function* withIdleLimit(
  source: AsyncIterable<Uint8Array>,
  timeoutMs: number,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer for ${timeoutMs / 1000} s`)), timeoutMs);
      });
      const next = await Promise.race([iterator.next(), silence]).finally(() => clearTimeout(timer));
      if (next.done) {
        ended = true;
        return;
      }
      yield next.value;
    }
  } finally {
    // not awaited: a silent source would hold up its own end
    if (!ended) void iterator.return?.()?.catch(() => undefined);
  }
}
