import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { parsePhaseOptions, type ObjectResult, type PhaseOptions } from '@hazure/contracts';
import type { CommandOutcome } from '../console/outcome.js';
import { composeDemo, ensureEmoji, formatDemoSummary, scoreDemo } from '@hazure/demo-scenes';
import { RunReader } from '@hazure/run-store';
import type { Session } from '../session.js';
import { commandOptions } from '../options/resolve.js';
import { runBoth } from './phases.js';

const MEBIBYTE = 2 ** 20;

/** `hazure demo`: road scenes with planted odd ones, learned and judged with the starter models. */
export async function demoCommand(session: Session, command: Command): Promise<CommandOutcome> {
  const { seed, outputDir: folder } = commandOptions(command, 'demo');
  const outputDir = resolve(folder);
  const options = parsePhaseOptions({ outputDir, seed, models: 'starter' });
  const scenes = await makeScenes(session, join(outputDir, 'scenes'), seed);
  const run = await runBoth(session, {
    outputDir,
    seed,
    models: 'starter',
    normal: scenes.normalFolder,
    images: scenes.newFolder,
  });

  const outliers: ObjectResult[] = [];
  let objects = 0;
  for await (const object of (await RunReader.open(run.detected.folder)).objects()) {
    objects++;
    if (object.verdict.outlier) outliers.push(object);
  }
  const score = scoreDemo(scenes.truth, outliers);
  const summary = formatDemoSummary(
    score,
    summaryOptions(objects, score.falseAlarms.length, outliers.length, options),
  );
  return {
    json: {
      ...run.json,
      planted: scenes.truth.length,
      found: score.found.length,
      missed: score.missed,
      falseAlarms: score.falseAlarms.length,
      scenes: outputDir,
      report: join(run.detected.folder, 'report.html'),
    },
    text: [
      '',
      ...summary,
      '',
      `Scenes:  ${join(outputDir, 'scenes')}`,
      `Results: ${run.detected.folder}`,
      `Report:  ${join(run.detected.folder, 'report.html')}  (open it in a browser)`,
    ].join('\n'),
    exitCode: run.exitCode,
  };
}

async function makeScenes(session: Session, folder: string, seed: number): ReturnType<typeof composeDemo> {
  const { logger, progress, signal } = session;
  logger.info('Fetching the pictures that the scenes are made of (16 MB, once)');
  const emojiDir = await ensureEmoji({
    onProgress: (done, total) =>
      progress.update({
        stage: 'pictures',
        done: Math.round(done / MEBIBYTE),
        total: Math.round(total / MEBIBYTE),
        unit: 'MiB',
      }),
  });
  progress.finish('pictures');
  const scenes = await composeDemo(folder, {
    seed,
    emojiDir,
    signal,
    onProgress: (done, total) => progress.update({ stage: 'scenes', done, total, unit: 'images' }),
  });
  progress.finish('scenes');
  logger.info(
    `Composed the scenes in ${folder}: ${scenes.truth.length} odd ones are hidden in ${scenes.newFolder}`,
  );
  return scenes;
}

function summaryOptions(
  objects: number,
  falseAlarms: number,
  outliers: number,
  options: PhaseOptions,
): { normalObjects: number; expectedRate: number } {
  return {
    normalObjects: objects - (outliers - falseAlarms),
    expectedRate: 1 - options.thresholdPercentile / 100,
  };
}
