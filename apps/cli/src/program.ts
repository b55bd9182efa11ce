import { Command, CommanderError, Option } from 'commander';
import { EXIT, HazureError, type PhaseCommand } from '@hazure/contracts';
import { createLogger } from './console/logger.js';
import { printError, printOutcome, type CommandOutcome } from './console/outcome.js';
import { createSession, type CommandSession } from './session.js';
import { acceptSnakeCase, addPhaseOptions } from './options/flags.js';
import { addSubmitCommands } from './options/submit.js';
import { usageError } from './options/usage.js';
import { HAZURE_VERSION } from '@hazure/hazure';

/** Loaded only when its command runs, so that `--help` and small commands start fast. */
export type Action = (session: CommandSession, command: Command, args: string[]) => Promise<CommandOutcome>;

const PHASES: readonly {
  name: PhaseCommand;
  argument: string | null;
  summary: string;
  action: () => Promise<Action>;
}[] = [
  {
    name: 'run',
    argument: null,
    summary: 'learn what is normal from one input, then judge another',
    action: async () => (await import('./commands/phases.js')).runCommand,
  },
  {
    name: 'learn',
    argument: '<images...>',
    summary: 'learn what is normal from images',
    action: async () => (await import('./commands/phases.js')).learnCommand,
  },
  {
    name: 'detect',
    argument: '<images...>',
    summary: 'judge the objects of new images against a learned baseline',
    action: async () => (await import('./commands/phases.js')).detectCommand,
  },
];

const INPUTS =
  'folders, image files, globs, lists (.txt, .csv, .jsonl, .parquet, - for standard input), .tar, .zip, s3://…, http(s)://…, videos';

function withOutput(command: Command): Command {
  return command
    .option('--json', 'print one JSON document on standard output')
    .option('--quiet', 'only errors on standard error');
}

