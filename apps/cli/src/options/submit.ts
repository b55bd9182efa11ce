import { Option, type Command } from 'commander';
import type { Action } from '../action.js';
import { addOptions } from './flags.js';

type Bind = (command: Command, load: () => Promise<Action>) => void;

const PHASES = ['learn', 'detect'] as const;

/** `hazure submit slurm|kubernetes learn|detect IMAGES…`: the phase's own options, and those of the engine. */
export function addSubmitCommands(program: Command, inputs: string, bind: Bind): void {
  const submit = program
    .command('submit')
    .description('give the parts of learn or detect to Slurm or Kubernetes, and their merge after them');
  const slurm = submit.command('slurm').description('a job array, and a merge that depends on it');
  const kubernetes = submit
    .command('kubernetes')
    .description('an Indexed Job, and a merge that waits for it');
  for (const phase of PHASES) {
    bind(slurmOptions(withPhase(slurm, phase, inputs)), async () =>
      (await import('../commands/submit.js')).submitSlurm(phase),
    );
    bind(kubernetesOptions(withPhase(kubernetes, phase, inputs)), async () =>
      (await import('../commands/submit.js')).submitKubernetes(phase),
    );
  }
}

function withPhase(parent: Command, phase: (typeof PHASES)[number], inputs: string): Command {
  const command = parent
    .command(phase)
    .description(`the parts of hazure ${phase}`)
    .argument('<images...>', inputs)
    .option('--config <FILE>', 'JSON or YAML file with options of the phase')
    .requiredOption('--shards <N>', 'how many parts');
  addOptions(command, phase);
  return command;
}

function slurmOptions(command: Command): Command {
  return command
    .option('--partition <NAME>', 'where to run')
    .option('--account <NAME>', 'who pays')
    .option('--gpus <N>', 'GPUs of a part')
    .option('--cpus <N>', 'CPU cores of a part')
    .option('--mem <SIZE>', 'memory of a part, such as 32G')
    .option('--time <TIME>', 'time limit of a part, such as 04:00:00; one that reaches it is requeued')
    .option('--concurrency <N>', 'parts at the same time')
    .option('--grace <S>', 'seconds before the limit at which a part finishes its batch', '60')
    .option('--job-name <NAME>', 'name of the jobs', 'hazure')
    .option('--command <WORDS>', 'what starts hazure on a node (absent: this program, on a shared disk)')
    .addOption(
      new Option('--sbatch <OPTION...>', 'more options of sbatch, such as --sbatch=--qos=low').default(
        [],
        'none',
      ),
    )
    .option('--dry-run', 'write the scripts and submit nothing');
}

function kubernetesOptions(command: Command): Command {
  return command
    .requiredOption('--image <IMAGE>', 'container image of hazure')
    .requiredOption('--claim <NAME>', 'PersistentVolumeClaim with the images and for the results')
    .option('--mount <PATH>', 'where it is mounted; inputs and --output-dir are below', '/data')
    .option('--models-claim <NAME>', 'PersistentVolumeClaim of a filled model cache, read-only')
    .option('--namespace <NAME>', 'namespace of the jobs')
    .option('--name <NAME>', 'name of the jobs', 'hazure')
    .option('--gpus <N>', 'GPUs of a part')
    .option('--cpu <QUANTITY>', 'CPU of a part', '4')
    .option('--memory <QUANTITY>', 'memory of a part', '16Gi')
    .option('--concurrency <N>', 'parts at the same time')
    .option('--backoff <N>', 'times that a part is tried again', '3')
    .option('--secret <NAME>', 'Secret with AWS_… for inputs on S3')
    .option('--deadline <S>', 'longest that the merge waits for the parts', '604800')
    .option('--write-to <DIR>', 'where the manifests are written', 'kubernetes')
    .option('--apply', 'give them to kubectl');
}
