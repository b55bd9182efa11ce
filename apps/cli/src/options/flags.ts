import { Option, type Command } from 'commander';
import {
  COMMAND_OPTIONS,
  PHASE_OPTION_KEYS,
  flagOf,
  optionBelongsTo,
  phaseOptionsSchema,
  type OptionKey,
  type OptionMeta,
  type OtherCommand,
  type PhaseCommand,
} from '@hazure/contracts';

/** The part of a zod schema's definition that decides how a flag looks. */
interface SchemaShape {
  readonly type: string;
  readonly innerType?: { readonly def: SchemaShape };
  readonly defaultValue?: unknown;
  readonly entries?: Readonly<Record<string, string>>;
  readonly options?: readonly { readonly def: SchemaShape }[];
  readonly element?: { readonly def: SchemaShape };
}

/** One option's schema: zod's own types are too deep to be of help here. */
interface OptionSchema {
  readonly def: unknown;
  readonly description?: string | undefined;
  meta(): unknown;
}

/** A command that takes options from flags, environment and config file. */
export type OptionCommand = PhaseCommand | OtherCommand;

function isPhase(command: OptionCommand): command is PhaseCommand {
  return !(command in COMMAND_OPTIONS);
}

/** The options of a command by key. */
export function optionsOf(command: OptionCommand): Readonly<Record<string, OptionSchema>> {
  if (!isPhase(command)) return COMMAND_OPTIONS[command].shape;
  const keys = PHASE_OPTION_KEYS.filter((key) => optionBelongsTo(key, command));
  return Object.fromEntries(keys.map((key) => [key, phaseOptionsSchema.shape[key]]));
}

export type FlagKind = 'boolean' | 'number' | 'list' | 'number-list' | 'text' | 'number-or-text';

export interface FlagDescription {
  readonly kind: FlagKind;
  readonly defaultValue: unknown;
  readonly choices: readonly string[] | null;
}

/** How the command line shows an option, read from its schema. */
export function describeFlag(schema: OptionSchema): FlagDescription {
  let shape = schema.def as SchemaShape;
  let defaultValue: unknown;
  while (shape.innerType && (shape.type === 'default' || shape.type === 'optional')) {
    if (shape.type === 'default') defaultValue = shape.defaultValue;
    shape = shape.innerType.def;
  }
  const kinds: Record<string, FlagKind> = {
    boolean: 'boolean',
    number: 'number',
    array: shape.element?.def.type === 'number' ? 'number-list' : 'list',
    union: 'number-or-text',
  };
  return {
    kind: kinds[shape.type] ?? 'text',
    defaultValue,
    choices: shape.entries ? Object.values(shape.entries) : null,
  };
}

/** How a phase's option looks, whichever phase knows it. */
export const describePhaseFlag = (key: OptionKey): FlagDescription =>
  describeFlag(phaseOptionsSchema.shape[key]);

function asNumber(text: string): number | string {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isNaN(value) ? text : value;
}

/** Text from a flag or an environment variable → the value the schema checks. What can't be read stays text. */
export function coerce(kind: FlagKind, text: string): unknown {
  switch (kind) {
    case 'boolean':
      return /^(1|true|yes|on)$/i.test(text) ? true : /^(0|false|no|off)$/i.test(text) ? false : text;
    case 'number':
    case 'number-or-text':
      return asNumber(text);
    case 'list':
    case 'number-list': {
      const parts = text.split(',').map((part) => part.trim());
      const given = parts.filter((part) => part !== '');
      return kind === 'list' ? given : given.map(asNumber);
    }
    case 'text':
      return text;
  }
}

/** Gives a command all its options. Defaults are not set here, so that config file and environment can speak. */
export function addOptions(command: Command, name: OptionCommand): void {
  for (const [key, schema] of Object.entries(optionsOf(name))) {
    const { kind, defaultValue, choices } = describeFlag(schema);
    const meta = schema.meta() as OptionMeta;
    const flag = flagOf(key);
    const description = schema.description ?? '';
    const group = `${meta.group[0].toUpperCase()}${meta.group.slice(1)}:`;
    if (kind === 'boolean') {
      const negative = flag.replace('--', '--no-');
      const shown = defaultValue === true ? negative : flag;
      const text = defaultValue === true ? `do not ${description}` : description;
      command.addOption(new Option(shown, text).helpGroup(group));
      command.addOption(new Option(shown === flag ? negative : flag).hideHelp());
      continue;
    }
    const placeholder = choices ? choices.join('|') : (meta.placeholder ?? 'N');
    const shownDefault = defaultValue === undefined ? '' : ` (default: ${String(defaultValue)})`;
    command.addOption(
      new Option(`${flag} <${placeholder}>`, `${description}${shownDefault}`)
        .helpGroup(group)
        .argParser((text: string) => coerce(kind, text)),
    );
  }
}

const KNOWN_KEYS = new Set<string>([
  ...PHASE_OPTION_KEYS,
  ...Object.values(COMMAND_OPTIONS).flatMap((schema) => Object.keys(schema.shape)),
]);

/** `option confThres`, as libraries word it, becomes the flag that a person at the command line writes. */
export function withFlags(text: string): string {
  return text.replace(/\boption ([a-z][a-zA-Z0-9]*)\b/g, (words, key: string) =>
    KNOWN_KEYS.has(key) ? flagOf(key) : words,
  );
}

/** `--conf_thres=0.4` → `--conf-thres=0.4`: the Python script's spelling works everywhere. */
export function acceptSnakeCase(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.map((token, i) => {
    if (!token.startsWith('--') || (end !== -1 && i >= end)) return token;
    const [name, ...value] = token.split('=');
    return [name.replaceAll('_', '-'), ...value].join('=');
  });
}
