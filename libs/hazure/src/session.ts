import type { Clock, Logger, ProgressSink, RunWarning } from '@hazure/contracts';

/** What the phases of one run share: a clock, a log, progress and the wish to stop. */
export interface Session {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly progress: ProgressSink;
  readonly signal: AbortSignal;
  /** What was warned of so far, where the session keeps it: a run's files and report say it again. */
  readonly warnings?: readonly RunWarning[];
}

/** The machine's clock; results hang on it nowhere, only names and durations do. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
};

export const silentProgress: ProgressSink = { update: () => undefined, finish: () => undefined };
