import { ARTIFACTS, FOR_PEOPLE, type RunFolder, type RunTiming } from '@hazure/contracts';
import type { StageTimes } from './stage-times.js';

/** Writes `timing.json` and the same as a table for people, `timing.txt`. Returns the total in seconds. */
export async function writeTiming(
  folder: RunFolder,
  times: StageTimes,
  counts: { readonly images: number; readonly objects: number },
): Promise<number> {
  const totalSeconds = times.totalSeconds;
  const memory = process.resourceUsage().maxRSS * 1024;
  const stages = times.list().map((stage) => ({
    ...stage,
    perSecond: stage.seconds > 0 ? stage.items / stage.seconds : null,
  }));
  const timing: RunTiming = {
    format: ARTIFACTS.timing.format,
    totalSeconds,
    imagesPerSecond: totalSeconds > 0 ? counts.images / totalSeconds : null,
    ...counts,
    peakHostMemoryBytes: memory,
    stages,
  };
  await folder.writeJson(ARTIFACTS.timing.file, timing);
  const rows = stages.map(({ stage, seconds, items, unit, perSecond, memoryBytes }) => [
    stage,
    seconds.toFixed(2),
    `${items} ${unit}`,
    perSecond === null ? '-' : perSecond.toFixed(1),
    `${Math.round(memoryBytes / 2 ** 20)} MiB`,
  ]);
  const table = [['stage', 'busy s', 'items', 'per s', 'memory'], ...rows];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
  await folder.writeText(
    FOR_PEOPLE.timingTable,
    `${lines.join('\n')}\n\n` +
      'Stages overlap, so their times may add up to more than the total.\n' +
      `total          ${totalSeconds.toFixed(2)} s, ${counts.images} images, ${counts.objects} objects\n` +
      (times.attempts > 1 ? `attempts       ${times.attempts}, whose times are added up\n` : '') +
      `peak memory    ${Math.round(memory / 2 ** 20)} MiB (this process)\n`,
  );
  return totalSeconds;
}
