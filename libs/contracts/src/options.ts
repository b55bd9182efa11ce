import { z } from 'zod';
import { ConfigError } from './errors.js';
import { nearestName } from './nearest.js';

/**
 * Every option of `learn`, `detect` and `run`, defined once: flags, environment variables, config file, help
 * text and the published JSON Schema come from this object. Keys are camelCase; the flag is the kebab-case
 * form and the Python script's snake_case is accepted too.
 */
export interface OptionMeta {
  readonly group:
    'input' | 'models' | 'detection' | 'scoring' | 'semantics' | 'captions' | 'output' | 'running';
  /** What stands for the value in the help, e.g. `DIR`. */
  readonly placeholder?: string;
  /** Commands that know the option; absent means learn, detect and run. */
  readonly commands?: readonly PhaseCommand[];
}
export type PhaseCommand = 'learn' | 'detect' | 'run';

const folder = (): z.ZodString => z.string().min(1, 'needs a folder');
const list = (): z.ZodArray<z.ZodString> =>
  z.array(z.string().trim().min(1)).min(1, 'needs at least one value');

/** `0-999,2000`: inclusive ranges and single indices, ascending or not. */
const INDEX_RANGES = /^\s*\d+\s*(-\s*\d+\s*)?(,\s*\d+\s*(-\s*\d+\s*)?)*$/;
const indexRanges = (): z.ZodString => z.string().regex(INDEX_RANGES, 'must look like 0-999,2000');

