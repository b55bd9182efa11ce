import type { ImageList, ImageRef, ImageRegion, ProgressSink, RunFolder } from '@hazure/contracts';
import { InterruptedError } from '@hazure/contracts';
import { ChunkWorker, type ObjectStages, type Processed } from './chunk-worker.js';
import { stackEmbeddings } from './gather.js';
import type { RowPart } from './reference.js';
import type { StageTimes } from './stage-times.js';
import { chunked, mapConcurrent, readAhead } from './streams.js';
import { workAhead } from './work-ahead.js';

export interface ObjectStreamOptions {
  readonly saveCrops: boolean;
  /** Crops are shown without what lies outside the masks of their objects. */
  readonly maskBackground?: boolean;
  /** Images that go through the stages together: so many at most … */
  readonly chunkImages: number;
  /** … and so many bytes of pixels; a few chunks are under way at a time. */
  readonly chunkBytes: number;
  /** Images decoded at the same time. */
  readonly decodeConcurrency: number;
  /** Crops that should be with the captioner at once, whatever chunks they are from; absent: two chunks' worth. */
  readonly captionCrops?: number;
  /** Whether image records get the small grey that near-duplicates are found by. */
  readonly thumbnails?: boolean;
}

/** A shard is one durable step: large enough to cost little, small enough to lose little. */
const SHARD_IMAGES = 256;
const SHARD_CROPS = 4096;
/** Captions are awaited for many small chunks at once, or for a few of large images. */
const CAPTION_LIMITS = { leastItems: 2, mostWork: SHARD_CROPS };
const CAPTION_CHUNKS = 4;

/**
 * Images → detections → crops → embeddings (→ captions) → shards of the run folder, each stage working while
 * the next one does, and none holding more than a few chunks. Starts after the last finished shard.
 * When `signal` aborts, what is in flight is finished and committed, then InterruptedError is thrown.
 */
export async function streamObjects(request: {
  readonly refs: ImageList;
  readonly folder: RunFolder;
  readonly stages: ObjectStages;
  readonly options: ObjectStreamOptions;
  readonly times: StageTimes;
  readonly progress: ProgressSink;
  readonly signal: AbortSignal;
  /** Takes what is new as it comes out of the models, before it is durable; waited for. */
  readonly onPart?: ((part: RowPart) => Promise<void>) | undefined;
}): Promise<void> {
  const { refs, folder, progress, signal, onPart } = request;
  const start = folder.shards.nextPosition;
  // of a run that is resumed: whoever listens hears of every object
  if (onPart) for await (const shard of folder.shards.read()) await onPart(shard);
  const processed = processImages({ ...request, start });
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
    await onPart?.(part);
    shard.push(part);
    progress.update({ stage: 'objects', done: part.toPosition, total: refs.length, unit: 'images' });
    const crops = shard.reduce((sum, { embeddings }) => sum + embeddings.rows, 0);
    if (part.toPosition - from >= SHARD_IMAGES || crops >= SHARD_CROPS) await commit();
  }
  await commit();
  progress.finish('objects');
  if (signal.aborted && from < refs.length) {
    throw new InterruptedError(`Interrupted after ${from} of ${refs.length} images`, {
      hint: 'Do the same with option resume to go on.',
    });
  }
}

/**
 * Images → detections → crops → embeddings (→ captions), chunk by chunk and in order, each stage working while the next
 * one does.
 * @param request.start position of the first image to work on
 * @param request.folder where crops are saved; null for none
 */
export function processImages(request: {
  readonly refs: ImageList;
  readonly start: number;
  readonly folder: RunFolder | null;
  readonly stages: ObjectStages;
  readonly options: ObjectStreamOptions;
  readonly times: StageTimes;
  readonly signal: AbortSignal;
}): AsyncIterable<Processed> {
  const { refs, start, folder, stages, options, times, signal } = request;
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
  return workAhead(
    embedded,
    {
      ...CAPTION_LIMITS,
      mostBytes: CAPTION_CHUNKS * options.chunkBytes,
      wantedWork: options.captionCrops ?? 0,
    },
    ({ regions }) => ({ work: regions.length, bytes: pixelBytes(regions) }),
    (chunk) => worker.describe(chunk),
  );
}

async function* positions(
  refs: ImageList,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<{ position: number; ref: ImageRef }> {
  if (signal.aborted) return;
  let position = start;
  for await (const ref of refs.from(start)) {
    yield { position: position++, ref };
    if (signal.aborted) return;
  }
}

/** Bytes of the images that regions are cut from, each counted once. */
function pixelBytes(regions: readonly ImageRegion[]): number {
  const images = new Set(regions.map(({ image }) => image));
  return [...images].reduce((sum, { data }) => sum + data.byteLength, 0);
}
