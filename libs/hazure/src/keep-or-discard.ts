import { InputError, InterruptedError, messageOf, type Logger, type RunFolder } from '@hazure/contracts';

/**
 * A run that fails before its first shard is finished leaves nothing; from then on whatever was finished is kept for
 * `--resume`, whatever the failure: nobody can tell from an error that hours of work are worth nothing. The first
 * failure is the one that is thrown: what goes wrong while tidying up is only said.
 */
export async function keepOrDiscard<T>(
  session: { readonly logger: Logger; readonly signal: AbortSignal },
  folder: RunFolder,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await tidyUp(session.logger, folder);
    throw stopped(session.signal, error) ? new InterruptedError(undefined, { cause: error }) : error;
  }
}

async function tidyUp(logger: Logger, folder: RunFolder): Promise<void> {
  const { shards, path } = folder;
  const kept = shards.finished.length + shards.damaged.length > 0;
  try {
    if (kept) await folder.release();
    else await folder.discard();
  } catch (error) {
    logger.warn(`${path} could not be ${kept ? 'given free' : 'removed'}: ${messageOf(error)}`);
  }
  if (kept) logger.warn(`What was finished is kept in ${path}; --resume goes on from there.`);
}

/** Work that is broken off fails in many ways, all of them one interrupt; a full disk is one of its own. */
function stopped(signal: AbortSignal, error: unknown): boolean {
  const own = error instanceof InterruptedError || error instanceof InputError;
  return signal.aborted && !own;
}
