import { basename } from 'node:path';
import type { Command } from 'commander';
import { ConfigError, EXIT } from '@hazure/contracts';
import { plotMap } from '@hazure/report';
import { encodeNpy, readLabelValues, readNumberMatrix, toFloat32, writeAtomic } from '@hazure/run-store';
import { tsne } from '@hazure/tsne';
import type { CommandOutcome } from '../console/outcome.js';
import type { Session } from '../session.js';
import { checkWritableFile } from './output-file.js';
import { commandOptions } from '../options/resolve.js';

/** `hazure project X.npy --out XY.npy`: t-SNE of any embeddings. */
export async function projectCommand(
  session: Session,
  command: Command,
  args: string[],
): Promise<CommandOutcome> {
  const flags = commandOptions(command, 'project');
  const { method, metric, perplexity, iterations, seed } = flags;
  if (flags.out === undefined && flags.plot === undefined) {
    throw new ConfigError('project needs --out XY.npy, --plot P.png, or both');
  }
  if (flags.out !== undefined) await checkWritableFile('--out', flags.out);
  if (flags.plot !== undefined) await checkWritableFile('--plot', flags.plot);
  const [x] = toFloat32([await readNumberMatrix(args[0])], (notice) => session.logger.warn(notice));
  const labels = flags.labels === undefined ? null : await readLabelValues(flags.labels, { binary: false });
  if (labels && labels.length !== x.rows) {
    throw new ConfigError(`--labels has ${labels.length} rows where ${args[0]} has ${x.rows}`);
  }
  const result = await tsne(x, {
    method,
    metric,
    perplexity,
    iterations,
    seed,
    signal: session.signal,
    onProgress: ({ stage, done, total }) => session.progress.update({ stage, done, total, unit: 'steps' }),
  });
  for (const stage of ['neighbours', 'affinities', 'initialise', 'optimise']) session.progress.finish(stage);
  if (result.perplexity < perplexity) {
    session.logger.warn(
      `${result.n} points allow a perplexity of ${Number(result.perplexity.toFixed(2))} at most; ${perplexity} was asked for.`,
    );
  }
  if (flags.out !== undefined) await writeAtomic(flags.out, encodeNpy(result.y, [result.n, 2]));
  if (flags.plot !== undefined) {
    const names = labels ? Array.from(labels, String) : Array.from({ length: x.rows }, () => 'point');
    await writeAtomic(
      flags.plot,
      plotMap({ title: `t-SNE of ${basename(args[0])}`, points: result.y, labels: names }),
    );
  }
  const { y: _, ...summary } = result;
  return {
    json: summary,
    text:
      `${result.n} points by ${result.method}, ${result.iterations} iterations, KL divergence ` +
      `${result.klDivergence.toFixed(4)}, ${result.seconds.toFixed(2)} s` +
      `${flags.out === undefined ? '' : `\nmap:  ${flags.out}`}${flags.plot === undefined ? '' : `\nplot: ${flags.plot}`}`,
    exitCode: EXIT.done,
  };
}
