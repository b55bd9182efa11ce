import type { Logger } from '@hazure/contracts';
import { silentProgress, type Session } from '@hazure/hazure';
import { systemClock } from './console/clock.js';
import { interruptSignal } from './console/interrupt.js';
import { LineProgress, TerminalProgress } from './console/progress.js';

export type { Session };

/** A session of one invocation of the command line, which listens for Ctrl-C until it is released. */
export interface CommandSession extends Session {
  release(): void;
}

export function createSession(options: { readonly logger: Logger; readonly quiet: boolean }): CommandSession {
  const { logger, quiet } = options;
  const interrupt = interruptSignal(() =>
    logger.warn('Finishing the batch in hand; press Ctrl-C again to stop at once.'),
  );
  const progress = quiet
    ? silentProgress
    : process.stderr.isTTY
      ? new TerminalProgress(systemClock)
      : new LineProgress(systemClock, logger);
  return { clock: systemClock, logger, progress, signal: interrupt.signal, release: interrupt.release };
}
