import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { ConfigError, EXIT, InputError, flagOf, messageOf, type PhaseCommand } from '@hazure/contracts';
import { writeAtomic } from '@hazure/run-store';
import type { CommandOutcome } from '../console/outcome.js';
import { numberFlag } from '../options/numbers.js';
import { givenOptions } from '../options/resolve.js';
import type { Session } from '../session.js';
import { kubernetesManifests } from '../submit/kubernetes.js';
import { slurmScripts } from '../submit/slurm.js';

const run = promisify(execFile);

type ShardedPhase = Exclude<PhaseCommand, 'run'>;

interface SlurmFlags {
  readonly shards: string;
  readonly jobName: string;
  readonly partition?: string;
  readonly account?: string;
  readonly gpus?: string;
  readonly cpus?: string;
  readonly mem?: string;
  readonly time?: string;
  readonly concurrency?: string;
  readonly grace: string;
  readonly sbatch: readonly string[];
  readonly command?: string;
  readonly dryRun?: boolean;
}

/** `hazure submit slurm learn|detect IMAGES…` */
export function submitSlurm(phase: ShardedPhase) {
  return async (session: Session, command: Command, args: string[]): Promise<CommandOutcome> => {
    const flags = command.opts<SlurmFlags>();
    const { words, outputDir } = commandLine(command, phase, args, (path) => resolve(path));
    const scripts = slurmScripts({
      shards: wholeFlag('--shards', flags.shards),
      words,
      inputs: args,
      outputDir,
      command: flags.command?.split(/\s+/).filter((word) => word !== '') ?? [
        process.execPath,
        resolve(process.argv[1]),
      ],
      jobName: flags.jobName,
      partition: flags.partition,
      account: flags.account,
      gpus: optional('--gpus', flags.gpus),
      cpus: optional('--cpus', flags.cpus),
      memory: flags.mem,
      time: flags.time,
      concurrency: optional('--concurrency', flags.concurrency),
      graceSeconds: wholeFlag('--grace', flags.grace),
      extra: flags.sbatch,
    });
    const folder = join(outputDir, 'slurm');
    const [array, merge] = [join(folder, 'parts.sh'), join(folder, 'merge.sh')];
    await mkdir(folder, { recursive: true }).catch(() => undefined); // said by the next line
    await writeAtomic(array, scripts.array);
    await writeAtomic(merge, scripts.merge);
    if (flags.dryRun) {
      return {
        json: { parts: array, merge, jobs: null },
        text: `written, not submitted: ${array}\n                        ${merge}`,
        exitCode: EXIT.done,
      };
    }
    const parts = await sbatch([array]);
    const merging = await sbatch([`--dependency=afterok:${parts}`, '--kill-on-invalid-dep=yes', merge]);
    session.logger.info(`Logs: ${folder}`);
    return {
      json: { parts: array, merge, jobs: { parts, merge: merging } },
      text: `submitted: array ${parts}, merge ${merging}\nlogs:      ${folder}\nhow far:   hazure status ${outputDir}`,
      exitCode: EXIT.done,
    };
  };
}

interface KubernetesFlags {
  readonly shards: string;
  readonly image: string;
  readonly claim: string;
  readonly mount: string;
  readonly modelsClaim?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly gpus?: string;
  readonly cpu: string;
  readonly memory: string;
  readonly concurrency?: string;
  readonly backoff: string;
  readonly secret?: string;
  readonly deadline: string;
  readonly writeTo: string;
  readonly apply?: boolean;
}

/** `hazure submit kubernetes learn|detect IMAGES…` */
export function submitKubernetes(phase: ShardedPhase) {
  return async (_session: Session, command: Command, args: string[]): Promise<CommandOutcome> => {
    const flags = command.opts<KubernetesFlags>();
    const { words, outputDir } = commandLine(command, phase, args, (path) => path);
    const files = kubernetesManifests({
      shards: wholeFlag('--shards', flags.shards),
      words,
      inputs: args,
      outputDir,
      name: flags.name,
      namespace: flags.namespace,
      image: flags.image,
      claim: flags.claim,
      mount: flags.mount,
      modelsClaim: flags.modelsClaim,
      gpus: optional('--gpus', flags.gpus),
      cpu: flags.cpu,
      memory: flags.memory,
      concurrency: optional('--concurrency', flags.concurrency),
      backoff: numberFlag('--backoff', flags.backoff, { min: 0, max: 1000, integer: true }),
      secret: flags.secret,
      mergeDeadlineSeconds: wholeFlag('--deadline', flags.deadline),
    });
    const folder = resolve(flags.writeTo);
    for (const [name, text] of Object.entries(files)) await writeAtomic(join(folder, name), text);
    const said = flags.apply ? await tool('kubectl', ['apply', '-k', folder], '--apply') : null;
    return {
      json: { folder, files: Object.keys(files), applied: said !== null },
      text: said === null ? `written: ${folder}\napply:   kubectl apply -k ${folder}` : said,
      exitCode: EXIT.done,
    };
  };
}

/** What was chosen, from flags, environment and config file, as words of one command line. */
function commandLine(
  command: Command,
  phase: ShardedPhase,
  args: readonly string[],
  place: (path: string) => string,
): { readonly words: string[]; readonly outputDir: string } {
  const options = givenOptions(command, phase, process.env);
  if ('shard' in options) throw new ConfigError('submit numbers the parts itself; leave --shard out');
  if (phase === 'detect' && options['baseline'] === undefined)
    throw new ConfigError('submit … detect needs --baseline, the baseline_… folder to judge against');
  if (args.includes('-'))
    throw new ConfigError('Parts on other machines have no standard input; give a list file');
  const outputDir = place((options['outputDir'] as string | undefined) ?? 'results');
  const words = Object.entries({ ...options, outputDir }).flatMap(([key, value]) => flagWords(key, value));
  return { words: [phase, ...words], outputDir };
}

function flagWords(key: string, value: unknown): string[] {
  if (value === true) return [flagOf(key)];
  if (value === false) return [flagOf(key).replace('--', '--no-')];
  // joined, so that a value that begins with - is no flag
  return [`${flagOf(key)}=${Array.isArray(value) ? value.join(',') : String(value)}`];
}

const wholeFlag = (flag: string, text: string): number =>
  numberFlag(flag, text, { min: 1, max: 10_000_000, integer: true });
const optional = (flag: string, text: string | undefined): number | undefined =>
  text === undefined ? undefined : wholeFlag(flag, text);

/** @returns the job's number */
async function sbatch(args: readonly string[]): Promise<string> {
  const said = await tool('sbatch', ['--parsable', ...args], 'submit slurm');
  const id = /^\d+/.exec(said)?.[0];
  if (id === undefined)
    throw new InputError('INPUT_INVALID', `sbatch answered "${said}", which is no job number`);
  return id;
}

async function tool(name: string, args: readonly string[], wants: string): Promise<string> {
  try {
    return (await run(name, [...args])).stdout.trim();
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const said = (cause as { stderr?: string }).stderr?.trim();
    throw new InputError(
      missing ? 'INPUT_MISSING' : 'INPUT_INVALID',
      missing ? `${wants} needs ${name}, which is not on the PATH` : `${name}: ${said || messageOf(cause)}`,
      {
        cause,
        hint: missing ? `Run this where ${name} is, or only write the files.` : `See what ${name} says.`,
      },
    );
  }
}
