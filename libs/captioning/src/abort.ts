import { InterruptedError } from '@hazure/contracts';

/** Throws InterruptedError once the signal is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new InterruptedError('Captioning was interrupted');
}
