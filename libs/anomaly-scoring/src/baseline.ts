import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { assertMatrix } from '@hazure/numerics';
import { baselineFromJSON, baselineToJSON } from './baseline-json.js';
import type { BaselineJSON } from './baseline-json.js';
import type { BaselineParts, CalibratedScorer } from './baseline-parts.js';
import { alphaOf, baselineTooSmall, benjaminiHochberg, requiredHeldOutRows } from './conformal.js';
import type { ComputeOptions } from './compute.js';
import type { Dependence } from './dependence.js';
import { SharedScores } from './shared-work.js';
import type { CalibrationMethod } from './held-out-scores.js';
import { imageEvidence } from './image-verdicts.js';
import type { ImageEvidence } from './image-verdicts.js';
import { NeighbourIndex } from './nearest-neighbours.js';
import type { NeighbourTable } from './nearest-neighbours.js';

export interface BaselineScores {
  /** By scorer name; one value per row. */
  readonly scores: Readonly<Record<string, Float64Array>>;
  readonly pValuesByScorer: Readonly<Record<string, Float64Array>>;
  /** Of the deciding scorer. */
  readonly pValues: Float64Array;
  /** 1 = feature outlier. */
  readonly outlier: Uint8Array;
}

export interface ImageScores extends ImageEvidence {
  readonly pValues: Float64Array;
  /** 1 = outlier. */
  readonly outlier: Uint8Array;
}

export interface ScoreOptions {
  /** Another percentile than the baseline was learned with. */
  readonly percentile?: number;
  /** Control the false discovery rate over these rows (Benjamini–Hochberg) instead of the false-alarm rate. */
  readonly fdr?: number;
  /** Class of each row; used by a baseline that judges per class. */
  readonly classes?: readonly string[];
}

export type RestoreOptions = ComputeOptions;

/** Scorers fitted to a baseline, with the calibration that turns their scores into p-values and verdicts. */
export class FittedBaseline {
  private index: NeighbourIndex | undefined;

  constructor(
    private readonly parts: BaselineParts,
    private readonly options: RestoreOptions = {},
  ) {}

  get scorers(): ReadonlyMap<string, CalibratedScorer> {
    return this.parts.scorers;
  }

  /** Name of the scorer that decides. */
  get defaultScorer(): string {
    return [...this.parts.scorers.keys()][0];
  }

  get percentile(): number {
    return this.parts.percentile;
  }

  get method(): CalibrationMethod {
    return this.parts.method;
  }

  get dimensions(): number {
    return this.parts.features.cols;
  }

  /** What scorers left out or sampled when they were fitted, in words and numbers; empty when nothing was. */
  get notes(): readonly string[] {
    return [...this.parts.scorers.values()].flatMap(({ scorer }) => scorer.notes ?? []);
  }

  /** Classes judged by themselves; empty when the baseline was not learned per class. */
  get ownClasses(): readonly string[] {
    return [...this.decider.byClass.keys()];
  }

  /** Held-out rows behind the p-values of objects that are not judged by their class. */
  get heldOutRows(): number {
    return this.decider.calibration.heldOut.length;
  }

  /** Independent observations behind those p-values: fewer than the rows where rows depend on each other. */
  get effectiveRows(): number {
    return this.decider.calibration.effectiveRows;
  }

  /** How rows depend on each other within groups; null where each row is its own. */
  get dependence(): Dependence | null {
    return this.parts.dependence;
  }

  /** The matrix that the baseline was fitted to. */
  get features(): EmbeddingMatrix {
    return this.parts.features;
  }

  private get decider(): CalibratedScorer {
    return this.parts.scorers.get(this.defaultScorer) as CalibratedScorer;
  }

  /**
   * Score above which the deciding scorer calls an object an outlier, or null when the percentile is out of reach.
   * className: of the object, in a baseline that judges per class.
   */
  threshold(percentile = this.percentile, className?: string): number | null {
    const { calibration, byClass } = this.decider;
    return ((className === undefined ? undefined : byClass.get(className)) ?? calibration)
      .forPercentile(percentile)
      .threshold(percentile);
  }