/** Builds the `hazure` program. `finish` receives the exit code of the command that ran. */
export function buildProgram(finish: (code: number) => void): Command {
  const program = new Command('hazure')
    .description(
      'Finds the objects that do not belong, after learning what is normal from a folder of images.',
    )
    .version(HAZURE_VERSION)
    .exitOverride()
    // runProgram says it, with the nearest name and, under --json, as a document
    .configureOutput({ outputError: () => undefined })
    .configureHelp({ sortSubcommands: false })
    .addHelpText('after', '\nhazure COMMAND --help lists the options of a command.');

  const bind = (command: Command, load: () => Promise<Action>): Command =>
    command.action(async () => {
      const { json = false, quiet = false } = command.opts<{ json?: boolean; quiet?: boolean }>();
      const logger = createLogger({ quiet });
      const session = createSession({ logger, quiet });
      try {
        const action = await load();
        finish(printOutcome(await action(session, command, command.args), json));
      } catch (error) {
        finish(printError(error, json, logger));
      } finally {
        session.release();
      }
    });

  for (const { name, argument, summary, action } of PHASES) {
    const command = withOutput(program.command(name).description(summary));
    if (argument) command.argument(argument, INPUTS);
    command.option(
      '--config <FILE>',
      'JSON or YAML file with these options; flags and HAZURE_… variables win over it',
    );
    addPhaseOptions(command, name);
    bind(command, action);
  }

  bind(
    withOutput(
      program
        .command('merge')
        .description('make one finished run of the parts that learn or detect --shard left')
        .argument('<output-dir>', 'their output folder, or the unfinished run in it')
        .option('--wait <S>', 'wait so many seconds at most for parts that are not done'),
    ),
    async () => (await import('./commands/parts.js')).mergeCommand,
  );
  bind(
    withOutput(
      program
        .command('status')
        .description('how far the parts of a sharded run are')
        .argument('<output-dir>', 'their output folder, or the unfinished run in it'),
    ),
    async () => (await import('./commands/parts.js')).statusCommand,
  );

  addSubmitCommands(program, INPUTS, (command, load) => bind(withOutput(command), load));

  const demo = withOutput(
    program.command('demo').description('make scenes with planted odd ones out and find them'),
  );
  demo.option('--output-dir <DIR>', 'where the scenes and runs go', 'results/demo');
  demo.option('--seed <N>', 'seed of the scenes and of the run', '42');
  bind(demo, async () => (await import('./commands/demo.js')).demoCommand);

  const bench = withOutput(
    program
      .command('bench')
      .description('measure batch sizes, devices and the whole pipeline, and recommend what to set')
      .argument('[images]', 'folder of images (absent: scenes made up for it)'),
  );
  bench
    .addOption(
      new Option('--models <PACK>', 'model pack that fills in what is left open')
        .choices(['starter', 'standard'])
        .default('starter'),
    )
    .option('--detector <MODEL>', 'registry name or path to an .onnx file')
    .option('--embedder <MODEL>', 'registry name or path to an .onnx file')
    .option('--batch-sizes <LIST>', 'such as 1,2,4,8 (default: 1 to 16 on a CPU, 1 to 128 on a GPU)')
    .option('--device <LIST>', 'auto, cpu, cuda, tensorrt; several are compared', 'auto')
    .option('--precision <LIST>', 'auto, fp32, fp16; several are compared', 'auto')
    .option('--threads <LIST>', 'CPU cores to use, 0 = all; several are compared', '0')
    .option('--images <N>', 'most images of the folder to use', '256')
    .option('--seconds <S>', 'time for each batch size in each round', '1')
    .option('--rounds <N>', 'how often everything is measured', '3')
    .option('--plot <P.png>', 'draw throughput over batch sizes')
    .option('--offline', 'never touch a network to get models')
    .option('--seed <N>', 'seed of made-up scenes', '42');
  bind(bench, async () => (await import('./commands/bench.js')).benchCommand);

  const doctor = withOutput(
    program.command('doctor').description('what this machine offers, and the fix for what is missing'),
  );
  doctor
    .option('--fetch-gpu', "fetch ONNX Runtime's CUDA and TensorRT providers first (once, about 280 MiB)")
    .option('--check-registry', 'ask the npm registry whether it answers')
    .option('--output-dir <DIR>', 'where results would go, to see the room there', 'results');
  bind(doctor, async () => (await import('./commands/doctor.js')).doctorCommand);

  const models = program.command('models').description('list, fetch, verify and locate models');
  bind(
    withOutput(models.command('list').description('every model that hazure knows by name')),
    async () => (await import('./commands/models.js')).modelsListCommand,
  );
  bind(
    withOutput(
      models
        .command('pull')
        .description('fetch models into the cache')
        .argument('<names...>', 'model or pack names, see models list'),
    ),
    async () => (await import('./commands/models.js')).modelsPullCommand,
  );
  bind(
    withOutput(
      models
        .command('verify')
        .description('compare cached models with their checksums')
        .argument('[names...]'),
    ),
    async () => (await import('./commands/models.js')).modelsVerifyCommand,
  );
  bind(
    withOutput(models.command('path').description('where a cached model lies').argument('<name>')),
    async () => (await import('./commands/models.js')).modelsPathCommand,
  );
  bind(
    withOutput(
      models
        .command('describe')
        .description('how a model file is read, and why')
        .argument('<name>', 'model name, hub repository or path to an .onnx file')
        .addOption(new Option('--as <ROLE>', 'only as this').choices(['detector', 'embedder'])),
    ),
    async () => (await import('./commands/models.js')).modelsDescribeCommand,
  );

  bind(
    withOutput(
      program
        .command('report')
        .description('make the HTML report of a finished run again')
        .argument('<run-dir>', 'baseline_… or detection_… folder'),
    ),
    async () => (await import('./commands/report.js')).reportCommand,
  );

  const evaluate = withOutput(
    program
      .command('evaluate')
      .description('measure scorers on embeddings with labels, or a finished run on its truth'),
  );
  evaluate
    .option('--train <A.npy>', 'embeddings of normal items to fit on')
    .option('--test <B.npy>', 'embeddings to judge')
    .option('--labels <L.npy>', 'integers, one per test row, 1 = anomaly')
    .option('--scorers <LIST>', 'iforest,mahalanobis,knn,ensemble')
    .option('--threshold-percentile <P>', 'percentile whose false alarms are measured', '95')
    .option('--run <DETECTION_DIR>', 'a finished detection run, with --truth')
    .option('--truth <FILE.csv>', 'columns image (or crop) and label (1 = anomaly)')
    .option('--seed <N>', 'seed of the scorers and the bootstrap', '42');
  bind(evaluate, async () => (await import('./commands/evaluate.js')).evaluateCommand);

  const project = withOutput(
    program.command('project').description('t-SNE map of embeddings').argument('<X.npy>', 'n × d matrix'),
  );
  project
    .option('--out <XY.npy>', 'where the n × 2 map goes')
    .option('--method <METHOD>', 'auto, exact, barnes-hut or fft', 'auto')
    .option('--perplexity <P>', 'effective number of neighbours', '30')
    .option('--iterations <N>', 'optimiser steps', '1000')
    .option('--metric <METRIC>', 'euclidean or cosine', 'euclidean')
    .option('--labels <L.npy>', 'integer classes that colour the plot')
    .option('--plot <P.png>', 'draw the map')
    .option('--seed <N>', 'seed', '42');
  bind(project, async () => (await import('./commands/project.js')).projectCommand);

  return program;
}

/** Runs one command line (without node and script) and returns the exit code. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.done;
  const program = buildProgram((code) => {
    exitCode = code;
  });
  const words = acceptSnakeCase(argv);
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    const wrong = error instanceof CommanderError ? error : null;
    if (wrong?.exitCode === 0) return EXIT.done;
    if (wrong?.code === 'commander.help') return EXIT.usage; // the help was printed instead of a complaint
    if (!wrong && !(error instanceof HazureError)) throw error;
    const shown = wrong ? usageError(wrong, program, words) : error;
    return printError(shown, words.includes('--json'), createLogger({ quiet: false }));
  }
  return exitCode;
}
