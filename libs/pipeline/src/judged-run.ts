import { alphaOf, benjaminiHochberg } from '@hazure/anomaly-scoring';
import { fuseOutlier } from '@hazure/concept-matching';
import type { CropRecord, FeatureVerdict, Shard } from '@hazure/contracts';
import { GrowingFloats, GrowingInts } from './growing.js';
import type { ImageVerdicts, JudgedObjects } from './image-verdicts.js';
import type { DetectRequest } from './records.js';
import type { CaptionJudge } from './caption-verdicts.js';

/** Whether words speak for an anomaly; NO_WORDS where there is no caption. */
const NO_WORDS = -1;

/**
 * First pass over a run's objects: numbers of every object, a few bytes each, from which all verdicts follow. Second
 * passes write records from them without holding any.
 */
export class JudgedRun implements JudgedObjects {
  readonly scores = new Map<string, GrowingFloats>();
  readonly pValues = new GrowingFloats();
  /** Image of each object, 0…images − 1. */
  readonly imageOf = new GrowingInts();
  readonly classOf = new GrowingInts();
  readonly classNames: string[] = [];
  images = 0;
  private readonly words = new GrowingInts();
  private readonly classNumbers = new Map<string, number>();
  private verdicts: { readonly feature: Uint8Array; readonly outlier: Uint8Array } | null = null;
  imageVerdicts: ImageVerdicts | null = null;

  constructor(private readonly request: Pick<DetectRequest, 'baseline' | 'options'>) {}

  get objects(): number {
    return this.pValues.length;
  }

  async add(shard: Shard, captions: CaptionJudge): Promise<void> {
    this.addImages(shard);
    const { crops, embeddings } = shard;
    if (crops.length === 0) return;
    const { scores, pValues } = await this.request.baseline.scorers.score(
      embeddings,
      crops,
      this.request.options,
    );
    for (const [name, values] of Object.entries(scores)) {
      let all = this.scores.get(name);
      if (!all) this.scores.set(name, (all = new GrowingFloats()));
      for (const value of values) all.push(value);
    }
    for (const value of pValues) this.pValues.push(value);
    for (const verdict of await captions.judge(crops)) {
      this.words.push(verdict === null ? NO_WORDS : Number(verdict.outlier));
    }
  }

  /** Decides, once all shards were added. @throws InputError, ConfigError as the scorers do */
  decide(judgedBy: 'object' | 'image'): void {
    const { options, baseline } = this.request;
    const { thresholdPercentile: percentile, fdr } = options;
    const pValues = this.pValues.values;
    const alpha = alphaOf(percentile);
    let feature =
      fdr === undefined
        ? Uint8Array.from(pValues, (p) => (p < alpha ? 1 : 0))
        : benjaminiHochberg(pValues, fdr);
    this.imageVerdicts = baseline.scorers.scoreImages(this, options);
    if (judgedBy === 'image' && this.imageVerdicts) feature = this.ofImages(this.imageVerdicts, feature);
    const words = this.words.values;
    const outlier = Uint8Array.from(feature, (own, row) =>
      Number(
        fuseOutlier(
          { outlier: own === 1 },
          words[row] === NO_WORDS ? null : { outlier: words[row] === 1 },
          options.fusion,
        ),
      ),
    );
    this.verdicts = { feature, outlier };
  }

  /** Feature verdict of an object, as its record holds it. */
  featureVerdict(row: number): FeatureVerdict {
    const scores: Record<string, number> = {};
    for (const [name, values] of this.scores) scores[name] = values.values[row];
    return {
      score: scores[this.request.baseline.scorers.defaultScorer],
      scores,
      pValue: this.pValues.values[row],
      outlier: this.decided.feature[row] === 1,
    };
  }

  isOutlier(row: number): boolean {
    return this.decided.outlier[row] === 1;
  }

  /** Rows of the outliers, ascending. */
  outlierRows(): Int32Array {
    const rows = new GrowingInts();
    this.decided.outlier.forEach((outlier, row) => outlier && rows.push(row));
    return rows.values;
  }

  /** How many objects each verdict flags. */
  tally(): {
    readonly outliers: number;
    readonly feature: number;
    readonly semantic: number;
    readonly both: number;
  } {
    const { feature, outlier } = this.decided;
    const words = this.words.values;
    let [outliers, features, semantic, both] = [0, 0, 0, 0];
    for (let row = 0; row < outlier.length; row++) {
      outliers += outlier[row];
      features += feature[row];
      semantic += Number(words[row] === 1);
      both += Number(feature[row] === 1 && words[row] === 1);
    }
    return { outliers, feature: features, semantic, both };
  }

  className(row: number): string {
    return this.classNames[this.classOf.values[row]];
  }

  private addImages({ images, crops }: Shard): void {
    const first = this.images;
    const place = new Map(images.map(({ imageIndex }, at) => [imageIndex, first + at]));
    for (const { imageIndex, className } of crops) {
      this.imageOf.push(place.get(imageIndex) as number);
      this.classOf.push(this.classNumber(className));
    }
    this.images += images.length;
  }

  private classNumber(className: CropRecord['className']): number {
    let number = this.classNumbers.get(className);
    if (number === undefined) {
      number = this.classNames.push(className) - 1;
      this.classNumbers.set(className, number);
    }
    return number;
  }

  /** In an image that is flagged: the object that decided, and whatever else is beyond the threshold by itself. */
  private ofImages({ outlier, mostAnomalous }: ImageVerdicts, own: Uint8Array): Uint8Array {
    return Uint8Array.from(this.imageOf.values, (image, row) =>
      Number(outlier[image] === 1 && (own[row] === 1 || mostAnomalous[image] === row)),
    );
  }

  private get decided(): { readonly feature: Uint8Array; readonly outlier: Uint8Array } {
    if (!this.verdicts) throw new TypeError('The run was not decided yet');
    return this.verdicts;
  }
}
