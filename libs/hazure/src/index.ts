/**
 * hazure as a library: learn what is normal, judge what is new.
 * @packageDocumentation
 */
export { detect } from './library/detect.js';
export { feedback, type FeedbackOptions, type FeedbackResult } from './library/feedback.js';
export { learn } from './library/learn.js';
export {
  BaselineJudge,
  openBaseline,
  type ImageBytes,
  type JudgedImage,
  type JudgedObject,
  type OpenBaselineOptions,
} from './library/judge.js';
export type {
  DetectOptions,
  ImageInputs,
  LearnOptions,
  RunOptions,
  StreamedObject,
  Watching,
} from './library/options.js';
export { DetectResult, type LearnResult, type PhaseResult } from './library/results.js';
export { evaluateRun, type EvaluateRunOptions, type RunEvaluation } from './evaluate/evaluate-run.js';
export {
  detectShard,
  learnShard,
  merge,
  shardStatus,
  type MergeOptions,
  type MergeResult,
  type ShardResult,
} from './library/parts.js';
export type { PartStatus, ShardedStatus } from '@hazure/run-store';
export type { PartChoice } from './library/options.js';
export { run, type RunResult } from './library/run.js';
export { describeLeftOut, type LeftOut } from '@hazure/inputs';
export {
  HazureError,
  type ErrorCode,
  type ObjectResult,
  type ProgressEvent,
  type RunWarning,
} from '@hazure/contracts';

// For the other rooms of the product: the command line and the benchmark.
export { openStoredBaseline, type StoredBaseline } from './compose/baseline.js';
export { pullProgress } from './compose/pull-progress.js';
export type { QuantiseReport } from '@hazure/quantise';
export {
  quantiseNamed,
  quantiseReportOf,
  withInt8Models,
  type NamedQuantiseRequest,
  type QuantiseChoices,
} from './compose/quantised.js';
export { composeStages, type ComposedStages } from './compose/stages.js';
export { silentProgress, systemClock, type Session } from './session.js';
export { HAZURE_VERSION } from './version.js';
