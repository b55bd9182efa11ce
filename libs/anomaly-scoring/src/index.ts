export { FittedBaseline } from './baseline.js';
export type { BaselineScores, RestoreOptions, ScoreOptions } from './baseline.js';
export type { CalibratedScorer } from './baseline-parts.js';
export { fitBaseline } from './fit-baseline.js';
export type { BaselineInput } from './fit-baseline.js';
export type { ComputeOptions } from './compute.js';
export type { ClassAwareScorer, FittedClassAwareScorer } from './scorer-ports.js';
export { BASELINE_FILES, calibrationSchema, scorersSchema } from './baseline-json.js';
export type { BaselineJSON } from './baseline-json.js';
export {
  alphaOf,
  benjaminiHochberg,
  calibrate,
  ConformalCalibration,
  requiredHeldOutRows,
} from './conformal.js';
export { EnsembleScorer, FittedEnsemble } from './ensemble.js';
export { assignFolds, holdOut, splitByFold } from './folds.js';
export type { CalibrationMethod } from './held-out-scores.js';
export { FittedIsolationForest, IsolationForestScorer } from './iforest.js';
export { FittedKnn, KnnScorer } from './knn.js';
export type { KnnOptions } from './knn-options.js';
export { LofScorer } from './lof.js';
export { FittedLof } from './lof-model.js';
export type { LofOptions } from './lof-options.js';
export { FittedMahalanobis, MahalanobisScorer } from './mahalanobis.js';
export type { MahalanobisOptions } from './mahalanobis.js';
export { NeighbourIndex, nearestNeighbours } from './nearest-neighbours.js';
export type { NeighbourTable } from './nearest-neighbours.js';
export { createScorer, DEFAULT_SCORER, isScorerName, SCORER_NAMES, scorerFromJSON } from './scorers.js';
export type { ScorerName } from './scorers.js';
export type { ScorerKind, ScorerOptions } from './scorer-kind.js';
export { evaluateScorers, meanEvaluation } from './evaluate-scorers.js';
export type {
  EvaluationInput,
  EvaluationReport,
  MeanEvaluation,
  ScorerEvaluation,
} from './evaluate-scorers.js';
export { evaluateItems } from './evaluate-items.js';
export type {
  ItemsEvaluation,
  JudgedItems,
  LevelEvaluation,
  RunScorerEvaluation,
  VerdictRates,
} from './evaluate-items.js';
export { findGroups } from './groups/find-groups.js';
export type { FoundGroups, GroupInput, GroupReport } from './groups/find-groups.js';
export { THUMBNAIL_LENGTH, THUMBNAIL_SIDE, thumbnailCorrelation, thumbnailOf } from './groups/thumbnails.js';
export type { Pixels } from './groups/thumbnails.js';
export { effectiveSample } from './effective-sample.js';
export type { EffectiveSample } from './effective-sample.js';
export type { Dependence } from './dependence.js';
export type { ImageScores } from './baseline.js';
export { calibrateImages, imageEvidence } from './image-verdicts.js';
export type { ImageEvidence } from './image-verdicts.js';
export { extendBaseline, joinRows } from './extend-baseline.js';
export type { DescribedRows, ExtendInput } from './extend-baseline.js';
export {
  binomialUpperTail,
  checkDrift,
  checkEffectiveSample,
  checkFdr,
  checkFlaggedShare,
  checkPercentile,
  DRIFT_ALPHA,
  DRIFT_PERMUTATIONS,
  FINDING_CODES,
} from './plausibility/findings.js';
export type { EffectiveCheck, Finding, FindingCode, FlaggedCheck } from './plausibility/findings.js';
export { classMixTest, energyTest, kolmogorovSmirnov } from './plausibility/two-sample.js';
export type { GroupedSample, TestResult } from './plausibility/two-sample.js';
export * from './patch/index.js';
