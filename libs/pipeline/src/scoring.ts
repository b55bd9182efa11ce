import {
  BASELINE_FILES,
  FittedBaseline,
  fitBaseline,
  requiredHeldOutRows,
  type BaselineScores,
} from '@hazure/anomaly-scoring';
import type {
  CropRecord,
  EmbeddingMatrix,
  FeatureVerdict,
  MatrixAccelerator,
  Neighbour,
  RunningOptions,
  ScoringOptions,
} from '@hazure/contracts';
import type { ImageVerdicts, JudgedObjects } from './image-verdicts.js';
import { takeRows } from './map.js';
import type { Reference, ReferenceGroups } from './reference.js';

type Threshold = Pick<ScoringOptions, 'thresholdPercentile' | 'fdr'>;

/** The baseline's scorers as the phases use them: fit once, judge many, name the nearest normal crops. */
export class BaselineScorers {
  constructor(readonly fitted: FittedBaseline) {}

  get defaultScorer(): string {
    return this.fitted.defaultScorer;
  }

  /** What scorers left out or sampled when they were fitted. */
  get notes(): readonly string[] {
    return this.fitted.notes;
  }

  /** File name → JSON content. */
  artifacts(): Record<string, unknown> {
    const { isoModel, scorers, calibration } = this.fitted.toJSON();
    return {
      [BASELINE_FILES.isoModel]: isoModel,
      [BASELINE_FILES.scorers]: scorers,
      [BASELINE_FILES.calibration]: calibration,
    };
  }

  /** Scores and p-values of some objects. */
  score(x: EmbeddingMatrix, crops: readonly CropRecord[], options: Threshold): Promise<BaselineScores> {
    return this.fitted.score(x, {
      percentile: options.thresholdPercentile,
      classes: crops.map(({ className }) => className),
      ...(options.fdr === undefined ? {} : { fdr: options.fdr }),
    });
  }

  /** Feature verdict i belongs to row i. */
  async judge(
    x: EmbeddingMatrix,
    crops: readonly CropRecord[],
    options: Threshold,
  ): Promise<FeatureVerdict[]> {
    const { scores, pValues, outlier } = await this.score(x, crops, options);
    const names = Object.keys(scores);
    return Array.from(pValues, (pValue, row) => ({
      score: scores[this.defaultScorer][row],
      scores: Object.fromEntries(names.map((name) => [name, scores[name][row]])),
      pValue,
      outlier: outlier[row] === 1,
    }));
  }

  /** Whether whole images can be judged at a percentile. */
  judgesImages({ thresholdPercentile, fdr }: Threshold): boolean {
    const { heldOutImages } = this.fitted;
    return (
      heldOutImages > 0 && (fdr !== undefined || heldOutImages >= requiredHeldOutRows(thresholdPercentile))
    );
  }

  /** Verdicts of whole images; null where the baseline has too few images to tell. */
  scoreImages(run: JudgedObjects, options: Threshold): ImageVerdicts | null {
    if (!this.judgesImages(options)) return null;
    const scores = {
      [this.defaultScorer]: run.scores.get(this.defaultScorer)?.values ?? new Float64Array(0),
    };
    const classes =
      this.fitted.ownClasses.length > 0
        ? Array.from(run.classOf.values, (of) => run.classNames[of])
        : undefined;
    return this.fitted.scoreImages({ scores }, run.imageOf.values, run.images, {
      percentile: options.thresholdPercentile,
      ...(options.fdr === undefined ? {} : { fdr: options.fdr }),
      ...(classes ? { classes } : {}),
    });
  }

  /** For each of the rows of x, the k most similar normal crops, nearest first. */
  async nearestNormals(
    x: EmbeddingMatrix,
    rows: readonly number[],
    k: number,
    normals: readonly CropRecord[],
  ): Promise<Neighbour[][]> {
    if (rows.length === 0) return [];
    const table = await this.fitted.neighbours(takeRows(x, rows), Math.min(k, normals.length));
    return rows.map((_, i) =>
      Array.from({ length: table.k }, (__, rank) => {
        const at = i * table.k + rank;
        const { cropId, className, file } = normals[table.indices[at]];
        return { cropId, className, distance: table.distances[at], file };
      }),
    );
  }
}

/** Fits and calibrates the scorers. @throws InputError BASELINE_TOO_SMALL with the number of objects needed */
export async function fitBaselineScorers(request: {
  readonly reference: Reference;
  readonly groups: ReferenceGroups;
  readonly options: Pick<ScoringOptions, 'perClass' | 'thresholdPercentile' | 'contamination' | 'scorers'> &
    Pick<RunningOptions, 'seed'>;
  /** Who does the matrix work; absent = WebAssembly. */
  readonly accelerator?: MatrixAccelerator | undefined;
}): Promise<BaselineScorers> {
  const { reference, groups, options, accelerator } = request;
  return new BaselineScorers(
    await fitBaseline({
      features: reference.embeddings,
      groups: groups.groupOf,
      imageOf: groups.imageOf,
      images: reference.images.length,
      classes: reference.crops.map(({ className }) => className),
      perClass: options.perClass,
      percentile: options.thresholdPercentile,
      seed: options.seed,
      scorerOptions: {
        iforest: { contamination: options.contamination },
        ...(accelerator ? { accelerator } : {}),
      },
      ...(options.scorers ? { scorers: options.scorers } : {}),
    }),
  );
}

/** Reads back what `artifacts` wrote; `features` are those of the reference. @throws ModelError */
export function readBaselineScorers(
  read: (name: string) => unknown,
  features: EmbeddingMatrix,
  accelerator?: MatrixAccelerator,
): BaselineScorers {
  return new BaselineScorers(
    FittedBaseline.fromJSON(
      {
        isoModel: read(BASELINE_FILES.isoModel),
        scorers: read(BASELINE_FILES.scorers),
        calibration: read(BASELINE_FILES.calibration),
      },
      features,
      accelerator ? { accelerator } : {},
    ),
  );
}
