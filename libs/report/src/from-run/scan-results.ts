import type { ObjectResult } from '@hazure/contracts';
import type { RunReader } from '@hazure/run-store';

/** Most anomalous first. */
const byAnomaly = (a: ObjectResult, b: ObjectResult): number =>
  a.verdict.feature.pValue - b.verdict.feature.pValue || b.verdict.feature.score - a.verdict.feature.score;

/** What a report needs of a run's objects, from one pass over them; only scores and what is shown are kept. */
export class ScannedResults {
  /** The most anomalous outliers, in that order. */
  readonly outliers: ObjectResult[] = [];
  /** Objects of the rows asked for. */
  readonly picked = new Map<number, ObjectResult>();
  private scoreData = new Float64Array(1024);
  private count = 0;
  private readonly classScores = new Map<string, { sum: number; objects: number }>();

  private constructor(readonly scorer: string) {}

  /**
   * @param rows of the objects to keep, beside the outliers
   * @param mostOutliers how many outliers to keep
   */
  static async of(run: RunReader, rows: ReadonlySet<number>, mostOutliers: number): Promise<ScannedResults> {
    const scanned = new ScannedResults((await run.resultsHead()).scorer);
    for await (const object of run.objects()) scanned.add(object, rows, mostOutliers);
    scanned.trim(mostOutliers);
    return scanned;
  }

  /** Scores of all objects, in order. */
  get scores(): Float64Array {
    return this.scoreData.subarray(0, this.count);
  }

  meanScore(className: string): number {
    const { sum, objects } = this.classScores.get(className) ?? { sum: 0, objects: 0 };
    return objects === 0 ? 0 : sum / objects;
  }

  private add(object: ObjectResult, rows: ReadonlySet<number>, mostOutliers: number): void {
    const { className, verdict } = object;
    if (rows.has(this.count)) this.picked.set(this.count, object);
    if (this.count === this.scoreData.length) {
      const larger = new Float64Array(2 * this.count);
      larger.set(this.scoreData);
      this.scoreData = larger;
    }
    this.scoreData[this.count++] = verdict.feature.score;
    const tally = this.classScores.get(className) ?? { sum: 0, objects: 0 };
    this.classScores.set(className, { sum: tally.sum + verdict.feature.score, objects: tally.objects + 1 });
    if (!verdict.outlier) return;
    this.outliers.push(object);
    if (this.outliers.length >= 2 * mostOutliers) this.trim(mostOutliers);
  }

  private trim(mostOutliers: number): void {
    this.outliers.sort(byAnomaly);
    this.outliers.length = Math.min(this.outliers.length, mostOutliers);
  }
}
