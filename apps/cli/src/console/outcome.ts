import { withFlags } from '../options/flags.js';
import { EXIT, HazureError, messageOf, type Logger } from '@hazure/contracts';

/** What a command gives back: the document for `--json` and how the process ends. */
export interface CommandOutcome {
  readonly json: object;
  /** Lines for a person, printed on standard output when `--json` is off. */
  readonly text: string;
  /** Whether standard output holds records, so that the text goes to standard error. */
  readonly aside?: boolean;
  readonly exitCode: number;
}

/** Prints an outcome: one JSON document, or text. */
export function printOutcome(outcome: CommandOutcome, asJson: boolean): number {
  const stream = outcome.aside ? process.stderr : process.stdout;
  stream.write(asJson ? `${JSON.stringify(outcome.json, null, 2)}\n` : withNewline(outcome.text));
  return outcome.exitCode;
}

/** Prints an error so that a person (and, under `--json`, a program) knows what to do next. */
export function printError(error: unknown, asJson: boolean, logger: Logger): number {
  const known = error instanceof HazureError ? error : null;
  const message = withFlags(messageOf(error));
  const hint = known?.hint === undefined ? null : withFlags(known.hint);
  logger.error(message);
  if (hint !== null) logger.error(`what to do: ${hint}`);
  if (!known && error instanceof Error && error.stack) logger.error(error.stack);
  if (asJson) {
    const document = {
      error: { code: known?.code ?? 'INTERNAL', message, hint },
    };
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  }
  return known?.exitCode ?? EXIT.failed;
}

function withNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
