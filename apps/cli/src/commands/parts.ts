import type { Command } from 'commander';
import { EXIT } from '@hazure/contracts';
import { merge, shardStatus, type PartStatus, type ShardResult, type ShardedStatus } from '@hazure/hazure';
import type { CommandOutcome } from '../console/outcome.js';
import { numberFlag } from '../options/numbers.js';
import { watching, type Session } from '../session.js';

/** What `learn` and `detect` print under `--shard`. Images that can't be read are counted, and are no failure of the part. */
export function partOutcome(result: ShardResult): CommandOutcome {
  const { folder, merged, shard, of, images, objects, failures, seconds, warnings } = result;
  return {
    json: { shardsDir: folder, merged, shard, of, images, objects, failures, seconds, warnings },
    text: merged
      ? `part ${shard} of ${of}: merged already → ${folder}`
      : [
          `part ${shard} of ${of}: ${images} images, ${objects} objects, ${failures} failures → ${folder}`,
          `when all parts are done: hazure merge ${folder}`,
        ].join('\n'),
    exitCode: EXIT.done,
  };
}

/** `hazure merge OUT_DIR` */
export async function mergeCommand(
  session: Session,
  command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const { wait } = command.opts<{ wait?: string }>();
  const waitSeconds = wait === undefined ? 0 : numberFlag('--wait', wait, { min: 0, max: 10_000_000 });
  const merged = await merge(args[0], { ...watching(session), waitSeconds });
  const { folder, images, objects, failures, seconds, warnings } = merged;
  const counts = { images, objects, failures, seconds, warnings };
  const found =
    merged.kind === 'detection'
      ? {
          outliers: merged.outliers,
          imageOutliers: merged.imageOutliers,
          expectedFalseAlarmShare: merged.expectedFalseAlarmShare,
        }
      : {};
  const what = merged.kind === 'detection' ? `, ${merged.outliers} outliers` : '';
  return {
    json: { [merged.kind === 'baseline' ? 'baselineDir' : 'detectionDir']: folder, ...counts, ...found },
    text: [
      `${merged.kind}: ${images} images, ${objects} objects${what} → ${folder}`,
      ...(failures > 0
        ? [`${failures} inputs could not be processed; they are listed in failures.jsonl`]
        : []),
      `report:   ${folder}/report.html`,
    ].join('\n'),
    exitCode: failures > 0 ? EXIT.partial : EXIT.done,
  };
}

/** `hazure status OUT_DIR` */
export async function statusCommand(
  _session: Session,
  _command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const status = await shardStatus(args[0]);
  return { json: status, text: statusTable(status), exitCode: EXIT.done };
}

/** A line a part, and what is left. */
export function statusTable(status: ShardedStatus): string {
  const rows = status.shards.map((part) => [
    `${part.shard}`,
    part.state,
    `${part.done}`,
    `${part.images}`,
    `${part.failures}`,
    part.host ?? '-',
    remark(part),
  ]);
  const table = [['part', 'state', 'done', 'images', 'failures', 'host', ''], ...rows];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, '', `${status.done} of ${status.images} images${timeLeft(status)}`].join('\n');
}

function remark({ error, attempts }: PartStatus): string {
  if (error !== null) return `${error.code}: ${error.message}`;
  return attempts > 1 ? `attempt ${attempts}` : '';
}

function timeLeft({ complete, imagesPerSecond, secondsLeft, folder }: ShardedStatus): string {
  if (complete) return `; all parts are done: hazure merge ${folder}`;
  if (imagesPerSecond === null || secondsLeft === null) return '';
  return `, ${imagesPerSecond.toFixed(1)}/s, about ${Math.ceil(secondsLeft)} s left at this rate`;
}
