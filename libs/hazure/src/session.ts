import type { Clock, Logger, ProgressSink } from '@hazure/contracts';

/** What the phases of one run share: a clock, a log, progress and the wish to stop. */
export interface Session {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly progress: ProgressSink;
  readonly signal: AbortSignal;
}

export const silentProgress: ProgressSink = { update: () => undefined, finish: () => undefined };
