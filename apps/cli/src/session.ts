import type { Clock, Logger, ProgressSink } from '@hazure/contracts';
import { systemClock } from './console/clock.js';
import { interruptSignal } from './console/interrupt.js';
import { LineProgress, TerminalProgress, silentProgress } from './console/progress.js';

/** What one invocation of the command line shares: clock, log, progress and the wish to stop. */
export interface Session {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly progress: ProgressSink;
  readonly signal: AbortSignal;
  release(): void;
}

export function createSession(options: { readonly logger: Logger; readonly quiet: boolean }): Session {
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
