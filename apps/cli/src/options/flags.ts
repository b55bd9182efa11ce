import { Option, type Command } from 'commander';
import {
  PHASE_OPTION_KEYS,
  flagOf,
  optionBelongsTo,
  optionMeta,
  phaseOptionsSchema,
  type OptionKey,
  type PhaseCommand,
} from '@hazure/contracts';

/** The part of a zod schema's definition that decides how a flag looks. */
interface SchemaShape {
  readonly type: string;
  readonly innerType?: { readonly def: SchemaShape };
  readonly defaultValue?: unknown;
  readonly entries?: Readonly<Record<string, string>>;
  readonly options?: readonly { readonly def: SchemaShape }[];
}

export type FlagKind = 'boolean' | 'number' | 'list' | 'text' | 'number-or-text';

export interface FlagDescription {
  readonly key: OptionKey;
  readonly kind: FlagKind;
  readonly defaultValue: unknown;
  readonly choices: readonly string[] | null;
}

/** How the command line shows an option, read from its schema. */
export function describeFlag(key: OptionKey): FlagDescription {
  let shape = phaseOptionsSchema.shape[key].def as unknown as SchemaShape;
  let defaultValue: unknown;
  while (shape.innerType && (shape.type === 'default' || shape.type === 'optional')) {
    if (shape.type === 'default') defaultValue = shape.defaultValue;
    shape = shape.innerType.def;
  }
  const kinds: Record<string, FlagKind> = {
    boolean: 'boolean',
    number: 'number',
    array: 'list',
    union: 'number-or-text',
  };
  return {
    key,
    kind: kinds[shape.type] ?? 'text',
    defaultValue,
    choices: shape.entries ? Object.values(shape.entries) : null,
  };
}

/** Text from a flag or an environment variable → the value the schema checks. What can't be read stays text. */
export function coerce(kind: FlagKind, text: string): unknown {
  const asNumber = text.trim() === '' ? Number.NaN : Number(text);
  switch (kind) {
    case 'boolean':
      return /^(1|true|yes|on)$/i.test(text) ? true : /^(0|false|no|off)$/i.test(text) ? false : text;
    case 'number':
    case 'number-or-text':
      return Number.isNaN(asNumber) ? text : asNumber;
    case 'list':
      return text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '');
    case 'text':
      return text;
  }
}

/** Gives a command all its phase options. Defaults are not set here, so that config file and environment can speak. */
export function addPhaseOptions(command: Command, phase: PhaseCommand): void {
  for (const key of PHASE_OPTION_KEYS) {
    if (!optionBelongsTo(key, phase)) continue;
    const { kind, defaultValue, choices } = describeFlag(key);
    const meta = optionMeta(key);
    const flag = flagOf(key);
    const description = phaseOptionsSchema.shape[key].description ?? '';
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

/** `--conf_thres=0.4` → `--conf-thres=0.4`: the Python script's spelling works everywhere. */
export function acceptSnakeCase(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.map((token, i) => {
    if (!token.startsWith('--') || (end !== -1 && i >= end)) return token;
    const [name, ...value] = token.split('=');
    return [name.replaceAll('_', '-'), ...value].join('=');
  });
}
