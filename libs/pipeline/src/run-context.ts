import type {
  Clock,
  ImageList,
  Logger,
  ModelInfo,
  PhaseOptions,
  ProgressSink,
  RunFolder,
  RunManifestHead,
  RunPresenter,
  RunWarning,
} from '@hazure/contracts';
import type { ObjectStages } from './chunk-worker.js';
import type { ObjectStreamOptions } from './objects.js';

/** What both phases need: inputs, stages, where results go, and who watches. */
export interface RunContext {
  readonly options: PhaseOptions;
  /** Folder that ids of local images are relative to; else the inputs as the user gave them. */
  readonly inputFolder: string;
  readonly refs: ImageList;
  readonly folder: RunFolder;
  readonly stages: ObjectStages;
  readonly streamOptions: ObjectStreamOptions;
  readonly presenter: RunPresenter;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What was warned of before the run began; its files and report say it again. */
  readonly earlierWarnings?: readonly RunWarning[];
  readonly progress: ProgressSink;
  readonly signal: AbortSignal;
  readonly hazureVersion: string;
  readonly resumeKey: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** Every model that a run used, by what it did; `words` are those of the phase's words beside the captioner. */
export function modelsOf(
  stages: ObjectStages,
  words: Readonly<Record<string, ModelInfo>> = {},
): Record<string, ModelInfo> {
  return {
    detector: stages.detector.info,
    embedder: stages.embedder.info,
    ...(stages.captioner ? { captioner: stages.captioner.info } : {}),
    ...words,
  };
}

export function manifestHead(
  context: RunContext,
  kind: RunManifestHead['kind'],
  counts: Readonly<Record<string, number>>,
  words: Readonly<Record<string, ModelInfo>> = {},
): RunManifestHead {
  return {
    kind,
    hazureVersion: context.hazureVersion,
    createdAt: context.clock.now().toISOString(),
    seed: context.options.seed,
    resumeKey: context.resumeKey,
    device: context.stages.embedder.info.device,
    models: modelsOf(context.stages, words),
    versions: context.versions,
    counts,
    lineage: [],
  };
}
