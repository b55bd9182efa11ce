import type { Command } from 'commander';
import type { CommandOutcome } from './console/outcome.js';
import type { CommandSession } from './session.js';

/** What a command does. Loaded only when it runs, so that `--help` and small commands start fast. */
export type Action = (session: CommandSession, command: Command, args: string[]) => Promise<CommandOutcome>;
