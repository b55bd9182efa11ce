import { ConfigError } from '@hazure/contracts';
import { shellQuote } from './shell.js';

/** How a sharded run is given to Slurm. */
export interface SlurmPlan {
  readonly shards: number;
  /** Phase and options, as words of a command line after `hazure`, without `--shard`. */
  readonly words: readonly string[];
  readonly inputs: readonly string[];
  /** Absolute path; the scripts and logs go to `<outputDir>/slurm`. */
  readonly outputDir: string;
  /** What starts hazure on a node, as words; such as `['hazure']` or `['apptainer', 'run', 'hazure.sif']`. */
  readonly command: readonly string[];
  readonly jobName: string;
  readonly partition?: string | undefined;
  readonly account?: string | undefined;
  /** GPUs of each task. */
  readonly gpus?: number | undefined;
  readonly cpus?: number | undefined;
  /** Slurm's own form, such as `64G`. */
  readonly memory?: string | undefined;
  /** Of each task, in Slurm's own form, such as `04:00:00`; a task that reaches it is requeued where it stopped. */
  readonly time?: string | undefined;
  /** Tasks at the same time. */
  readonly concurrency?: number | undefined;
  /** Seconds before the time limit at which a task is told to finish its batch. */
  readonly graceSeconds: number;
  /** More lines for `#SBATCH`. */
  readonly extra: readonly string[];
}

export interface SlurmScripts {
  readonly array: string;
  readonly merge: string;
}

const WORD = /^[A-Za-z0-9_.,:@%+/=-]+$/;

/**
 * The array script and the one that merges after it.
 *
 * A task that is told to stop (by `--signal` before its time limit, by `scancel --signal=TERM`, by preemption) lets hazure
 * commit what is done and puts itself back in the queue; there it goes on where it stopped. So does one whose node died,
 * by `--requeue`. Images that can't be read are no failure of a task: they are in the merged run's failures.jsonl.
 * @throws ConfigError for values that are no single word of an `#SBATCH` line
 */
export function slurmScripts(plan: SlurmPlan): SlurmScripts {
  const limit = plan.concurrency === undefined ? '' : `%${plan.concurrency}`;
  const common = [
    ...directive('partition', plan.partition),
    ...directive('account', plan.account),
    ...plan.extra.map((line) => `#SBATCH ${oneLine(line)}`),
  ];
  const command = plan.command.map(shellQuote).join(' ');
  const array = [
    '#!/bin/bash',
    `#SBATCH --job-name=${word('job name', plan.jobName)}`,
    `#SBATCH --array=1-${plan.shards}${limit}`,
    ...common,
    ...directive('gpus-per-task', plan.gpus),
    '#SBATCH --ntasks=1',
    ...directive('cpus-per-task', plan.cpus),
    ...directive('mem', plan.memory),
    ...directive('time', plan.time),
    '#SBATCH --requeue',
    '#SBATCH --open-mode=append',
    `#SBATCH --signal=B:TERM@${plan.graceSeconds}`,
    `#SBATCH --output=${logPath(plan.outputDir, '%a.log')}`,
    '',
    TASK.replace('COMMAND', () => `${command} ${plan.words.map(shellQuote).join(' ')}`)
      .replace('SHARDS', `${plan.shards}`)
      .replace('INPUTS', () => plan.inputs.map(shellQuote).join(' ')),
  ];
  const merge = [
    '#!/bin/bash',
    `#SBATCH --job-name=${word('job name', plan.jobName)}-merge`,
    ...common,
    '#SBATCH --ntasks=1',
    ...directive('cpus-per-task', plan.cpus),
    ...directive('mem', plan.memory),
    '#SBATCH --requeue',
    '#SBATCH --open-mode=append',
    `#SBATCH --output=${logPath(plan.outputDir, 'merge.log')}`,
    '',
    `${command} merge ${shellQuote(plan.outputDir)} --json`,
    'code=$?',
    '# 3: done, and some images could not be read',
    '[ "$code" -eq 3 ] && code=0',
    'exit "$code"',
    '',
  ];
  return { array: array.join('\n'), merge: merge.join('\n') };
}

/** Runs hazure beside the shell, so that the shell hears the signal and can put the task back in the queue. */
const TASK = `stopped=0
stop() {
  stopped=1
  kill -TERM "$hazure" 2>/dev/null
}
trap stop TERM
COMMAND --shard "\${SLURM_ARRAY_TASK_ID}/SHARDS" -- INPUTS &
hazure=$!
wait "$hazure"
code=$?
# a trapped signal ends the wait, not hazure
while kill -0 "$hazure" 2>/dev/null; do
  wait "$hazure"
  code=$?
done
task="\${SLURM_ARRAY_JOB_ID}_\${SLURM_ARRAY_TASK_ID}"
# one that was cancelled is not running any more, and stays cancelled
if [ "$stopped" -eq 1 ] && [ "$code" -ne 0 ] && [ "$(squeue -h -j "$task" -o %T)" = RUNNING ]; then
  echo "part \${SLURM_ARRAY_TASK_ID} was told to stop; back to the queue, to go on from there"
  scontrol requeue "$task" && exit 0
fi
exit "$code"
`;

function directive(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`#SBATCH --${name}=${word(name, `${value}`)}`];
}

/** A blank or a line break would begin another option of sbatch. */
function word(name: string, value: string): string {
  if (WORD.test(value)) return value;
  throw new ConfigError(`${name} "${value}" is no word that Slurm takes`, {
    hint: 'Letters, digits and _ . , : @ % + / = - are.',
  });
}

function oneLine(text: string): string {
  if (/^--[a-z]/.test(text) && !/[\r\n]/.test(text)) return text;
  throw new ConfigError(`"${text}" is no option of sbatch`, { hint: 'Write it as --constraint=a100.' });
}

/** sbatch takes a quoted path, and reads % and \\ in it. */
function logPath(outputDir: string, name: string): string {
  if (/["%\\\r\n]/.test(outputDir)) {
    throw new ConfigError(
      `Slurm can't write logs below ${outputDir}: its name has a ", %, \\ or line break`,
      {
        hint: 'Use another --output-dir.',
      },
    );
  }
  return `"${outputDir}/slurm/${name}"`;
}
