import type { Clock } from '@hazure/contracts';

/** The one place that reads the machine's clocks. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
};
