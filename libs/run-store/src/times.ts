import { z } from 'zod';
import type { AttemptTimes } from '@hazure/contracts';

/** Times of an unfinished run's attempts, in its shards. */
export const attemptTimesSchema = z.strictObject({
  attempts: z.int().min(1),
  seconds: z.number().min(0),
  stages: z.array(
    z.strictObject({
      stage: z.string(),
      seconds: z.number().min(0),
      items: z.number().min(0),
      unit: z.string(),
      memoryBytes: z.number().min(0),
    }),
  ),
}) satisfies z.ZodType<AttemptTimes>;
