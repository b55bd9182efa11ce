export { learnBaseline, type LearnRequest } from './learn.js';
export { finishBaseline, type ConceptExpander, type FinishRequest } from './finish-baseline.js';
export { JoinedRows, readAccepted, readFinished, type FinishedRows } from './extend.js';
export { detectOutliers } from './detect.js';
export type {
  Baseline,
  BaselineMap,
  DetectRequest,
  DetectSummary,
  PhaseSummary,
  JudgedCrop,
} from './records.js';
export { mapFromJson } from './map.js';
export { judgeImages, type ImageJudgement } from './judge-images.js';
export type { RunContext } from './run-context.js';
export type { ObjectStages } from './chunk-worker.js';
export { streamObjects, type ObjectStreamOptions } from './objects.js';
export { readBaselineScorers, type BaselineScorers } from './scoring.js';
export { StageTimes } from './stage-times.js';
export { chunked, mapConcurrent, readAhead } from './streams.js';
export { refuse } from './warnings.js';
