import { ModelError } from '@hazure/contracts';
import { z } from 'zod';

const HINT = 'The file is damaged or was not written by hazure; learn the baseline again.';

/**
 * Parses one model document; every failure is a ModelError that names the place.
 * @param format `hazure-NAME/VERSION` that it must have; absent for a document of documents
 */
export function parseModel<T>(schema: z.ZodType<T>, value: unknown, what: string, format?: string): T {
  const header = z.object({ format: z.string() }).safeParse(value);
  const name = format?.replace(/[0-9]+$/, '');
  if (
    header.success &&
    name !== undefined &&
    header.data.format !== format &&
    header.data.format.startsWith(name)
  ) {
    throw new ModelError(
      'MODEL_UNSUPPORTED',
      `${what}: expected the format ${format}, got ${header.data.format}`,
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
