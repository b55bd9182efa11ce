import type { z } from 'zod';
import { ConfigError } from '../errors.js';
import { nearestName } from '../nearest.js';

/**
 * Checks option values from outside (already in their JSON types) against one object of options and fills in the
 * defaults.
 * @param schema a strict object of options
 * @param values keys in camelCase
 * @param nameOf how the caller's user writes an option: a flag, or as it is in code
 * @throws ConfigError CONFIG_UNKNOWN_KEY names the nearest valid key; CONFIG_INVALID names each bad value
 */
export function checkOptions<Schema extends z.ZodObject>(
  schema: Schema,
  values: Readonly<Record<string, unknown>>,
  nameOf: (key: string) => string,
): z.infer<Schema> {
  for (const key of Object.keys(values)) {
    if (!(key in schema.shape)) {
      throw new ConfigError(
        `Unknown option "${key}"; did you mean "${nearestName(key, Object.keys(schema.shape))}"?`,
        { code: 'CONFIG_UNKNOWN_KEY' },
      );
    }
  }
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const key = String(issue.path[0] ?? '');
    return `${nameOf(key)}: ${issue.message} (got ${JSON.stringify(values[key])})`;
  });
  throw new ConfigError(problems.join('; '), {
    hint: 'See the list of options for what each of them takes.',
  });
}
