/**
 * Permanent error codes. A code never changes its meaning once released; other programs match on it.
 */
export const ERROR_CODES = [
  'CONFIG_INVALID',
  'CONFIG_UNKNOWN_KEY',
  'INPUT_MISSING',
  'INPUT_EMPTY',
  'INPUT_UNREADABLE',
  'INPUT_INVALID',
  'OUTPUT_UNWRITABLE',
  'ARTIFACT_MISSING',
  'ARTIFACT_INVALID',
  'ARTIFACT_VERSION',
  /** Intermediate results of an unfinished run can't be used; resuming computes them again. */
  'SHARD_DAMAGED',
  'BASELINE_INVALID',
  'BASELINE_TOO_SMALL',
  'PRECISION_MISMATCH',
  'BASELINE_MISMATCH',
  'PERCENTILE_IMPLAUSIBLE',
  'FDR_UNRESOLVABLE',
  'MODEL_MISSING',
  'MODEL_INVALID',
  'MODEL_UNSUPPORTED',
  'MODEL_CHECKSUM',
  /** Two readings of a model file fit; only a declaration can tell. */
  'MODEL_AMBIGUOUS',
  /** A declaration says what the model file itself refutes. */
  'MODEL_CONTRADICTED',
  /** A model answered numbers that are none (NaN, infinity). */
  'MODEL_ANSWER_INVALID',
  'NETWORK_UNAVAILABLE',
  /** A part of a sharded run is not there, or not done. */
  'SHARD_MISSING',
  /** A part of a sharded run was made with other options, or cut in another number of parts. */
  'SHARD_CONFIG_MISMATCH',
  'SHARD_MODEL_MISMATCH',
  'SHARD_VERSION_MISMATCH',
  /** The images are not those that the first shard listed. */
  'SHARD_LIST_MISMATCH',
  'DEVICE_UNAVAILABLE',
  'DEVICE_FAILED',
  'DEVICE_OUT_OF_MEMORY',
  'ADDON_UNAVAILABLE',
  'CAPTION_FAILED',
  'INTERRUPTED',
  'INTERNAL',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Process exit codes of the command line (PRODUCT: 0 done, 1 failed, 2 usage, 3 partial, 130 interrupted). */
export const EXIT = { done: 0, failed: 1, usage: 2, partial: 3, interrupted: 130 } as const;

export interface ErrorDetails {
  /** What the user can do next, as one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * Base of every error that hazure throws on purpose: the message says what was expected and what came,
 * the hint says what to do next.
 */
export class HazureError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /** Exit code a command line should end with when this error reaches it. */
  readonly exitCode: number = EXIT.failed;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = details.hint;
  }
}

/** Wrong flags, config file or option values. */
export class ConfigError extends HazureError {
  override readonly exitCode = EXIT.usage;
  constructor(message: string, details: ErrorDetails & { code?: ErrorCode } = {}) {
    super(details.code ?? 'CONFIG_INVALID', message, details);
  }
}

/** Images, matrices, label files or folders that can't be used as they are; one that is not there is wrong usage. */
export class InputError extends HazureError {
  override readonly exitCode: number;
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(code, message, details);
    this.exitCode = code === 'INPUT_MISSING' ? EXIT.usage : EXIT.failed;
  }
}

/** A model file or its description is missing, damaged or of an unsupported kind. */
export class ModelError extends HazureError {}

/** One item of a call that a model answered with numbers that are none. */
export interface BadItem {
  /** Place in the call's list. */
  readonly index: number;
  readonly imageId: string;
  /** Corners in pixels of the image; null = the whole image. */
  readonly box: { readonly x1: number; readonly y1: number; readonly x2: number; readonly y2: number } | null;
  readonly message: string;
}

/**
 * A model answered some items of a call with NaN or infinity (`MODEL_ANSWER_INVALID`). The call may be repeated without
 * `items`; where they are all of its `count` items, the model itself is at fault.
 */
export class BadItemsError extends ModelError {
  constructor(
    message: string,
    readonly items: readonly BadItem[],
    readonly count: number,
    details: ErrorDetails = {},
  ) {
    super('MODEL_ANSWER_INVALID', message, details);
  }
}

/** A device, driver or runtime library refused or failed. */
export class DeviceError extends HazureError {}

/** Memory of the device (or the host) ran out; the work can be retried in smaller batches. */
export class OutOfDeviceMemoryError extends DeviceError {
  constructor(message: string, details: ErrorDetails = {}) {
    super('DEVICE_OUT_OF_MEMORY', message, details);
  }
}

/** The user asked to stop; what is finished is kept and `--resume` continues. */
export class InterruptedError extends HazureError {
  override readonly exitCode = EXIT.interrupted;
  constructor(message = 'Interrupted', details: ErrorDetails = {}) {
    super('INTERRUPTED', message, details);
  }
}

/** Text of anything that was thrown, without its stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
