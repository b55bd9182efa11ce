import { ModelError } from '@hazure/contracts';
import { z } from 'zod';

const HINT = 'The file is damaged or was not written by hazure; learn the baseline again.';

/** Parses one versioned model document; every failure is a ModelError that names the place. */
export function parseModel<T>(schema: z.ZodType<T>, value: unknown, what: string, version = 1): T {
  const header = z.object({ version: z.number() }).safeParse(value);
  if (header.success && header.data.version !== version) {
    throw new ModelError(
      'MODEL_UNSUPPORTED',
      `${what}: expected version ${version}, got ${header.data.version}`,
      {
        hint: 'Use the hazure version that wrote it, or learn the baseline again.',
      },
    );
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ModelError('MODEL_INVALID', `${what}: ${issue.path.join('.') || 'document'}: ${issue.message}`, {
    hint: HINT,
  });
}

export function refuseModel(what: string): never {
  throw new ModelError('MODEL_INVALID', what, { hint: HINT });
}
