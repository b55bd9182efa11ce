import type { Command, CommanderError } from 'commander';
import { ConfigError, PHASE_OPTION_KEYS, flagOf, nearestName, optionMeta } from '@hazure/contracts';

/** What commander complains of, as the error that every other wrong usage is; an unknown name gets its nearest. */
export function usageError(
  complaint: CommanderError,
  program: Command,
  argv: readonly string[],
): ConfigError {
  const command = commandOf(program, argv);
  const path = namesDownTo(command).join(' ');
  const message = complaint.message.replace(/^error: /, '');
  const hint = `See \`${path} --help\`.`;
  const name = /unknown (?:option|command) '([^'=]+)/.exec(message)?.[1];
  if (name === undefined) return new ConfigError(message, { hint });
  const unknown = (text: string, todo: string): ConfigError =>
    new ConfigError(text, { code: 'CONFIG_UNKNOWN_KEY', hint: todo });
  if (complaint.code === 'commander.unknownCommand') {
    const nearest = nearestName(
      name,
      command.commands.map((each) => each.name()),
    );
    return unknown(`Unknown command ${name}; did you mean ${nearest}?`, hint);
  }
  if (command.options.some(({ long }) => long === name)) {
    return unknown(`${name} takes no value`, `Write ${name} or ${name.replace('--', '--no-')}.`);
  }
  const elsewhere = PHASE_OPTION_KEYS.find((key) => flagOf(key) === name);
  const phases = elsewhere === undefined ? undefined : optionMeta(elsewhere).commands;
  if (phases) {
    return unknown(`${name} does not belong to ${path}`, `It belongs to ${phases.join(' and ')}.`);
  }
  const nearest = nearestName(name, visibleFlags(command, name));
  return unknown(`Unknown option ${name}; did you mean ${nearest}?`, hint);
}

/** Negations are only meant by those who write one. */
function visibleFlags(command: Command, name: string): string[] {
  const flags = command.options.flatMap(({ long, hidden }) =>
    typeof long === 'string' && (!hidden || name.startsWith('--no-')) ? [long] : [],
  );
  return [...flags, '--help'];
}

/** The command that the words lead to; what follows it are its arguments. */
function commandOf(program: Command, argv: readonly string[]): Command {
  let command = program;
  for (const word of argv) {
    const next = command.commands.find((each) => each.name() === word);
    if (next) command = next;
    else if (!word.startsWith('-')) break;
  }
  return command;
}

function namesDownTo(command: Command): string[] {
  return [...(command.parent ? namesDownTo(command.parent) : []), command.name()];
}
