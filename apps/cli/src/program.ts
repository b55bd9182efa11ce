import { Command, CommanderError, Option } from 'commander';
import { EXIT, HazureError } from '@hazure/contracts';
import { createLogger } from './console/logger.js';
import { printError, printOutcome } from './console/outcome.js';
import { createSession } from './session.js';
import { acceptSnakeCase, addOptions, type OptionCommand } from './options/flags.js';
import type { Action } from './action.js';
import { addSubmitCommands } from './options/submit.js';
import { usageError } from './options/usage.js';
import { HAZURE_VERSION } from '@hazure/hazure';

const ARGUMENTS: Readonly<Record<string, string>> = {
  '<images...>':
    'folders, image files, globs, lists (.txt, .csv, .jsonl, .parquet, - for standard input), .tar, .zip, s3://…, http(s)://…, videos',
  '[images]': 'folder of images (absent: scenes made up for it)',
  '<X.npy>': 'n × d matrix',
};

/** The commands whose options are defined in contracts. */
const COMMANDS: readonly {
  name: OptionCommand;
  argument: keyof typeof ARGUMENTS | null;
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
  {
    name: 'demo',
    argument: null,
    summary: 'make scenes with planted odd ones out and find them',
    action: async () => (await import('./commands/demo.js')).demoCommand,
  },
  {
    name: 'bench',
    argument: '[images]',
    summary: 'measure batch sizes, devices and the whole pipeline, and recommend what to set',
    action: async () => (await import('./commands/bench.js')).benchCommand,
  },
  {
    name: 'doctor',
    argument: null,
    summary: 'what this machine offers, and the fix for what is missing',
    action: async () => (await import('./commands/doctor.js')).doctorCommand,
  },
  {
    name: 'evaluate',
    argument: null,
    summary: 'measure scorers on embeddings with labels, or a finished run on its truth',
    action: async () => (await import('./commands/evaluate.js')).evaluateCommand,
  },
  {
    name: 'project',
    argument: '<X.npy>',
    summary: 't-SNE map of embeddings',
    action: async () => (await import('./commands/project.js')).projectCommand,
  },
];

function withOutput(command: Command): Command {
  return command
    .option('--json', 'print one JSON document on standard output')
    .option('--quiet', 'only errors on standard error');
}

type Bind = (command: Command, load: () => Promise<Action>) => Command;

function addModels(program: Command, bind: Bind): void {
  const models = program.command('models').description('list, fetch, verify and locate models');
  const add = (name: string, description: string, argument: readonly [string, string] | null): Command => {
    const command = withOutput(models.command(name).description(description));
    return argument ? command.argument(...argument) : command;
  };
  bind(
    add('list', 'every model that hazure knows by name', null),
    async () => (await import('./commands/models.js')).modelsListCommand,
  );
  bind(
    add('pull', 'fetch models into the cache', ['<names...>', 'model or pack names, see models list']),
    async () => (await import('./commands/models.js')).modelsPullCommand,
  );
  bind(
    add('verify', 'compare cached models with their checksums', ['[names...]', 'all when absent']),
    async () => (await import('./commands/models.js')).modelsVerifyCommand,
  );
  bind(
    add('path', 'where a cached model lies', ['<name>', 'see models list']),
    async () => (await import('./commands/models.js')).modelsPathCommand,
  );
  const file = 'model name, hub repository or path to an .onnx file';
  bind(
    add('describe', 'how a model file is read, and why', ['<name>', file]).addOption(
      new Option('--as <ROLE>', 'only as this').choices(['detector', 'embedder']),
    ),
    async () => (await import('./commands/models.js')).modelsDescribeCommand,
  );
  const quantize = add(
    'quantize',
    'make an int8 model, calibrated on your own images, and say what it costs and gives',
    ['<model>', 'registry name or path to an .onnx file'],
  )
    .requiredOption('--calibrate <IMAGES...>', ARGUMENTS['<images...>'])
    .option('--out <FILE>', 'the model to write (default: the name with -int8.onnx, in this folder)')
    .addOption(
      new Option('--target <TARGET>', 'what will run it').choices(['cpu', 'tensorrt']).default('cpu'),
    )
    .option('--max-loss <X>', 'most that may be lost: boxes not agreed on, or 1 − mean cosine (0.02, 0.003)');
  bind(quantize, async () => (await import('./commands/quantize.js')).quantizeCommand);
}

/** Builds the `hazure` program. `finish` receives the exit code of the command that ran. */
function buildProgram(finish: (code: number) => void): Command {
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

  const bind: Bind = (command, load) =>
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

  for (const { name, argument, summary, action } of COMMANDS) {
    const command = withOutput(program.command(name).description(summary));
    if (argument) command.argument(argument, ARGUMENTS[argument]);
    command.option(
      '--config <FILE>',
      'JSON or YAML file with these options; flags and HAZURE_… variables win over it',
    );
    if (name === 'detect')
      command.option('--stream', 'print each judged object as a line of JSON while images finish');
    if (name === 'learn') command.option('--extend <BASELINE>', 'grow from this baseline; the old one stays');
    addOptions(command, name);
    bind(command, action);
  }
  addModels(program, bind);

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

  addSubmitCommands(program, ARGUMENTS['<images...>'], (command, load) => bind(withOutput(command), load));

  const feedback = withOutput(
    program
      .command('feedback')
      .description('make a new baseline that knows accepted false alarms as normal')
      .argument('<baseline>', 'baseline_… folder'),
  );
  feedback
    .option('--accept <FILE.csv>', 'crop or image ids, such as rows of outlier_list.csv')
    .option('--run <DETECTION_DIR>', 'the detection that they are of')
    .option('--output-dir <DIR>', 'where the new baseline goes (default: beside the old one)');
  bind(feedback, async () => (await import('./commands/feedback.js')).feedbackCommand);

  bind(
    withOutput(
      program
        .command('report')
        .description('make the HTML report of a finished run again')
        .argument('<run-dir>', 'baseline_… or detection_… folder'),
    ),
    async () => (await import('./commands/report.js')).reportCommand,
  );

  const exported = withOutput(
    program
      .command('export')
      .description('write a finished run in the format of another tool')
      .argument('<run-dir>', 'baseline_… or detection_… folder'),
  );
  exported
    .addOption(
      new Option('--to <FORMAT>', 'format').choices([
        'coco',
        'yolo',
        'labelme',
        'fiftyone',
        'csv',
        'annotated',
      ]),
    )
    .option('--out <DIR>', 'new or empty folder (default: beside the run)');
  bind(exported, async () => (await import('./commands/export.js')).exportCommand);

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
