import type { PixelBox } from '@hazure/contracts';

export interface LabelledBox {
  readonly image: number;
  readonly classId: number;
  readonly box: PixelBox;
}
export interface ScoredBox extends LabelledBox {
  readonly confidence: number;
}
export interface MeanAveragePrecision {
  /** At IoU 0.5. */
  readonly ap50: number;
  /** Mean over IoU 0.5, 0.55, … 0.95. */
  readonly ap5095: number;
  readonly classes: number;
}

const IOU_THRESHOLDS = Array.from({ length: 10 }, (_, i) => 0.5 + 0.05 * i);
const RECALL_POINTS = 101;

/**
 * Mean average precision over the classes that have labels, as COCO's evaluation defines it: detections of a class
 * in order of confidence take the free label of highest IoU in their image; precision is made monotone and read at
 * 101 recalls. Crowd regions and area ranges are left out.
 */
export function meanAveragePrecision(
  labels: readonly LabelledBox[],
  detections: readonly ScoredBox[],
): MeanAveragePrecision {
  const classIds = [...new Set(labels.map((label) => label.classId))];
  const perThreshold = IOU_THRESHOLDS.map((threshold) => {
    const aps = classIds.map((id) =>
      averagePrecision(
        labels.filter((label) => label.classId === id),
        detections.filter((detection) => detection.classId === id),
        threshold,
      ),
    );
    return aps.reduce((sum, ap) => sum + ap, 0) / aps.length;
  });
  return {
    ap50: perThreshold[0]!,
    ap5095: perThreshold.reduce((sum, ap) => sum + ap, 0) / perThreshold.length,
    classes: classIds.length,
  };
}

function averagePrecision(
  labels: readonly LabelledBox[],
  detections: readonly ScoredBox[],
  iouThreshold: number,
): number {
  const byImage = new Map<number, { box: PixelBox; taken: boolean }[]>();
  for (const label of labels) {
    const entry = { box: label.box, taken: false };
    byImage.set(label.image, [...(byImage.get(label.image) ?? []), entry]);
  }
  const ordered = [...detections].sort((a, b) => b.confidence - a.confidence);
  let hits = 0;
  const curve = ordered.map((detection, i) => {
    let best: { box: PixelBox; taken: boolean } | null = null;
    let bestIou = iouThreshold;
    for (const candidate of byImage.get(detection.image) ?? []) {
      const overlap = candidate.taken ? 0 : intersectionOverUnion(candidate.box, detection.box);
      if (overlap >= bestIou) [best, bestIou] = [candidate, overlap];
    }
    if (best) {
      best.taken = true;
      hits++;
    }
    return { recall: hits / labels.length, precision: hits / (i + 1) };
  });
  for (let i = curve.length - 2; i >= 0; i--) {
    curve[i]!.precision = Math.max(curve[i]!.precision, curve[i + 1]!.precision);
  }
  let sum = 0;
  let position = 0;
  for (let point = 0; point < RECALL_POINTS; point++) {
    const recall = point / (RECALL_POINTS - 1);
    while (position < curve.length && curve[position]!.recall < recall - 1e-12) position++;
    sum += curve[position]?.precision ?? 0;
  }
  return sum / RECALL_POINTS;
}

export function intersectionOverUnion(a: PixelBox, b: PixelBox): number {
  const width = Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1);
  const height = Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return 0;
  const area = (box: PixelBox): number => (box.x2 - box.x1) * (box.y2 - box.y1);
  return (width * height) / (area(a) + area(b) - width * height);
}
