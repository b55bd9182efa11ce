import type { EmbeddingMatrix } from '@hazure/contracts';
import type { ConformalCalibration } from './conformal.js';
import type { Dependence } from './dependence.js';
import type { CalibrationMethod } from './held-out-scores.js';
import type { FittedClassAwareScorer } from './scorer-ports.js';

export interface CalibratedScorer {
  readonly scorer: FittedClassAwareScorer;
  /** For rows judged without regard to class. */
  readonly calibration: ConformalCalibration;
  /** For rows of these classes, judged as such (Mondrian conformal prediction: Vovk et al. 2003). */
  readonly byClass: ReadonlyMap<string, ConformalCalibration>;
}

/** What a fitted baseline consists of. */
export interface BaselineParts {
  /** In the order asked for; the first decides. */
  readonly scorers: ReadonlyMap<string, CalibratedScorer>;
  readonly features: EmbeddingMatrix;
  readonly percentile: number;
  readonly method: CalibrationMethod;
  readonly seed: number;
  /** Rows that the scorers were fitted to; null = all. */
  readonly fitRows: readonly number[] | null;
  /** How rows depend on each other within groups, by the deciding scorer; null where each row is its own. */
  readonly dependence: Dependence | null;
  /** Of whole images, by the deciding scorer; null in a baseline of an older hazure. */
  readonly images: ConformalCalibration | null;
}
