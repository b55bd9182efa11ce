import type { Random } from '@hazure/numerics';

export interface RetryPolicy {
  /** Attempts in all, the first among them. */
  readonly attempts: number;
  /** Greatest wait before the second attempt; doubles from there. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** A server that asks for a longer pause than this is taken as failed. */
  readonly maxRetryAfterMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 6,
  baseDelayMs: 500,
  maxDelayMs: 30_000,
  maxRetryAfterMs: 300_000,
};

/** Worth another attempt: the server is overloaded, restarting or stumbled. */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/** No attempt for any crop can succeed: the key, the path or the model's name is wrong. */
export function isFatalStatus(status: number): boolean {
  return status === 401 || status === 403 || status === 404;
}

/** Exponential backoff with full jitter: uniform in 0…min(max, base × 2^(failures−1)). */
export function backoffMs(policy: RetryPolicy, failures: number, random: Random): number {
  return random.next() * Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (failures - 1));
}

/**
 * Pause that a `Retry-After` header asks for, null without one. A date is taken relative to the answer's own `Date`
 * header, so that neither clock has to be right.
 */
export function retryAfterMs(headers: {
  readonly 'retry-after'?: string | undefined;
  readonly date?: string | undefined;
}): number | null {
  const value = headers['retry-after']?.trim();
  if (value === undefined || value === '') return null;
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  const pause = Date.parse(value) - Date.parse(headers.date ?? '');
  return Number.isFinite(pause) ? Math.max(0, pause) : null;
}
