import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parse as parseYaml } from 'yaml';
import type { z } from 'zod';
import {
  COMMAND_OPTIONS,
  ConfigError,
  PHASE_OPTION_KEYS,
  checkOptions,
  flagOf,
  messageOf,
  optionBelongsTo,
  parsePhaseOptions,
  type OptionKey,
  type OtherCommand,
  type PhaseCommand,
} from '@hazure/contracts';
import { coerce, describeFlag, describePhaseFlag, optionsOf, type FlagDescription } from './flags.js';

type Values = Record<string, unknown>;
type Describe = (key: string) => FlagDescription | null;

/** `conf-thres`, `conf_thres` and `confThres` name the same key. */
function camelCase(key: string): string {
  return key.replace(/[-_]+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());
}

function isObject(value: unknown): value is Values {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** The config file as it stands, one object with keys in camelCase. */
function readConfigFile(path: string): Values {
  let document: unknown;
  try {
    document = parseYaml(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new ConfigError(`Can't read the config file ${path}: ${messageOf(cause)}`, {
      cause,
      hint: 'It must be a JSON or YAML file with option names as keys.',
    });
  }
  if (!isObject(document)) throw new ConfigError(`The config file ${path} must hold one object of options`);
  if (isCyclic(document))
    throw new ConfigError(`The config file ${path} holds a value that contains itself`, {
      hint: 'Leave out the alias (*name) inside what its anchor (&name) stands for.',
    });
  return inCamelCase(document, path);
}

function inCamelCase(document: Values, path: string): Values {
  // without a prototype, so that names such as "constructor" are keys like others
  const values = Object.create(null) as Values;
  for (const [written, value] of Object.entries(document)) {
    if (written === '$schema') continue;
    const key = camelCase(written);
    if (key in values) throw new ConfigError(`The config file ${path} gives ${flagOf(key).slice(2)} twice`);
    values[key] = value;
  }
  return values;
}

/** Whether a value is among its own members: a YAML anchor may say so. */
function isCyclic(value: unknown, above: readonly unknown[] = []): boolean {
  if (value === null || typeof value !== 'object') return false;
  if (above.includes(value)) return true;
  return Object.values(value).some((member) => isCyclic(member, [...above, value]));
}

const fromFile = (values: Values, describe: Describe): Values =>
  Object.fromEntries(
    Object.entries(values).map(([key, value]) => {
      const description = describe(key);
      return [key, description ? asWritten(description, value) : value];
    }),
  );

/**
 * A value may be written as a flag has it (`classes: person,car`, and `no`, which YAML 1.2 reads as text), and a
 * class or an index without quotes is a number to YAML.
 */
function asWritten({ kind }: FlagDescription, value: unknown): unknown {
  if (typeof value === 'string') return coerce(kind, value);
  const text = (each: unknown): unknown => (typeof each === 'number' ? String(each) : each);
  if (kind === 'list')
    return Array.isArray(value) ? value.map(text) : typeof value === 'number' ? [text(value)] : value;
  if (kind === 'number-list') return typeof value === 'number' ? [value] : value;
  return kind === 'text' ? text(value) : value;
}

/** `HAZURE_CONF_THRES`; of commands other than learn, detect and run `HAZURE_BENCH_ROUNDS`. */
function fromEnvironment(
  environment: NodeJS.ProcessEnv,
  prefix: string,
  keys: readonly string[],
  describe: Describe,
): Values {
  const values: Values = {};
  for (const key of keys) {
    const text = environment[`${prefix}${flagOf(key).slice(2).replaceAll('-', '_').toUpperCase()}`];
    const description = describe(key);
    if (text !== undefined && text !== '' && description) values[key] = coerce(description.kind, text);
  }
  return values;
}

function fromFlags(command: Command, keys: readonly string[]): Values {
  const given = command.opts<Values>();
  return Object.fromEntries(
    keys.filter((key) => command.getOptionValueSource(key) === 'cli').map((key) => [key, given[key]]),
  );
}

function configFile(command: Command): Values {
  const { config } = command.opts<{ config?: string }>();
  return typeof config === 'string' ? readConfigFile(config) : {};
}

const phaseFlag: Describe = (key) =>
  (PHASE_OPTION_KEYS as string[]).includes(key) ? describePhaseFlag(key as OptionKey) : null;

/**
 * What the user chose: flags over environment over config file, checked by the one schema. Defaults, and what a baseline
 * hands down, are the library's to fill in. A config file may hold options of other phases and sections of other
 * commands; they are passed over.
 * @throws ConfigError (exit code 2) for unknown keys, bad values, and flags that do not belong to the phase
 */
export function givenOptions(
  command: Command,
  phase: PhaseCommand,
  environment: NodeJS.ProcessEnv = process.env,
): Values {
  const flags = fromFlags(command, PHASE_OPTION_KEYS);
  for (const key of Object.keys(flags) as OptionKey[]) {
    if (!optionBelongsTo(key, phase)) throw new ConfigError(`${flagOf(key)} does not belong to ${phase}`);
  }
  const chosen = {
    ...fromFile(withoutSections(configFile(command)), phaseFlag),
    ...fromEnvironment(environment, 'HAZURE_', PHASE_OPTION_KEYS, phaseFlag),
    ...flags,
  };
  parsePhaseOptions(chosen, flagOf); // here, so that errors name flags
  return Object.fromEntries(
    Object.entries(chosen).filter(([key]) => optionBelongsTo(key as OptionKey, phase)),
  );
}

function withoutSections(file: Values): Values {
  return Object.fromEntries(
    Object.entries(file).filter(([key, value]) => !(key in COMMAND_OPTIONS && isObject(value))),
  );
}

/**
 * The options of a command beside learn, detect and run: flags over environment over the command's section of the
 * config file over defaults.
 * @throws ConfigError (exit code 2) for unknown keys and bad values
 */
export function commandOptions<Name extends OtherCommand>(
  command: Command,
  name: Name,
  environment: NodeJS.ProcessEnv = process.env,
): z.infer<(typeof COMMAND_OPTIONS)[Name]> {
  const options = optionsOf(name);
  const keys = Object.keys(options);
  const describe: Describe = (key) => (key in options ? describeFlag(options[key]) : null);
  const section = configFile(command)[name] ?? {};
  if (!isObject(section)) throw new ConfigError(`The config file's ${name} must be an object of options`);
  const chosen = {
    ...fromFile(inCamelCase(section, name), describe),
    ...fromEnvironment(environment, `HAZURE_${name.toUpperCase()}_`, keys, describe),
    ...fromFlags(command, keys),
  };
  return checkOptions(COMMAND_OPTIONS[name] as z.ZodObject, chosen, flagOf) as z.infer<
    (typeof COMMAND_OPTIONS)[Name]
  >;
}
