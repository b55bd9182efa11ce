import type { CropRecord, ImageRecord } from '@hazure/contracts';

export interface ClassStatistics {
  readonly className: string;
  readonly objects: number;
  /** Of all objects, 0…1. */
  readonly share: number;
  readonly images: number;
  readonly confidence: { readonly mean: number; readonly min: number; readonly max: number };
  /** Mean share of the image that the box covers, 0…1. */
  readonly meanAreaShare: number;
}

interface Tally {
  objects: number;
  images: number;
  lastImage: string;
  confidenceSum: number;
  confidenceMin: number;
  confidenceMax: number;
  areaSum: number;
}

/** Counts objects by class as they stream by. */
export class ClassTally {
  private readonly classes = new Map<string, Tally>();
  private objects = 0;
  private images = 0;
  private emptyImages = 0;

  addImage(image: ImageRecord): void {
    this.images++;
    if (image.objects === 0) this.emptyImages++;
  }

  addCrop(crop: CropRecord): void {
    this.objects++;
    let tally = this.classes.get(crop.className);
    if (!tally) {
      tally = {
        objects: 0,
        images: 0,
        lastImage: '',
        confidenceSum: 0,
        confidenceMin: Number.POSITIVE_INFINITY,
        confidenceMax: 0,
        areaSum: 0,
      };
      this.classes.set(crop.className, tally);
    }
    tally.objects++;
    if (tally.lastImage !== crop.imageId) {
      tally.images++;
      tally.lastImage = crop.imageId;
    }
    tally.confidenceSum += crop.confidence;
    tally.confidenceMin = Math.min(tally.confidenceMin, crop.confidence);
    tally.confidenceMax = Math.max(tally.confidenceMax, crop.confidence);
    const { x1, y1, x2, y2 } = crop.box;
    tally.areaSum += ((x2 - x1) * (y2 - y1)) / (crop.imageWidthPx * crop.imageHeightPx);
  }

  /** Most frequent class first; ties by name. */
  summary(): { images: number; emptyImages: number; objects: number; classes: ClassStatistics[] } {
    const classes = [...this.classes]
      .map(([className, tally]) => ({
        className,
        objects: tally.objects,
        share: tally.objects / this.objects,
        images: tally.images,
        confidence: {
          mean: tally.confidenceSum / tally.objects,
          min: tally.confidenceMin,
          max: tally.confidenceMax,
        },
        meanAreaShare: tally.areaSum / tally.objects,
      }))
      .sort((a, b) => b.objects - a.objects || (a.className < b.className ? -1 : 1));
    return { images: this.images, emptyImages: this.emptyImages, objects: this.objects, classes };
  }
}
