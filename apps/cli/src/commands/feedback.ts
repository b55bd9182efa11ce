import type { Command } from 'commander';
import { ConfigError, EXIT } from '@hazure/contracts';
import { feedback } from '@hazure/hazure';
import type { CommandOutcome } from '../console/outcome.js';
import { watching, type Session } from '../session.js';

interface FeedbackFlags {
  readonly accept?: string;
  readonly run?: string;
  readonly outputDir?: string;
}

/** `hazure feedback BASELINE --accept FILE.csv --run DETECTION_DIR` */
export async function feedbackCommand(
  session: Session,
  command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const { accept, run, outputDir } = command.opts<FeedbackFlags>();
  if (accept === undefined || run === undefined) {
    throw new ConfigError(
      'feedback needs --accept, a CSV of crop or image ids, and --run, their detection_… folder',
    );
  }
  const learned = await feedback({ baseline: args[0], run, accept, outputDir, ...watching(session) });
  const { folder: baselineDir, images, objects, failures, accepted, seconds, warnings } = learned;
  return {
    json: { baselineDir, images, objects, failures, accepted, seconds, warnings },
    text: [
      `accepted: ${accepted.objects} objects of ${accepted.images} images`,
      `baseline: ${images} images, ${objects} objects → ${baselineDir}`,
      `report:   ${baselineDir}/report.html`,
    ].join('\n'),
    exitCode: EXIT.done,
  };
}
