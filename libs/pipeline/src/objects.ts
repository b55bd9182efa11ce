import type {
  Caption,
  Captioner,
  Crop,
  CropEncoder,
  DecodedImage,
  Detection,
  Detector,
  Embedder,
  EmbeddingMatrix,
  FailureRecord,
  ImageDecoder,
  ImageRef,
  ImageRegion,
  ProgressSink,
  RunFolder,
} from '@hazure/contracts';
import { HazureError, InterruptedError, messageOf } from '@hazure/contracts';
import { cropFileName } from './crop-names.js';
import { stackEmbeddings } from './gather.js';
import type { StageTimes } from './stage-times.js';
import { chunked, mapConcurrent, readAhead } from './streams.js';
import { workAhead } from './work-ahead.js';

/** What turns an image into embedded, perhaps captioned, objects. */
export interface ObjectStages {
  readonly decoder: ImageDecoder;
  readonly detector: Detector;
  readonly embedder: Embedder;
  readonly encoder: CropEncoder;
  /** null in the learn phase, which needs no words. */
  readonly captioner: Captioner | null;
}

export interface ObjectStreamOptions {
  readonly saveCrops: boolean;
  /** Images that go through the stages together: so many at most … */
  readonly chunkImages: number;
  /** … and so many bytes of pixels; a few chunks are under way at a time. */
  readonly chunkBytes: number;
  /** Images decoded at the same time. */
  readonly decodeConcurrency: number;
  /** Crops that should be with the captioner at once, whatever chunks they are from; absent: two chunks' worth. */
  readonly captionCrops?: number;
}

export interface ImageRecord {
  readonly imageId: string;
  readonly imageIndex: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly objects: number;
}

export interface CropRecord extends Crop {
  /** Absent in the learn phase; null when captioning failed (see the failures). */
  readonly caption?: Caption | null;
}

/** A shard is one durable step: large enough to cost little, small enough to lose little. */
const SHARD_IMAGES = 256;
const SHARD_CROPS = 4096;
/** Captions are awaited for many small chunks at once, or for a few of large images. */
const CAPTION_LIMITS = { leastItems: 2, mostWork: SHARD_CROPS };
const CAPTION_CHUNKS = 4;

interface Loaded {
  readonly position: number;
  readonly ref: ImageRef;
  readonly image: DecodedImage | null;
  readonly failure: FailureRecord | null;
}

/** A chunk with its embeddings; only captions are missing. */
interface Embedded {
  readonly part: Processed;
  readonly regions: readonly ImageRegion[];
}

interface Processed {
  readonly toPosition: number;
  readonly images: ImageRecord[];
  readonly crops: CropRecord[];
  readonly failures: FailureRecord[];
  readonly embeddings: EmbeddingMatrix;
}

/**
 * Images → detections → crops → embeddings (→ captions) → shards of the run folder, each stage working while
 * the next one does, and none holding more than a few chunks. Starts after the last finished shard.
 * When `signal` aborts, what is in flight is finished and committed, then InterruptedError is thrown.
 */
