export { FittedBaseline, fitBaseline } from './baseline.js';
export type { BaselineInput, BaselineScores, CalibratedScorer, ScoreOptions } from './baseline.js';
export { BASELINE_FILES } from './baseline-json.js';
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
export type { KnnOptions } from './knn.js';
export { FittedMahalanobis, MahalanobisScorer } from './mahalanobis.js';
export type { MahalanobisOptions } from './mahalanobis.js';
export { nearestNeighbours } from './nearest-neighbours.js';
export type { NeighbourTable } from './nearest-neighbours.js';
export { createScorer, DEFAULT_SCORER, isScorerName, SCORER_NAMES, scorerFromJSON } from './scorers.js';
export type { ScorerName, ScorerOptions } from './scorers.js';
