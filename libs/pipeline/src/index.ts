export { learnBaseline, type ConceptExpander, type LearnRequest, type PhaseSummary } from './learn.js';
export {
  detectOutliers,
  type Baseline,
  type DetectRequest,
  type DetectSummary,
  type ObjectResult,
} from './detect.js';
export type { BaselineMap, CombinedParameters } from './combined-map.js';
export { mapFromJson, type MapParameters } from './map.js';
export type { RunContext } from './run-context.js';
export type { CropRecord, ImageRecord, ObjectStages } from './chunk-worker.js';
export { streamObjects, type ObjectStreamOptions } from './objects.js';
export { readBaselineScorers, type BaselineScorers } from './scoring.js';
export { StageTimes, type StageTime } from './stage-times.js';
export { chunked, mapConcurrent, readAhead } from './streams.js';
