import type { PixelBox } from '@hazure/contracts';

/** One planted odd object. */
export interface PlantedObject {
  /** Path relative to the folder of new images, as the ingest names it. */
  readonly imageId: string;
  /** What was planted, e.g. `teddy bear`. */
  readonly kind: string;
  readonly box: PixelBox;
}

/** An outlier as a detection run reports it; a crop record will do. */
export interface FoundOutlier {
  readonly imageId: string;
  readonly box: PixelBox;
  readonly className: string;
}

export interface DemoScore {
  /** Each planted object with the outlier that lies best on it. */
  readonly found: readonly {
    readonly planted: PlantedObject;
    readonly outlier: FoundOutlier;
    readonly iou: number;
  }[];
  readonly missed: readonly PlantedObject[];
  /** Outliers on no planted object. */
  readonly falseAlarms: readonly FoundOutlier[];
}

/** Overlap from which an outlier counts as lying on a planted object. */
const MIN_IOU = 0.3;
/** An outlier that lies this much inside a planted object is a part of it, such as a laptop's keyboard: no false alarm. */
const MIN_INSIDE = 0.8;

/** Intersection over union of two boxes, 0…1. */
export function intersectionOverUnion(a: PixelBox, b: PixelBox): number {
  const width = Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1);
  const height = Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return 0;
  const area = (box: PixelBox): number => (box.x2 - box.x1) * (box.y2 - box.y1);
  return (width * height) / (area(a) + area(b) - width * height);
}

/** Share of `part` that lies inside `whole`, 0…1. */
function shareInside(part: PixelBox, whole: PixelBox): number {
  const width = Math.min(part.x2, whole.x2) - Math.max(part.x1, whole.x1);
  const height = Math.min(part.y2, whole.y2) - Math.max(part.y1, whole.y1);
  if (width <= 0 || height <= 0) return 0;
  return (width * height) / ((part.x2 - part.x1) * (part.y2 - part.y1));
}

/**
 * Compares the outliers of a run with what was planted. A detector may put several boxes on one object: each outlier
 * that overlaps a planted object by at least 0.3 (intersection over union) counts for it and is no false alarm.
 */
export function scoreDemo(truth: readonly PlantedObject[], outliers: readonly FoundOutlier[]): DemoScore {
  const found: DemoScore['found'][number][] = [];
  const missed: PlantedObject[] = [];
  const explained = new Set<FoundOutlier>();
  for (const planted of truth) {
    let best: { outlier: FoundOutlier; iou: number } | null = null;
    for (const outlier of outliers) {
      if (outlier.imageId !== planted.imageId) continue;
      if (shareInside(outlier.box, planted.box) >= MIN_INSIDE) explained.add(outlier);
      const iou = intersectionOverUnion(planted.box, outlier.box);
      if (iou < MIN_IOU) continue;
      explained.add(outlier);
      if (best === null || iou > best.iou) best = { outlier, iou };
    }
    if (best === null) missed.push(planted);
    else found.push({ planted, ...best });
  }
  return { found, missed, falseAlarms: outliers.filter((outlier) => !explained.has(outlier)) };
}

export interface DemoSummaryOptions {
  /** Objects judged that were not planted: turns false alarms into a rate. */
  readonly normalObjects?: number;
  /** Share of normal objects expected to be called outliers, e.g. 0.05 at the 95th percentile. */
  readonly expectedRate?: number;
}

/** The score as lines for a console: what was found, what was missed, and how many false alarms there were. */
export function formatDemoSummary(score: DemoScore, options: DemoSummaryOptions = {}): string[] {
  const { found, missed, falseAlarms } = score;
  const kinds = new Map<string, { found: number; planted: number; calledAs: Map<string, number> }>();
  const entry = (kind: string): { found: number; planted: number; calledAs: Map<string, number> } => {
    let value = kinds.get(kind);
    if (value === undefined) kinds.set(kind, (value = { found: 0, planted: 0, calledAs: new Map() }));
    return value;
  };
  for (const { planted, outlier } of found) {
    const value = entry(planted.kind);
    value.found++;
    value.planted++;
    value.calledAs.set(outlier.className, (value.calledAs.get(outlier.className) ?? 0) + 1);
  }
  for (const planted of missed) entry(planted.kind).planted++;
  const total = found.length + missed.length;
  const lines = [`Found ${found.length} of ${total} planted objects:`];
  const width = Math.max(0, ...[...kinds.keys()].map((kind) => kind.length));
  for (const [kind, value] of [...kinds].sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
    const mark = value.found === value.planted ? '✓' : value.found === 0 ? '✗' : '~';
    const seen = [...value.calledAs].sort((a, b) => b[1] - a[1]).map(([name]) => name);
    const as = seen.length > 0 && seen.join() !== kind ? `  (the detector saw: ${seen.join(', ')})` : '';
    lines.push(`  ${mark} ${kind.padEnd(width)}  ${value.found} of ${value.planted}${as}`);
  }
  for (const { kind, imageId } of missed) lines.push(`  missed: ${kind} in ${imageId}`);
  lines.push(falseAlarmLine(falseAlarms.length, options));
  return lines;
}

function falseAlarmLine(count: number, { normalObjects, expectedRate }: DemoSummaryOptions): string {
  if (normalObjects === undefined || normalObjects === 0) return `False alarms: ${count}`;
  const rate = `${((100 * count) / normalObjects).toFixed(1)}%`;
  const expected =
    expectedRate === undefined
      ? ''
      : `; about ${Number((100 * expectedRate).toFixed(1))}% is expected by the chosen percentile`;
  return `False alarms: ${count} of ${normalObjects} normal objects (${rate}${expected})`;
}
