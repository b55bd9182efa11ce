import type {
  Caption,
  Captioner,
  Crop,
  CropEncoder,
  CropRecord,
  DecodedImage,
  Detection,
  Detector,
  Embedder,
  EmbeddingMatrix,
  FailureRecord,
  ImageDecoder,
  ImageRecord,
  ImageRef,
  ImageRegion,
  RunFolder,
} from '@hazure/contracts';
import { HazureError, messageOf } from '@hazure/contracts';
import { cropFileName } from './crop-names.js';
import type { StageTimes } from './stage-times.js';
import { mapConcurrent } from './streams.js';
import { writeThumbnail } from './thumbnails.js';

/** What turns an image into embedded, perhaps captioned, objects. */
export interface ObjectStages {
  readonly decoder: ImageDecoder;
  readonly detector: Detector;
  readonly embedder: Embedder;
  readonly encoder: CropEncoder;
  /** null in the learn phase, which needs no words. */
  readonly captioner: Captioner | null;
}

/** An image, or why there is none. */
export interface Loaded {
  readonly position: number;
  readonly ref: ImageRef;
  readonly image: DecodedImage | null;
  readonly failure: FailureRecord | null;
}

/** A chunk with its embeddings; only captions are missing. */
export interface Embedded {
  readonly part: Processed;
  readonly images: readonly DecodedImage[];
  readonly regions: readonly ImageRegion[];
}

/** A chunk that is done: rows of the embeddings belong to the crops. */
export interface Processed {
  readonly toPosition: number;
  /** Every image of the chunk in order, also those that could not be read. */
  readonly asked: readonly Pick<ImageRef, 'index' | 'id' | 'bytes' | 'modifiedMs'>[];
  readonly images: ImageRecord[];
  readonly crops: CropRecord[];
  readonly failures: FailureRecord[];
  readonly embeddings: EmbeddingMatrix;
}

/** The stages themselves, one call a chunk. */
export class ChunkWorker {
  constructor(
    private readonly folder: RunFolder | null,
    private readonly stages: ObjectStages,
    private readonly options: {
      readonly saveCrops: boolean;
      readonly maskBackground?: boolean;
      readonly decodeConcurrency: number;
      readonly thumbnails?: boolean;
    },
    private readonly times: StageTimes,
  ) {}

  async load(position: number, ref: ImageRef): Promise<Loaded> {
    try {
      const image = await this.times.measure('decode', 'images', 1, () => this.stages.decoder.decode(ref));
      return { position, ref, image, failure: null };
    } catch (error) {
      return { position, ref, image: null, failure: failure('decode', ref.id, null, error) };
    }
  }

  async detect(
    chunk: Loaded[],
  ): Promise<{ chunk: Loaded[]; images: DecodedImage[]; detections: Detection[][] }> {
    const images = chunk.flatMap((item) => (item.image ? [item.image] : []));
    const detections = await this.times.measure('detect', 'images', images.length, () =>
      this.stages.detector.detect(images),
    );
    return { chunk, images, detections };
  }

  async embed(detected: {
    chunk: Loaded[];
    images: DecodedImage[];
    detections: Detection[][];
  }): Promise<Embedded> {
    const { chunk, images, detections } = detected;
    const failures = chunk.flatMap((item) => (item.failure ? [item.failure] : []));
    const regions: ImageRegion[] = [];
    const crops: Crop[] = [];
    const records = images.map((image, i): ImageRecord => {
      const found = detections[i].filter(({ box }) => box.x2 - box.x1 >= 1 && box.y2 - box.y1 >= 1);
      found.forEach((detection, n) => {
        const mask = this.options.maskBackground ? detection.mask : undefined;
        regions.push({ image, box: detection.box, ...(mask ? { mask } : {}) });
        crops.push(toCrop(image, detection, n, this.options.saveCrops));
      });
      return {
        imageId: image.ref.id,
        imageIndex: image.ref.index,
        widthPx: image.widthPx,
        heightPx: image.heightPx,
        objects: found.length,
        ...(this.options.thumbnails ? { thumbnail: writeThumbnail(image) } : {}),
      };
    });
    // Both to their end, also where one fails: a crop that is still being written would outlive the run's folder.
    const [embedded, saved] = await Promise.allSettled([
      this.times.measure('embed', 'objects', regions.length, () => this.stages.embedder.embed(regions)),
      this.save(crops, regions),
    ]);
    if (embedded.status === 'rejected') throw embedded.reason;
    if (saved.status === 'rejected') throw saved.reason;
    const embeddings = embedded.value;
    const toPosition = chunk[chunk.length - 1].position + 1;
    const asked = chunk.map(({ ref: { index, id, bytes, modifiedMs } }) => ({
      index,
      id,
      bytes,
      modifiedMs: modifiedMs ?? null,
    }));
    return { part: { toPosition, asked, images: records, crops, failures, embeddings }, images, regions };
  }

  async describe({ part, images, regions }: Embedded): Promise<Processed> {
    const failures = [...part.failures];
    const captions = await this.captions(part.crops, regions, failures);
    // the last stage that looks at pixels: their memory serves the next images
    for (const image of images) this.stages.decoder.release?.(image);
    if (captions === null) return part;
    return { ...part, failures, crops: part.crops.map((crop, i) => ({ ...crop, caption: captions[i] })) };
  }

  private async save(crops: readonly Crop[], regions: readonly ImageRegion[]): Promise<void> {
    const { folder } = this;
    if (!folder || !this.options.saveCrops || crops.length === 0) return;
    await this.times.measure('save crops', 'objects', crops.length, async () => {
      const saved = mapConcurrent(crops.keys(), this.options.decodeConcurrency, async (i) => {
        await folder.writeBytes(crops[i].file as string, await this.stages.encoder.encode(regions[i]));
      });
      for await (const _ of saved) void _;
    });
  }

  private async captions(
    crops: readonly Crop[],
    regions: readonly ImageRegion[],
    failures: FailureRecord[],
  ): Promise<(Caption | null)[] | null> {
    const { captioner } = this.stages;
    if (!captioner) return null;
    const outcomes = await this.times.measure('caption', 'objects', crops.length, () =>
      captioner.caption(
        crops.map((crop, i) => ({
          cropId: crop.cropId,
          region: regions[i],
          className: crop.className,
          confidence: crop.confidence,
        })),
      ),
    );
    return outcomes.map((outcome, i) => {
      if (outcome.ok) return outcome.caption;
      const { cropId, imageId } = crops[i];
      failures.push({ stage: 'caption', imageId, cropId, code: outcome.code, message: outcome.message });
      return null;
    });
  }
}

function toCrop(image: DecodedImage, detection: Detection, n: number, saved: boolean): Crop {
  return {
    cropId: `${image.ref.id}#${n}`,
    imageId: image.ref.id,
    imageIndex: image.ref.index,
    imageWidthPx: image.widthPx,
    imageHeightPx: image.heightPx,
    box: detection.box,
    classId: detection.classId,
    className: detection.className,
    confidence: detection.confidence,
    ...(detection.mask ? { mask: detection.mask } : {}),
    file: saved ? `cropped_objects/${cropFileName(image.ref, n, detection.className)}` : null,
  };
}

function failure(
  stage: FailureRecord['stage'],
  imageId: string,
  cropId: string | null,
  error: unknown,
): FailureRecord {
  const code = error instanceof HazureError ? error.code : 'INTERNAL';
  return { stage, imageId, cropId, code, message: messageOf(error) };
}
