import { Random } from '@hazure/numerics';
import { backoffMs, DEFAULT_RETRY, isFatalStatus, isRetryableStatus, retryAfterMs } from './retry.js';

test('backoff doubles up to its limit, jittered over all of it, and repeats with the seed', () => {
  const delays = (seed: number): number[] => {
    const random = new Random(seed);
    return Array.from({ length: 400 }, (_, i) => backoffMs(DEFAULT_RETRY, 1 + (i % 10), random));
  };
  expect(delays(7)).toEqual(delays(7));
  expect(delays(7)).not.toEqual(delays(8));
  delays(7).forEach((delay, i) => {
    expect(delay).toBeLessThanOrEqual(Math.min(30_000, 500 * 2 ** (i % 10)));
    expect(delay).toBeGreaterThanOrEqual(0);
  });
  expect(Math.max(...delays(7))).toBeGreaterThan(25_000);
});

test.each([
  [{}, null],
  [{ 'retry-after': '3' }, 3000],
  [{ 'retry-after': '0.5' }, 500],
  [{ 'retry-after': 'soon' }, null],
  [{ 'retry-after': 'Mon, 23 Nov 2026 10:00:30 GMT', date: 'Mon, 23 Nov 2026 10:00:00 GMT' }, 30_000],
  [{ 'retry-after': 'Mon, 23 Nov 2026 09:00:00 GMT', date: 'Mon, 23 Nov 2026 10:00:00 GMT' }, 0],
  [{ 'retry-after': 'Mon, 23 Nov 2026 10:00:30 GMT' }, null],
])('Retry-After of %j is %s', (headers, expected) => {
  expect(retryAfterMs(headers)).toBe(expected);
});

test('which statuses are worth another attempt', () => {
  expect([408, 429, 500, 502, 503, 504].every(isRetryableStatus)).toBe(true);
  expect([400, 401, 404, 413, 422].some(isRetryableStatus)).toBe(false);
  expect([401, 403, 404].every(isFatalStatus)).toBe(true);
  expect([400, 429, 500].some(isFatalStatus)).toBe(false);
});
