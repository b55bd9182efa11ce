import { checkPercentile } from '@hazure/anomaly-scoring';
import { refuse } from '@hazure/pipeline';
import {
  ConfigError,
  optionBelongsTo,
  parsePhaseOptions,
  type CaptionOptions,
  type DetectionOptions,
  type InputOptions,
  type Logger,
  type ModelOptions,
  type OptionKey,
  type OutputOptions,
  type PhaseCommand,
  type PhaseOptions,
  type ProgressEvent,
  type RunningOptions,
  type ScoringOptions,
  type SemanticsOptions,
} from '@hazure/contracts';
import type { JudgedCrop } from '@hazure/pipeline';

/** Who watches a run, and may stop it. */
export interface Watching {
  /** Aborting it finishes the batch in hand, commits what is done, and rejects with InterruptedError. */
  readonly signal?: AbortSignal | undefined;
  /** Called as work goes on; it should return at once. An event with `finished` is the last one of its stage. */
  readonly onProgress?: ((event: ProgressEvent & { readonly finished?: boolean }) => void) | undefined;
  /** What would be told to a person; silent when absent. Warnings are also in the result. */
  readonly logger?: Logger | undefined;
}

/** Every member may be left out; `undefined` counts as left out. */
type Choices<T> = { readonly [K in keyof T]?: T[K] | undefined };

type StageOptions = ModelOptions &
  DetectionOptions &
  ScoringOptions &
  SemanticsOptions &
  CaptionOptions &
  OutputOptions &
  Omit<RunningOptions, 'shard'>;

/**
 * Images to work on: a folder, a file, a glob, a list, an archive, an address, a video, or several of them
 * (docs/how-to/inputs.md).
 */
export type ImageInputs = string | readonly string[];

type InputChoices = Choices<Omit<InputOptions, 'baselineFolder' | 'testFolder' | 'baseline'>>;

/** What `learn` takes: the options of docs/reference/config-file.md, by the same names, with the same defaults. */
export interface LearnOptions extends Choices<StageOptions>, InputChoices, Watching {
  /** Normal images. */
  readonly images: ImageInputs;
  /**
   * Folder of a baseline to grow from: its rows are taken as they are, its models and settings taken over, and a new
   * baseline of both is made, as if they had been learned at once. The old one stays.
   */
  readonly extend?: string | undefined;
}

/** What `detect` takes. What is left out and decides how images are looked at is taken over from the baseline. */
export interface DetectOptions extends Choices<StageOptions>, InputChoices, Watching {
  /** New images. */
  readonly images: ImageInputs;
  /** Folder of a finished baseline. */
  readonly baseline: string;
  /**
   * Called with each judged object while the run goes on, in order, and waited for. Only where a verdict doesn't depend
   * on what is still to come: not with `fdr`, nor where images are judged.
   */
  readonly onObject?: ((object: StreamedObject) => void | Promise<void>) | undefined;
}

/** A judged object while its run goes on: as in `detection_results.json`, less what only the finished run knows. */
export type StreamedObject = JudgedCrop;

/** Which part of the whole a call works on: `i/n`, 1-based, or `auto`, which asks the environment. */
export interface PartChoice {
  readonly shard: string;
}

/** What `run` takes: both, with the same models loaded once. */
export interface RunOptions extends Choices<StageOptions>, InputChoices, Watching {
  /** Images to learn what is normal from. */
  readonly normal: ImageInputs;
  /** Images to judge. */
  readonly images: ImageInputs;
}

export const inputsOf = (images: ImageInputs): readonly string[] =>
  typeof images === 'string' ? [images] : images;

/** Members of the library's options that are no options of a run. */
const BESIDE = new Set(['images', 'normal', 'extend', 'onObject', 'signal', 'onProgress', 'logger']);

/**
 * Checks the caller's choices and fills in what is left out.
 * @param inherited values that a baseline hands down
 * @throws ConfigError for unknown names, bad values, and options that the phase does not know
 */
export function phaseOptionsOf(
  given: object,
  phase: PhaseCommand,
  inherited: Readonly<Record<string, unknown>> = {},
): PhaseOptions {
  const chosen = Object.fromEntries(
    Object.entries(given).filter(([key, value]) => !BESIDE.has(key) && value !== undefined),
  );
  const options = parsePhaseOptions({ ...inherited, ...chosen });
  for (const key of Object.keys(chosen)) {
    if (!optionBelongsTo(key as OptionKey, phase))
      throw new ConfigError(`${key} does not belong to ${phase}`);
  }
  return options;
}

/**
 * Refuses, before any work, a percentile that can't be meant; the pipeline warns of those that hardly can.
 * @throws ConfigError PERCENTILE_IMPLAUSIBLE below 1
 */
export function refuseImplausible({ thresholdPercentile }: PhaseOptions): void {
  const finding = checkPercentile(thresholdPercentile);
  if (finding) refuse(finding);
}

/** A part has no verdicts and no baseline yet, so the whole's function can't give its result. */
export function refuseShard({ shard }: PhaseOptions, instead: string): void {
  if (shard !== undefined) throw new ConfigError(`option shard ${shard} needs ${instead}`);
}
