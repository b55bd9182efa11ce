import { ConfigError } from '@hazure/contracts';

/** Text of a numeric flag → number. @throws ConfigError naming the flag */
export function numberFlag(
  flag: string,
  text: string,
  limits: { readonly min?: number; readonly max?: number; readonly integer?: boolean } = {},
): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const { min = -Infinity, max = Infinity, integer = false } = limits;
  if (!Number.isFinite(value) || value < min || value > max || (integer && !Number.isInteger(value))) {
    const range = `${min > -Infinity ? ` from ${min}` : ''}${max < Infinity ? ` to ${max}` : ''}`;
    throw new ConfigError(`${flag} takes ${integer ? 'a whole number' : 'a number'}${range}, got "${text}"`);
  }
  return value;
}
