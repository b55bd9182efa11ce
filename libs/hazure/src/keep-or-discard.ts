import { ConfigError, InputError, InterruptedError, type Logger, type RunFolder } from '@hazure/contracts';

/**
 * A run that can't succeed with these inputs leaves nothing; one that was stopped, or failed on the way, keeps its
 * finished shards for `--resume`. So does one whose disk filled up: that is no fault of its inputs, and what a
 * person makes room for should not have to be computed again.
 */
export async function keepOrDiscard<T>(
  session: { readonly logger: Logger; readonly signal: AbortSignal },
  folder: RunFolder,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isHopeless(error) || folder.shards.nextPosition === 0) await folder.discard();
    else {
      session.logger.warn(`What was finished is kept in ${folder.path}; --resume goes on from there.`);
      if (session.signal.aborted && !(error instanceof InterruptedError)) throw new InterruptedError();
    }
    throw error;
  }
}

/** Whether the same run would fail again however often it is resumed. */
function isHopeless(error: unknown): boolean {
  if (error instanceof ConfigError) return true;
  return error instanceof InputError && error.code !== 'OUTPUT_UNWRITABLE';
}
