import type { Command } from 'commander';
import { ConfigError, EXIT } from '@hazure/contracts';
import { EXPORT_FORMATS, exportRun, type ExportFormat } from '@hazure/exports';
import type { CommandOutcome } from '../console/outcome.js';
import type { Session } from '../session.js';

/** `hazure export RUN_DIR --to FORMAT` */
export async function exportCommand(
  { logger, signal }: Session,
  command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const { to, out } = command.opts<{ to?: string; out?: string }>();
  if (to === undefined) throw new ConfigError(`export needs --to, one of ${EXPORT_FORMATS.join(', ')}`);
  const result = await exportRun({ run: args[0], to: to as ExportFormat, out, signal });
  for (const note of result.notes) logger.warn(note);
  return {
    json: { ...result, format: to },
    text: `${to}: ${result.images} images, ${result.objects} objects → ${result.out}`,
    exitCode: EXIT.done,
  };
}
