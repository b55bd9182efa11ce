import { EXIT } from '@hazure/contracts';

/**
 * First Ctrl-C (or SIGTERM): the returned signal aborts and the run finishes its batch and checkpoints.
 * Second: the process ends at once; every file is written under a temporary name, so nothing is torn.
 */
export function interruptSignal(onFirst: () => void): {
  readonly signal: AbortSignal;
  readonly release: () => void;
} {
  const controller = new AbortController();
  const handler = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort();
    onFirst();
  };
  process.on('SIGINT', handler);
  process.on('SIGTERM', handler);
  return {
    signal: controller.signal,
    release: () => {
      process.off('SIGINT', handler);
      process.off('SIGTERM', handler);
    },
  };
}