export const phaseOptionsSchema = z.strictObject({
  baselineFolder: folder()
    .optional()
    .describe('normal images to learn from: a folder, or any other input that learn takes')
    .meta({ group: 'input', placeholder: 'DIR', commands: ['run'] } satisfies OptionMeta),
  testFolder: folder()
    .optional()
    .describe('new images to judge: a folder, or any other input that detect takes')
    .meta({ group: 'input', placeholder: 'DIR', commands: ['run'] } satisfies OptionMeta),
  baseline: folder()
    .optional()
    .describe('finished baseline_… folder to judge against')
    .meta({ group: 'input', placeholder: 'DIR', commands: ['detect'] } satisfies OptionMeta),
  outputDir: folder()
    .default('results')
    .describe('where run folders are made')
    .meta({ group: 'input', placeholder: 'DIR' } satisfies OptionMeta),
  every: z
    .int()
    .min(1)
    .optional()
    .describe('only every Nth image in order, and of a video every Nth frame')
    .meta({ group: 'input', placeholder: 'N' } satisfies OptionMeta),
  limit: z
    .int()
    .min(1)
    .optional()
    .describe('at most so many images of each input, the first in order')
    .meta({ group: 'input', placeholder: 'N' } satisfies OptionMeta),
  exclude: list()
    .optional()
    .describe('leave out images whose name or path matches these globs')
    .meta({ group: 'input', placeholder: 'GLOBS' } satisfies OptionMeta),
  inputRoot: folder()
    .optional()
    .describe(
      'folder, prefix or address that image ids are relative to (absent: what all inputs have in common)',
    )
    .meta({ group: 'input', placeholder: 'DIR' } satisfies OptionMeta),
  trainIndices: indexRanges()
    .optional()
    .describe('only these images of the baseline input, e.g. 0-999,2000')
    .meta({ group: 'input', placeholder: 'RANGES', commands: ['learn', 'run'] } satisfies OptionMeta),
  testIndices: indexRanges()
    .optional()
    .describe('only these images of the test input; also the unit of sharding')
    .meta({ group: 'input', placeholder: 'RANGES', commands: ['detect', 'run'] } satisfies OptionMeta),

  models: z
    .enum(['starter', 'standard'])
    .default('starter')
    .describe('model pack that fills in what --detector, --embedder and --captioner leave open')
    .meta({ group: 'models' } satisfies OptionMeta),
  detector: z
    .string()
    .min(1)
    .optional()
    .describe('registry name, path to an .onnx file, none (whole images) or grid:RxC (tiles)')
    .meta({ group: 'models', placeholder: 'MODEL' } satisfies OptionMeta),
  embedder: z
    .string()
    .min(1)
    .optional()
    .describe('registry name or path to an .onnx file')
    .meta({ group: 'models', placeholder: 'MODEL' } satisfies OptionMeta),
  captioner: z
    .enum(['template', 'openai', 'qwen2-vl'])
    .optional()
    .describe(
      'who describes a crop: words from class, colour, size and place; a server; Qwen2-VL in this process',
    )
    .meta({ group: 'models', commands: ['detect', 'run'] } satisfies OptionMeta),

  confThres: z
    .number()
    .min(0)
    .max(1)
    .default(0.3)
    .describe('least confidence of a detection')
    .meta({ group: 'detection' } satisfies OptionMeta),
  iouThres: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('overlap above which the weaker of two boxes of a class is dropped')
    .meta({ group: 'detection' } satisfies OptionMeta),
  maxDetections: z
    .int()
    .min(1)
    .max(10000)
    .default(300)
    .describe('most objects kept per image')
    .meta({ group: 'detection' } satisfies OptionMeta),
  classes: list()
    .optional()
    .describe('only these detector classes, by name or id')
    .meta({ group: 'detection', placeholder: 'LIST' } satisfies OptionMeta),

  contamination: z
    .number()
    .gt(0)
    .max(0.5)
    .default(0.1)
    .describe("isolation forest's offset, as in scikit-learn")
    .meta({ group: 'scoring', commands: ['learn', 'run'] } satisfies OptionMeta),
  scorers: z
    .array(z.enum(['iforest', 'mahalanobis', 'knn', 'ensemble']))
    .min(1)
    .optional()
    .describe('scorers to fit; the first one decides (absent: chosen by evidence)')
    .meta({ group: 'scoring', placeholder: 'LIST', commands: ['learn', 'run'] } satisfies OptionMeta),
  thresholdPercentile: z
    .number()
    .gt(0)
    .lt(100)
    .default(95)
    .describe('a crop above this percentile of held-out baseline scores is a feature outlier')
    .meta({ group: 'scoring' } satisfies OptionMeta),

  perClass: z
    .boolean()
    .default(false)
    .describe('judge each object against its own class; rare classes against all')
    .meta({ group: 'scoring', commands: ['learn', 'run'] } satisfies OptionMeta),
  fdr: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe(
      'control the share of false alarms among the flagged (Benjamini-Hochberg) instead of the percentile',
    )
    .meta({ group: 'scoring', placeholder: 'RATE', commands: ['detect', 'run'] } satisfies OptionMeta),

  useConceptList: z
    .boolean()
    .default(false)
    .describe('expand the baseline classes with related concepts')
    .meta({ group: 'semantics', commands: ['learn', 'run'] } satisfies OptionMeta),
  conceptPrompt: z
    .enum(['important', 'similar', 'context', 'condition'])
    .default('important')
    .describe('what a language model is asked about each class')
    .meta({ group: 'semantics', commands: ['learn', 'run'] } satisfies OptionMeta),
  conceptList: z
    .string()
    .min(1)
    .optional()
    .describe('file with common concepts: one a line, or a JSON list')
    .meta({ group: 'semantics', placeholder: 'FILE', commands: ['learn', 'run'] } satisfies OptionMeta),
  similarity: z
    .enum(['auto', 'wordnet', 'clip'])
    .default('auto')
    .describe(
      "how captions are compared with labels; auto: by the embedder's text tower where it has one, else WordNet",
    )
    .meta({ group: 'semantics', commands: ['detect', 'run'] } satisfies OptionMeta),
  lim1: z
    .number()
    .min(-1)
    .max(1)
    .default(0.8)
    .describe('least similarity at which a caption matches a concept')
    .meta({ group: 'semantics', commands: ['detect', 'run'] } satisfies OptionMeta),
  lim2: z
    .number()
    .min(-1)
    .max(1)
    .default(1)
    .describe('greatest similarity at which a caption matches a concept')
    .meta({ group: 'semantics', commands: ['detect', 'run'] } satisfies OptionMeta),
  potentialClasses: list()
    .optional()
    .describe('labels to look for as likely anomalies')
    .meta({ group: 'semantics', placeholder: 'LIST', commands: ['detect', 'run'] } satisfies OptionMeta),
  onlyAdditionalCandidates: z
    .boolean()
    .default(false)
    .describe("match only expanded, listed and potential concepts, not the detector's class names")
    .meta({ group: 'semantics', commands: ['detect', 'run'] } satisfies OptionMeta),
  fusion: z
    .enum(['any', 'all', 'feature', 'semantic'])
    .default('any')
    .describe('how the two verdicts become one')
    .meta({ group: 'semantics', commands: ['detect', 'run'] } satisfies OptionMeta),

  captionUrl: z
    .url()
    .optional()
    .describe('base URL of an OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1')
    .meta({ group: 'captions', placeholder: 'URL' } satisfies OptionMeta),
  captionModel: z
    .string()
    .min(1)
    .optional()
    .describe('model name to ask the server for')
    .meta({ group: 'captions', placeholder: 'NAME' } satisfies OptionMeta),
  captionConcurrency: z
    .int()
    .min(1)
    .max(1024)
    .default(8)
    .describe('questions in flight at the server')
    .meta({ group: 'captions' } satisfies OptionMeta),
  qwenModelSize: z
    .enum(['2B', '7B'])
    .default('2B')
    .describe('size of Qwen2-VL')
    .meta({ group: 'captions' } satisfies OptionMeta),

  saveCrops: z
    .boolean()
    .default(true)
    .describe('save every crop in cropped_objects/')
    .meta({ group: 'output' } satisfies OptionMeta),
  saveOutliers: z
    .boolean()
    .default(true)
    .describe('save outlier crops in outliers/')
    .meta({ group: 'output', commands: ['detect', 'run'] } satisfies OptionMeta),
  saveOutlierList: z
    .boolean()
    .default(true)
    .describe('write outlier_list.csv')
    .meta({ group: 'output', commands: ['detect', 'run'] } satisfies OptionMeta),
  saveDescriptions: z
    .boolean()
    .default(true)
    .describe('keep the captions in the results')
    .meta({ group: 'output', commands: ['detect', 'run'] } satisfies OptionMeta),
  saveProbabilityPlots: z
    .boolean()
    .default(true)
    .describe('plot the concept probabilities of each outlier beside its crop')
    .meta({ group: 'output', commands: ['detect', 'run'] } satisfies OptionMeta),
  cleanupTempFiles: z
    .boolean()
    .default(false)
    .describe('remove intermediates at a successful end')
    .meta({ group: 'output' } satisfies OptionMeta),

  batchSize: z
    .union([z.literal('auto'), z.int().min(1).max(4096)], {
      error: 'must be auto or a whole number from 1 to 4096',
    })
    .default('auto')
    .describe('items per inference')
    .meta({ group: 'running', placeholder: 'N' } satisfies OptionMeta),
  device: z
    .enum(['auto', 'cpu', 'cuda', 'tensorrt'])
    .default('auto')
    .describe('where the models run; auto tries TensorRT, CUDA, CPU and says why')
    .meta({ group: 'running' } satisfies OptionMeta),
  precision: z
    .enum(['auto', 'fp32', 'fp16'])
    .default('auto')
    .describe('arithmetic on the GPU')
    .meta({ group: 'running' } satisfies OptionMeta),
  threads: z
    .int()
    .min(0)
    .max(1024)
    .default(0)
    .describe('CPU threads; 0 uses every core this process may use')
    .meta({ group: 'running', placeholder: 'N' } satisfies OptionMeta),
  seed: z
    .int()
    .min(0)
    .max(4294967295)
    .default(42)
    .describe('one seed for everything random')
    .meta({ group: 'running', placeholder: 'N' } satisfies OptionMeta),
  resume: z
    .boolean()
    .default(false)
    .describe('go on with an interrupted run of the same settings')
    .meta({ group: 'running' } satisfies OptionMeta),
  offline: z
    .boolean()
    .default(false)
    .describe('never touch a network to get models')
    .meta({ group: 'running' } satisfies OptionMeta),
});

