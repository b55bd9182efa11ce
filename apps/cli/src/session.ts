import type { Logger } from '@hazure/contracts';
import { silentProgress, systemClock, type Session, type Watching } from '@hazure/hazure';
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

/** What the library tells the console, and how the console stops it. */
export function watching({ logger, progress, signal }: Session): Required<Watching> {
  return {
    logger,
    signal,
    onProgress: ({ finished, ...event }) =>
      finished ? progress.finish(event.stage) : progress.update(event),
  };
}
