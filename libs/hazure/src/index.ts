export { openBaseline, type StoredBaseline } from './compose/baseline.js';
export { describeLeftOut } from '@hazure/inputs';
export { pullProgress } from './compose/pull-progress.js';
export { listedConcepts } from './compose/semantics.js';
export { composeStages, type ComposedStages } from './compose/stages.js';
export {
  inputImages,
  openOutput,
  runDetectPhase,
  runLearnPhase,
  type DetectPhaseResult,
  type InputImages,
  type LearnPhaseResult,
} from './phases.js';
export { silentProgress, type Session } from './session.js';
export { HAZURE_VERSION } from './version.js';
