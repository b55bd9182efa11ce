import {
  DeviceError,
  ERROR_CODES,
  HazureError,
  InputError,
  InterruptedError,
  ModelError,
  OutOfDeviceMemoryError,
} from '@hazure/contracts';
import type { ErrorCode, ErrorDetails } from '@hazure/contracts';

interface NativeError {
  readonly message: string;
  readonly code: ErrorCode;
  readonly hint: string;
  readonly items?: readonly number[];
}

function isNativeError(error: unknown): error is NativeError {
  const candidate = error as Partial<NativeError> | null;
  return (
    typeof candidate === 'object' &&
    candidate !== null &&
    typeof candidate.message === 'string' &&
    (ERROR_CODES as readonly unknown[]).includes(candidate.code)
  );
}

/**
 * The typed error for what the addon threw. Its stack is the caller's, the addon's error is its cause; what did not
 * come from the addon on purpose passes through unchanged.
 */
export function fromNative(error: unknown): unknown {
  if (error instanceof HazureError || !isNativeError(error)) return error;
  const { code, message, hint } = error;
  const details: ErrorDetails = hint === '' ? { cause: error } : { cause: error, hint };
  if (code === 'DEVICE_OUT_OF_MEMORY') return new OutOfDeviceMemoryError(message, details);
  if (code === 'INTERRUPTED') return new InterruptedError(message, details);
  if (code.startsWith('MODEL_')) return new ModelError(code, message, details);
  if (code.startsWith('INPUT_')) return new InputError(code, message, details);
  if (code.startsWith('DEVICE_') || code === 'ADDON_UNAVAILABLE')
    return new DeviceError(code, message, details);
  return new HazureError(code, message, details);
}

/**
 * Which items of a call an error of the engine's is about, where it is not about the call as a whole: the model gave NaN
 * for them, or their box lies outside their image. The others can be asked for again without them.
 *
 * @returns places in the call's list of images or regions, ascending; those that were found, there may be more
 */
export function itemsAtFault(error: unknown): readonly number[] | undefined {
  const raw = error instanceof HazureError ? error.cause : error;
  return isNativeError(raw) ? raw.items : undefined;
}

/** Runs a synchronous call of the addon. */
export function guarded<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNative(error);
  }
}

/** Runs an asynchronous call of the addon, which rejects for bad arguments, too. */
export async function guardedAsync<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw fromNative(error);
  }
}
