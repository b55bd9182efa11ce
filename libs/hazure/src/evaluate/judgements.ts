import type { ObjectResult } from '@hazure/contracts';
import type { JudgedItems } from '@hazure/anomaly-scoring';
import type { Truth } from './truth.js';

/** Judged items with their truth, a few bytes each, as they stream by. */
export class Judgements {
  readonly labels: number[] = [];
  private readonly outlier: number[] = [];
  private readonly feature: number[] = [];
  private readonly categories: (string | undefined)[] = [];
  private readonly scores = new Map<string, number[]>();

  add({ label, category }: Truth, judged: JudgedItem): void {
    const at = this.labels.push(label) - 1;
    this.outlier.push(Number(judged.outlier));
    this.feature.push(Number(judged.featureOutlier));
    this.categories.push(category);
    for (const name of Object.keys(judged.scores)) this.column(name)[at] = judged.scores[name];
    for (const column of this.scores.values()) if (column.length <= at) column[at] = -Infinity;
  }

  /** null where nothing was added, or only one kind: nothing can be ranked then. */
  items(): JudgedItems | null {
    if (new Set(this.labels).size < 2) return null;
    return {
      labels: this.labels,
      scores: Object.fromEntries(this.scores),
      outlier: this.outlier,
      featureOutlier: this.feature,
      categories: this.categories,
    };
  }

  private column(name: string): number[] {
    let column = this.scores.get(name);
    if (!column) {
      column = new Array<number>(this.labels.length - 1).fill(-Infinity);
      this.scores.set(name, column);
    }
    return column;
  }
}

export interface JudgedItem {
  readonly scores: Readonly<Record<string, number>>;
  readonly outlier: boolean;
  readonly featureOutlier: boolean;
}

/** What its objects make of an image: the highest of each score. */
export class ImageSummary {
  readonly scores: Record<string, number> = {};
  outlier = false;
  featureOutlier = false;

  add({ verdict }: Pick<ObjectResult, 'verdict'>): void {
    for (const [name, score] of Object.entries(verdict.feature.scores)) {
      this.scores[name] = Math.max(this.scores[name] ?? -Infinity, score);
    }
    this.outlier ||= verdict.outlier;
    this.featureOutlier ||= verdict.feature.outlier;
  }
}
