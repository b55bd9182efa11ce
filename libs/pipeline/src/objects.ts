import type {
  ImageList,
  ImageRef,
  ImageRegion,
  PositionRange,
  ProgressSink,
  RunFolder,
  Shard,
} from '@hazure/contracts';
import { InterruptedError } from '@hazure/contracts';
import { ChunkWorker, type ObjectStages, type Processed } from './chunk-worker.js';
import { stackEmbeddings } from './gather.js';
import type { RowPart } from './reference.js';
import { sourceStamp } from './sources.js';
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
/** Images decoded or being decoded, for each decoder: what may wait for a slow one before it. */
const DECODE_WINDOW = 2;

/** What turning images into shards needs. */
export interface StreamRequest {
  readonly refs: ImageList;
  readonly folder: RunFolder;
  readonly stages: ObjectStages;
  readonly options: ObjectStreamOptions;
  readonly times: StageTimes;
  readonly progress: ProgressSink;
  readonly signal: AbortSignal;
  /** Positions to work on; all of `refs` when absent. */
  readonly range?: PositionRange;
  /** Takes every part, those of finished shards first, as it comes out of the models; waited for. */
  readonly onPart?: ((part: RowPart) => Promise<void>) | undefined;
}

/**
 * Images → detections → crops → embeddings (→ captions) → shards of the run folder, each stage working while
 * the next one does, and none holding more than a few chunks. Works on the positions that no finished shard covers, in
 * order. When `signal` aborts, what is in flight is finished and committed, then InterruptedError is thrown.
 */
export async function streamObjects(request: StreamRequest): Promise<void> {
  const { refs, folder, progress, signal } = request;
  const whole = request.range ?? { from: 0, to: refs.length };
  const missing = folder.shards.missing(whole);
  const total = whole.to - whole.from;
  const done = { images: total - missing.reduce((sum, { from, to }) => sum + to - from, 0) };
  const tell = (): void => progress.update({ stage: 'objects', done: done.images, total, unit: 'images' });
  tell();
  // of a run that is resumed: whoever listens hears of every object
  if (request.onPart) for await (const shard of folder.shards.read()) await request.onPart(shard);
  for (const range of missing) {
    if (signal.aborted) break;
    await fillRange(request, range, (images) => {
      done.images += images;
      tell();
    });
  }
  progress.finish('objects');
  if (signal.aborted && done.images < total) {
    throw new InterruptedError(`Interrupted after ${done.images} of ${total} images`, {
      hint: 'Do the same with option resume to go on.',
    });
  }
}

/** Shards of one range of positions; ends early when the signal aborts. */
async function fillRange(
  request: StreamRequest,
  range: PositionRange,
  onDone: (images: number) => void,
): Promise<void> {
  const { folder, times } = request;
  let shard: Processed[] = [];
  let from = range.from;
  let reached = range.from;
  const commit = async (): Promise<void> => {
    const last = shard.at(-1);
    if (!last) return;
    await folder.shards.write(toShard(shard, from));
    await folder.shards.saveTimes(times.soFar());
    from = last.toPosition;
    shard = [];
  };
  for await (const part of processImages({ ...request, start: range.from, end: range.to })) {
    await request.onPart?.(part);
    shard.push(part);
    onDone(part.toPosition - reached);
    reached = part.toPosition;
    const crops = shard.reduce((sum, { embeddings }) => sum + embeddings.rows, 0);
    if (part.toPosition - from >= SHARD_IMAGES || crops >= SHARD_CROPS) await commit();
  }
  await commit();
}

function toShard(parts: readonly Processed[], fromPosition: number): Shard {
  return {
    fromPosition,
    toPosition: parts[parts.length - 1].toPosition,
    images: parts.flatMap((part) => part.images),
    crops: parts.flatMap((part) => part.crops),
    failures: parts.flatMap((part) => part.failures),
    embeddings: stackEmbeddings(parts.map((part) => part.embeddings)),
    sources: parts.flatMap(({ asked }) => asked.map(sourceStamp)),
  };
}

/**
 * Images → detections → crops → embeddings (→ captions), chunk by chunk and in order, each stage working while the next
 * one does.
 * @param request.start position of the first image to work on
 * @param request.end position after the last; to the end of the list when absent
 * @param request.folder where crops are saved; null for none
 */
export function processImages(request: {
  readonly refs: ImageList;
  readonly start: number;
  readonly end?: number;
  readonly folder: RunFolder | null;
  readonly stages: ObjectStages;
  readonly options: ObjectStreamOptions;
  readonly times: StageTimes;
  readonly signal: AbortSignal;
}): AsyncIterable<Processed> {
  const { refs, start, end = refs.length, folder, stages, options, times, signal } = request;
  const worker = new ChunkWorker(folder, stages, options, times);
  // images come in order, but one that takes long leaves no decoder idle meanwhile
  const loaded = workAhead(
    positions(refs, { from: start, to: end }, signal),
    {
      leastItems: options.decodeConcurrency,
      wantedWork: 0,
      mostBytes: Infinity,
      mostWork: DECODE_WINDOW * options.decodeConcurrency,
    },
    () => ({ work: 1, bytes: 0 }),
    (item) => worker.load(item.position, item.ref),
  );
  const chunks = chunked(
    loaded,
    { count: options.chunkImages, weight: options.chunkBytes },
    (item) => (item.image ? item.image.data.byteLength : 0),
    () => !signal.aborted,
    // large images end chunks early; the next block begins where it would in any part of the run all the same
    ({ position }) => (position + 1) % options.chunkImages === 0,
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
  { from, to }: PositionRange,
  signal: AbortSignal,
): AsyncGenerator<{ position: number; ref: ImageRef }> {
  if (signal.aborted || from >= to) return;
  let position = from;
  for await (const ref of refs.from(from)) {
    yield { position: position++, ref };
    if (signal.aborted || position >= to) return;
  }
}

/** Bytes of the images that regions are cut from, each counted once. */
function pixelBytes(regions: readonly ImageRegion[]): number {
  const images = new Set(regions.map(({ image }) => image));
  return [...images].reduce((sum, { data }) => sum + data.byteLength, 0);
}
