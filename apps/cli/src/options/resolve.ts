import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parse as parseYaml } from 'yaml';
import {
  ConfigError,
  PHASE_OPTION_KEYS,
  flagOf,
  messageOf,
  optionBelongsTo,
  parsePhaseOptions,
  type OptionKey,
  type PhaseCommand,
} from '@hazure/contracts';
import { coerce, describeFlag } from './flags.js';

/** `conf-thres`, `conf_thres` and `confThres` name the same key. */
function camelCase(key: string): string {
  return key.replace(/[-_]+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());
}

function fromConfigFile(path: string): Record<string, unknown> {
  let document: unknown;
  try {
    document = parseYaml(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new ConfigError(`Can't read the config file ${path}: ${messageOf(cause)}`, {
      cause,
      hint: 'It must be a JSON or YAML file with option names as keys.',
    });
  }
  if (document === null || typeof document !== 'object' || Array.isArray(document)) {
    throw new ConfigError(`The config file ${path} must hold one object of options`);
  }
  if (isCyclic(document))
    throw new ConfigError(`The config file ${path} holds a value that contains itself`, {
      hint: 'Leave out the alias (*name) inside what its anchor (&name) stands for.',
    });
  // without a prototype, so that names such as "constructor" are keys like others
  const values = Object.create(null) as Record<string, unknown>;
  for (const [written, value] of Object.entries(document)) {
    if (written === '$schema') continue;
    const key = camelCase(written);
    if (key in values) throw new ConfigError(`The config file ${path} gives ${flagOf(key).slice(2)} twice`);
    values[key] = (PHASE_OPTION_KEYS as string[]).includes(key) ? fromFile(key as OptionKey, value) : value;
  }
  return values;
}

/** Whether a value is among its own members: a YAML anchor may say so. */
function isCyclic(value: unknown, above: readonly unknown[] = []): boolean {
  if (value === null || typeof value !== 'object') return false;
  if (above.includes(value)) return true;
  return Object.values(value).some((member) => isCyclic(member, [...above, value]));
}

/**
 * A value may be written as a flag has it (`classes: person,car`, and `no`, which YAML 1.2 reads as text), and a
 * class or an index without quotes is a number to YAML.
 */
function fromFile(key: OptionKey, value: unknown): unknown {
  const { kind } = describeFlag(key);
  if (typeof value === 'string') return coerce(kind, value);
  const text = (each: unknown): unknown => (typeof each === 'number' ? String(each) : each);
  if (kind === 'list')
    return Array.isArray(value) ? value.map(text) : typeof value === 'number' ? [text(value)] : value;
  return kind === 'text' ? text(value) : value;
}

function fromEnvironment(environment: NodeJS.ProcessEnv): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const key of PHASE_OPTION_KEYS) {
    const text = environment[`HAZURE_${flagOf(key).slice(2).replaceAll('-', '_').toUpperCase()}`];
    if (text !== undefined && text !== '') values[key] = coerce(describeFlag(key).kind, text);
  }
  return values;
}

/**
 * What the user chose: flags over environment over config file, checked by the one schema. Defaults, and what a baseline
 * hands down, are the library's to fill in. A config file may hold options of other phases; they are passed over.
 * @throws ConfigError (exit code 2) for unknown keys, bad values, and flags that do not belong to the phase
 */
export function givenOptions(
  command: Command,
  phase: PhaseCommand,
  environment: NodeJS.ProcessEnv = process.env,
): Record<string, unknown> {
  const given = command.opts<Record<string, unknown>>();
  const flags: Record<string, unknown> = {};
  for (const key of PHASE_OPTION_KEYS) {
    if (command.getOptionValueSource(key) === 'cli') flags[key] = given[key];
  }
  for (const key of Object.keys(flags) as OptionKey[]) {
    if (!optionBelongsTo(key, phase)) throw new ConfigError(`${flagOf(key)} does not belong to ${phase}`);
  }
  const file = typeof given['config'] === 'string' ? fromConfigFile(given['config']) : {};
  const chosen = { ...file, ...fromEnvironment(environment), ...flags };
  parsePhaseOptions(chosen, flagOf); // here, so that errors name flags
  return Object.fromEntries(
    Object.entries(chosen).filter(([key]) => optionBelongsTo(key as OptionKey, phase)),
  );
}
