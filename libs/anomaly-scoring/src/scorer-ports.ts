import type { EmbeddingMatrix, FittedScorer, Scorer } from '@hazure/contracts';
import { selectRows } from '@hazure/numerics';

/** Rows dealt into folds, each to be judged by what a scorer learns from all others. */
export interface DealtRows {
  readonly x: EmbeddingMatrix;
  /** Fold of each row, 0…folds − 1. Every fold leaves rows outside. */
  readonly foldOf: ArrayLike<number>;
  readonly folds: number;
}

/** Scores of rows by scorers that were not fitted to their fold; each scorer is computed once. */
export interface FoldJudging {
  /** One score per row, without regard to class. */
  scores(scorer: Scorer): Promise<Float64Array>;
  /** One score per row as a member of its class; NaN for rows of classes that the scorer was not made to know. */
  scoresByClass(scorer: Scorer): Promise<Float64Array>;
}

/**
 * What a scorer may offer beside fitting, so that work is shared. Whatever is absent has a plain substitute, so
 * that a new scorer needs none of it.
 */
export interface ScorerAbilities {
  /** Fits to some rows of x and remembers which, so that a document can refer to them. */
  fitSubset?(x: EmbeddingMatrix, rows: readonly number[]): Promise<FittedScorer>;
  /**
   * One score per row, by this scorer fitted to all rows outside the row's fold: what fitting and scoring fold by
   * fold gives, within rounding.
   */
  scoreFolds?(dealt: DealtRows, judging: FoldJudging): Promise<Float64Array>;
  /** The same for rows judged as members of their class; NaN for rows of classes that it was not made to know. */
  scoreFoldsByClass?(
    dealt: DealtRows,
    classes: readonly string[],
    judging: FoldJudging,
  ): Promise<Float64Array>;
  /** The same for the differences of rows from the mean of their class. */
  scoreResidualFolds?(request: ResidualFolds): Promise<ResidualScores>;
}

/** Rows of classes that are judged by themselves, as differences from their class mean. */
export interface ResidualFolds {
  readonly dealt: DealtRows;
  /** Class of each row, 0…count − 1. */
  readonly classOf: Int32Array;
  readonly count: number;
  /** Classes with fewer rows outside a fold are left out of it. */
  readonly minRows: number;
  /** Rows are divided by their norm before the class mean is taken. */
  readonly unitRows: boolean;
}

export interface ResidualScores {
  /** One per row; NaN where the row's class was left out of its fold. */
  readonly scores: Float64Array;
  /** Folds that must be fitted one by one after all; their rows are NaN. */
  readonly unsettled: readonly number[];
}

export type AbleScorer = Scorer & ScorerAbilities;

/** A scorer that may know each row's class. Without classes, or for a class it does not know, it judges all alike. */
export interface ClassAwareScorer extends AbleScorer {
  fit(x: EmbeddingMatrix, classes?: readonly string[]): Promise<FittedClassAwareScorer>;
  /** For a scorer made of others: `fit` fits one of them, or has it fitted already. */
  fitMembers?(
    fit: (member: ClassAwareScorer) => Promise<FittedClassAwareScorer>,
  ): Promise<FittedClassAwareScorer>;
}

export interface FittedClassAwareScorer extends FittedScorer {
  score(x: EmbeddingMatrix, classes?: readonly string[]): Promise<Float64Array>;
  /** For a scorer made of others: `score` scores by one of them, or has done so already. */
  scoreMembers?(score: (member: FittedClassAwareScorer) => Promise<Float64Array>): Promise<Float64Array>;
  /** `toJSON` for a folder that holds the training rows anyway: the document refers to them. */
  toReferringJSON?(): unknown;
  /** What was left out or sampled when it was fitted, in words and numbers; empty when nothing was. */
  readonly notes?: readonly string[];
}

/** A scorer's document in which rows refer to the baseline's features instead of repeating them, where it can. */
export function toReferringJSON(scorer: FittedClassAwareScorer): unknown {
  return scorer.toReferringJSON === undefined ? scorer.toJSON() : scorer.toReferringJSON();
}

/** Fits to some of the rows. */
export function fitSubset(
  scorer: AbleScorer,
  x: EmbeddingMatrix,
  rows: readonly number[],
): Promise<FittedScorer> {
  return scorer.fitSubset === undefined ? scorer.fit(selectRows(x, rows)) : scorer.fitSubset(x, rows);
}