  /**
   * Scores, p-values and verdicts of x (rows × dimensions).
   * @throws InputError when the width differs, a value is not finite, or (BASELINE_TOO_SMALL) `percentile` is
   * beyond what the held-out rows can tell.
   */
  async score(x: EmbeddingMatrix, options: ScoreOptions = {}): Promise<BaselineScores> {
    const { percentile = this.percentile, fdr, classes } = options;
    if (fdr === undefined && this.heldOutRows < requiredHeldOutRows(percentile)) {
      throw baselineTooSmall(this.heldOutRows, percentile);
    }
    assertMatrix(x, { what: 'objects to score', cols: this.dimensions });
    if (classes !== undefined && classes.length !== x.rows) {
      throw new InputError(
        'INPUT_INVALID',
        `classes: expected one per row (${x.rows}), got ${classes.length}`,
      );
    }
    const scores: Record<string, Float64Array> = {};
    const pValuesByScorer: Record<string, Float64Array> = {};
    const { ownClasses } = this;
    const judged =
      ownClasses.length > 0 ? classes?.map((own) => (ownClasses.includes(own) ? own : '')) : undefined;
    const shared = new SharedScores(x, judged);
    for (const [name, { scorer, calibration, byClass }] of this.parts.scorers) {
      const values = await shared.score(scorer);
      scores[name] = values;
      const overall = calibration.forPercentile(percentile);
      const own = new Map([...byClass].map(([key, one]) => [key, one.forPercentile(percentile)]));
      pValuesByScorer[name] = values.map((score, i) => (own.get(judged?.[i] ?? '') ?? overall).pValue(score));
    }
    const pValues = pValuesByScorer[this.defaultScorer];
    const alpha = alphaOf(percentile);
    const outlier =
      fdr === undefined
        ? Uint8Array.from(pValues, (p) => (p < alpha ? 1 : 0))
        : benjaminiHochberg(pValues, fdr);
    return { scores, pValuesByScorer, pValues, outlier };
  }

  /** Images behind the p-values of images; 0 in a baseline of an older hazure, which can't judge images. */
  get heldOutImages(): number {
    return this.parts.images?.heldOut.length ?? 0;
  }

  /** Independent images that those are worth. */
  get effectiveImages(): number {
    return this.parts.images?.effectiveRows ?? 0;
  }

  /**
   * p-values and verdicts of whole images, from the most anomalous of their objects; calibrated on whole held-out
   * images, so that the percentile promises a share of images. An image without objects has p = 1 and is no outlier.
   * @param judged what `score` gave for the objects
   * @param imageOf image of each object, 0…images − 1
   * @throws InputError (BASELINE_TOO_SMALL) when the held-out images are too few for the percentile,
   * (BASELINE_INVALID) in a baseline that was learned without image calibration
   */
  scoreImages(
    judged: Pick<BaselineScores, 'scores'>,
    imageOf: ArrayLike<number>,
    images: number,
    { percentile = this.percentile, fdr, classes }: ScoreOptions = {},
  ): ImageScores {
    const calibration = this.parts.images;
    if (calibration === null) {
      throw new InputError('BASELINE_INVALID', 'baseline: expected a calibration of whole images, got none', {
        hint: 'Learn the baseline again with this version.',
      });
    }
    if (fdr === undefined && this.heldOutImages < requiredHeldOutRows(percentile)) {
      throw baselineTooSmall(this.heldOutImages, percentile, 'images');
    }
    const scores = judged.scores[this.defaultScorer];
    const { calibration: overall, byClass } = this.decider;
    const tails = overall.survival(scores);
    for (const [name, own] of byClass) {
      const rows = (classes ?? []).flatMap((other, row) => (other === name ? [row] : []));
      own.survival(rows.map((row) => scores[row])).forEach((tail, i) => (tails[rows[i]] = tail));
    }
    const { evidence, ...found } = imageEvidence(tails, imageOf, images);
    const pValues = calibration.forPercentile(percentile).pValues(evidence);
    const alpha = alphaOf(percentile);
    found.objects.forEach((count, image) => (pValues[image] = count === 0 ? 1 : pValues[image]));
    const outlier =
      fdr === undefined
        ? Uint8Array.from(pValues, (p) => (p < alpha ? 1 : 0))
        : benjaminiHochberg(pValues, fdr);
    return { pValues, outlier, evidence, ...found };
  }

  /** The k baseline rows nearest to each row of x, with cosine distances, nearest first. */
  async neighbours(x: EmbeddingMatrix, k: number): Promise<NeighbourTable> {
    assertMatrix(x, { what: 'objects to compare', cols: this.dimensions });
    this.index ??= new NeighbourIndex(this.parts.features, this.options);
    return this.index.search(x, k);
  }

  /** What to write where: see `BASELINE_FILES`. The features are not included; they have a file of their own. */
  toJSON(): BaselineJSON {
    return baselineToJSON(this.parts);
  }

  /** `features`: the matrix that the baseline was fitted to, in the same order. @throws ModelError */
  static fromJSON(json: unknown, features: EmbeddingMatrix, options: RestoreOptions = {}): FittedBaseline {
    return new FittedBaseline(baselineFromJSON(json, features, options), options);
  }
}
