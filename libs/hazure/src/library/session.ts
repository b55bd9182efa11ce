import { HazureError, InterruptedError, type Logger, type RunWarning } from '@hazure/contracts';
import { silentProgress, systemClock, type Session } from '../session.js';
import type { Watching } from './options.js';

const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** A session for one call of the library; what it warned of is kept for the result. */
export function openSession({ signal, onProgress, logger = silentLogger }: Watching): {
  readonly session: Session;
  readonly warnings: readonly RunWarning[];
} {
  const warnings: RunWarning[] = [];
  const listening: Logger = {
    debug: (message, fields) => logger.debug(message, fields),
    info: (message, fields) => logger.info(message, fields),
    warn: (message, fields) => {
      const code = (fields as { readonly code?: unknown } | undefined)?.code;
      warnings.push({ code: typeof code === 'string' ? code : 'NOTE', message });
      logger.warn(message, fields);
    },
    error: (message, fields) => logger.error(message, fields),
  };
  const session: Session = {
    clock: systemClock,
    logger: listening,
    progress: onProgress
      ? {
          update: (event) => onProgress(event),
          finish: (stage) => onProgress({ stage, done: 0, total: null, unit: '', finished: true }),
        }
      : silentProgress,
    signal: signal ?? new AbortController().signal,
    warnings,
  };
  return { session, warnings };
}

/** Whatever a wish to stop made fail on its way is told as that wish. */
export async function interruptible<T>({ signal }: Watching, work: () => Promise<T>): Promise<T> {
  try {
    signal?.throwIfAborted();
    return await work();
  } catch (cause) {
    if (signal?.aborted === true && !(cause instanceof HazureError))
      throw new InterruptedError('Interrupted', { cause });
    throw cause;
  }
}
