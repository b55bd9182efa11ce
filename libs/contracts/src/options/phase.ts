import { z } from 'zod';
import { ConfigError } from '../errors.js';
import { captionsOptionsSchema } from './captions.js';
import { checkOptions } from './check.js';
import { COMMAND_OPTIONS } from './commands.js';
import { detectionOptionsSchema } from './detection.js';
import { inputOptionsSchema } from './input.js';
import { modelsOptionsSchema } from './models.js';
import { outputOptionsSchema } from './output.js';
import { runningOptionsSchema } from './running.js';
import { scoringOptionsSchema } from './scoring.js';
import { semanticsOptionsSchema } from './semantics.js';
import type { OptionMeta, PhaseCommand } from './meta.js';

/**
 * Every option of `learn`, `detect` and `run`, defined once, stage by stage: flags, environment variables, config file,
 * help text, the library's types and the published JSON Schema come from this object. Keys are camelCase; a flag is the
 * kebab-case form and the Python script's snake_case is accepted too.
 */
export const phaseOptionsSchema = z.strictObject({
  ...inputOptionsSchema.shape,
  ...modelsOptionsSchema.shape,
  ...detectionOptionsSchema.shape,
  ...scoringOptionsSchema.shape,
  ...semanticsOptionsSchema.shape,
  ...captionsOptionsSchema.shape,
  ...outputOptionsSchema.shape,
  ...runningOptionsSchema.shape,
});

export type PhaseOptions = z.infer<typeof phaseOptionsSchema>;
export type OptionKey = keyof PhaseOptions;

export const PHASE_OPTION_KEYS = Object.keys(phaseOptionsSchema.shape) as OptionKey[];

export function optionMeta(key: OptionKey): OptionMeta {
  return phaseOptionsSchema.shape[key].meta() as unknown as OptionMeta;
}

/** Whether a phase command knows the option. */
export function optionBelongsTo(key: OptionKey, command: PhaseCommand): boolean {
  return optionMeta(key).commands?.includes(command) ?? true;
}

/**
 * Checks option values from outside (already in their JSON types) and fills in the defaults.
 * @param nameOf how the caller's user writes an option: a flag, or as it is in code
 * @throws ConfigError CONFIG_UNKNOWN_KEY names the nearest valid key; CONFIG_INVALID names each bad value
 */
export function parsePhaseOptions(
  values: Readonly<Record<string, unknown>>,
  nameOf: (key: string) => string = (key) => key,
): PhaseOptions {
  const parsed = checkOptions(phaseOptionsSchema, values, nameOf);
  if (parsed.lim1 > parsed.lim2) {
    throw new ConfigError(
      `${nameOf('lim1')} (${parsed.lim1}) must not be above ${nameOf('lim2')} (${parsed.lim2})`,
    );
  }
  return parsed;
}

/** `confThres` → `--conf-thres`. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** JSON Schema of a config file, for editors; config.schema.json beside src is a copy of it. */
export function phaseOptionsJsonSchema(): object {
  const sections = Object.entries(COMMAND_OPTIONS).map(([name, schema]) => [
    name,
    schema.partial().optional().describe(`options of hazure ${name}`),
  ]);
  const named = phaseOptionsSchema.extend({
    $schema: z.string().optional().describe('where this schema lies'),
    ...(Object.fromEntries(sections) as Record<string, z.ZodType>),
  });
  return { title: 'Config file of hazure', ...z.toJSONSchema(named, { io: 'input' }) };
}

/** `0-2,7` → the set of indices; null selects all. */
export function parseIndexRanges(text: string | undefined): ((index: number) => boolean) | null {
  if (text === undefined) return null;
  const ranges = text.split(',').map((part) => {
    const [from, to = from] = part.split('-').map((piece) => Number(piece.trim()));
    if (to < from) throw new ConfigError(`The range ${part.trim()} runs backwards; write ${to}-${from}`);
    return { from, to };
  });
  return (index) => ranges.some(({ from, to }) => index >= from && index <= to);
}