export async function streamObjects(request: {
  readonly refs: readonly ImageRef[];
  readonly folder: RunFolder;
  readonly stages: ObjectStages;
  readonly options: ObjectStreamOptions;
  readonly times: StageTimes;
  readonly progress: ProgressSink;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { refs, folder, stages, options, times, progress, signal } = request;
  const start = folder.shards.nextPosition;
  const worker = new ChunkWorker(folder, stages, options, times);

  const loaded = mapConcurrent(positions(refs, start, signal), options.decodeConcurrency, (item) =>
    worker.load(item.position, item.ref),
  );
  const chunks = chunked(
    loaded,
    { count: options.chunkImages, weight: options.chunkBytes },
    (item) => (item.image ? item.image.data.byteLength : 0),
    () => !signal.aborted,
  );
  const detected = mapConcurrent(readAhead(chunks, 1), 2, (chunk) => worker.detect(chunk));
  const embedded = mapConcurrent(readAhead(detected, 1), 2, (chunk) => worker.embed(chunk));
  // a server may take many more crops than a chunk has, and one slow answer must not hold up the others
  const processed = workAhead(
    embedded,
    {
      ...CAPTION_LIMITS,
      mostBytes: CAPTION_CHUNKS * options.chunkBytes,
      wantedWork: options.captionCrops ?? 0,
    },
    ({ regions }) => ({ work: regions.length, bytes: pixelBytes(regions) }),
    (chunk) => worker.describe(chunk),
  );

  let shard: Processed[] = [];
  let from = start;
  const commit = async (): Promise<void> => {
    const last = shard.at(-1);
    if (!last) return;
    await folder.shards.write({
      fromPosition: from,
      toPosition: last.toPosition,
      images: shard.flatMap((part) => part.images),
      crops: shard.flatMap((part) => part.crops),
      failures: shard.flatMap((part) => part.failures),
      embeddings: stackEmbeddings(shard.map((part) => part.embeddings)),
    });
    from = last.toPosition;
    shard = [];
  };

  progress.update({ stage: 'objects', done: start, total: refs.length, unit: 'images' });
  for await (const part of processed) {
    shard.push(part);
    progress.update({ stage: 'objects', done: part.toPosition, total: refs.length, unit: 'images' });
    const crops = shard.reduce((sum, { embeddings }) => sum + embeddings.rows, 0);
    if (part.toPosition - from >= SHARD_IMAGES || crops >= SHARD_CROPS) await commit();
  }
  await commit();
  progress.finish('objects');
  if (signal.aborted && from < refs.length) {
    throw new InterruptedError(`Interrupted after ${from} of ${refs.length} images`, {
      hint: 'Run the same command with --resume to go on.',
    });
  }
}

function* positions(
  refs: readonly ImageRef[],
  start: number,
  signal: AbortSignal,
): Generator<{ position: number; ref: ImageRef }> {
  for (let position = start; position < refs.length && !signal.aborted; position++) {
    yield { position, ref: refs[position] };
  }
}

/** The stages themselves, one call a chunk. */
class ChunkWorker {
  constructor(
    private readonly folder: RunFolder,
    private readonly stages: ObjectStages,
    private readonly options: ObjectStreamOptions,
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
        regions.push({ image, box: detection.box });
        crops.push(toCrop(image, detection, n, this.options.saveCrops));
      });
      return {
        imageId: image.ref.id,
        imageIndex: image.ref.index,
        widthPx: image.widthPx,
        heightPx: image.heightPx,
        objects: found.length,
      };
    });
    const [embeddings] = await Promise.all([
      this.times.measure('embed', 'objects', regions.length, () => this.stages.embedder.embed(regions)),
      this.save(crops, regions),
    ]);
    const toPosition = chunk[chunk.length - 1].position + 1;
    return { part: { toPosition, images: records, crops, failures, embeddings }, regions };
  }

  async describe({ part, regions }: Embedded): Promise<Processed> {
    const failures = [...part.failures];
    const captions = await this.captions(part.crops, regions, failures);
    if (captions === null) return part;
    return { ...part, failures, crops: part.crops.map((crop, i) => ({ ...crop, caption: captions[i] })) };
  }

  private async save(crops: readonly Crop[], regions: readonly ImageRegion[]): Promise<void> {
    if (!this.options.saveCrops || crops.length === 0) return;
    await this.times.measure('save crops', 'objects', crops.length, async () => {
      const saved = mapConcurrent(crops.keys(), this.options.decodeConcurrency, async (i) => {
        await this.folder.writeBytes(crops[i].file as string, await this.stages.encoder.encode(regions[i]));
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

/** Bytes of the images that regions are cut from, each counted once. */
function pixelBytes(regions: readonly ImageRegion[]): number {
  const images = new Set(regions.map(({ image }) => image));
  return [...images].reduce((sum, { data }) => sum + data.byteLength, 0);
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