export type PhaseOptions = z.infer<typeof phaseOptionsSchema>;
export type OptionKey = keyof PhaseOptions;

export const PHASE_OPTION_KEYS = Object.keys(phaseOptionsSchema.shape) as OptionKey[];

export function optionMeta(key: OptionKey): OptionMeta {
  return phaseOptionsSchema.shape[key].meta() as unknown as OptionMeta;
}

/** Whether a phase command knows the option. */
export function optionBelongsTo(key: OptionKey, command: PhaseCommand): boolean {
  return optionMeta(key).commands?.includes(command) ?? true;
}

/**
 * Checks option values from outside (already in their JSON types) and fills in the defaults.
 * Throws ConfigError: CONFIG_UNKNOWN_KEY names the nearest valid key; CONFIG_INVALID names each bad value.
 */
export function parsePhaseOptions(values: Readonly<Record<string, unknown>>): PhaseOptions {
  for (const key of Object.keys(values)) {
    if (!(key in phaseOptionsSchema.shape)) {
      throw new ConfigError(
        `Unknown option "${key}"; did you mean "${nearestName(key, PHASE_OPTION_KEYS)}"?`,
        {
          code: 'CONFIG_UNKNOWN_KEY',
        },
      );
    }
  }
  const parsed = phaseOptionsSchema.safeParse(values);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => {
      const key = String(issue.path[0] ?? '');
      return `${flagOf(key)}: ${issue.message} (got ${JSON.stringify(values[key])})`;
    });
    throw new ConfigError(problems.join('; '), { hint: 'See --help for what each option takes.' });
  }
  if (parsed.data.lim1 > parsed.data.lim2) {
    throw new ConfigError(`--lim1 (${parsed.data.lim1}) must not be above --lim2 (${parsed.data.lim2})`);
  }
  return parsed.data;
}

/** `confThres` → `--conf-thres`. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** JSON Schema of a config file, for editors; config.schema.json beside src is a copy of it. */
export function phaseOptionsJsonSchema(): object {
  const named = phaseOptionsSchema.extend({
    $schema: z.string().optional().describe('where this schema lies'),
  });
  return { title: 'Config file of hazure', ...z.toJSONSchema(named, { io: 'input' }) };
}

/** `0-2,7` → the set of indices; null selects all. */
export function parseIndexRanges(text: string | undefined): ((index: number) => boolean) | null {
  if (text === undefined) return null;
  const ranges = text.split(',').map((part) => {
    const [from, to = from] = part.split('-').map((piece) => Number(piece.trim()));
    if (to < from) throw new ConfigError(`The range ${part.trim()} runs backwards; write ${to}-${from}`);
    return { from, to };
  });
  return (index) => ranges.some(({ from, to }) => index >= from && index <= to);
}
