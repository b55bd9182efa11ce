import { THUMBNAIL_LENGTH, findGroups, type GroupReport } from '@hazure/anomaly-scoring';
import type { CropRecord, EmbeddingMatrix, ImageRecord, ScoringOptions, Shard } from '@hazure/contracts';
import { Random, sampleWithoutReplacement } from '@hazure/numerics';
import { stackEmbeddings } from './gather.js';
import { givenGroups } from './given-groups.js';
import { readThumbnail } from './thumbnails.js';

/**
 * Rows that scorers are fitted to and compare with at most, and bytes of them: what a process can hold beside its
 * models, and beyond which figures stand still (docs/reference/scoring.md). Larger baselines are sampled by images.
 */
const MOST_ROWS = 100_000;
const MOST_BYTES = 256 * 2 ** 20;

/** The part of a baseline that judging needs in memory. */
export interface Reference {
  readonly embeddings: EmbeddingMatrix;
  /** Row i belongs to crop i. */
  readonly crops: readonly CropRecord[];
  /** Rows of the whole baseline; null where it is held whole. */
  readonly rows: readonly number[] | null;
  readonly totalRows: number;
  /** Images of those rows, those without objects among them. */
  readonly images: readonly ImageRecord[];
}

/** How many rows of so many columns are held. */
function mostReferenceRows(cols: number): number {
  return Math.max(1, Math.min(MOST_ROWS, Math.floor(MOST_BYTES / (4 * Math.max(1, cols)))));
}

/** Where rows of a baseline come from: shards of a run, or a finished run's own files. */
export interface RowSource {
  /** In order, one part in memory at a time; the same parts each time. */
  read(): AsyncIterable<RowPart>;
}

export type RowPart = Pick<Shard, 'images' | 'crops' | 'failures' | 'embeddings'>;

/** Takes what it can hold as shards pass by. */
export class ReferenceCollector {
  private readonly crops: CropRecord[] = [];
  private readonly images: ImageRecord[] = [];
  private readonly parts: EmbeddingMatrix[] = [];
  private readonly objectsOfImage: number[] = [];
  private rows = 0;
  private cols = 0;
  private overflown = false;

  add({ images, crops, embeddings }: RowPart): void {
    for (const { objects } of images) this.objectsOfImage.push(objects);
    this.rows += embeddings.rows;
    if (embeddings.rows > 0) this.cols = embeddings.cols;
    this.overflown ||= this.rows > mostReferenceRows(this.cols);
    if (this.overflown) {
      for (const held of [this.crops, this.images, this.parts]) held.length = 0;
      return;
    }
    for (const image of images) this.images.push(image);
    for (const crop of crops) this.crops.push(crop);
    if (embeddings.rows > 0) this.parts.push(embeddings);
  }

  /** All rows, or, in a second pass over the shards, those of images that the seed chose. */
  async finish(source: RowSource, seed: number): Promise<Reference> {
    if (!this.overflown) {
      const { crops, images, rows } = this;
      return { embeddings: stackEmbeddings(this.parts), crops, rows: null, totalRows: rows, images };
    }
    return collectChosen(source, this.chooseImages(seed), this.cols, this.rows);
  }

  /** Whole images in random order until no more fit: objects of one image depend on each other. */
  private chooseImages(seed: number): Uint8Array {
    const limit = mostReferenceRows(this.cols);
    const count = this.objectsOfImage.length;
    const chosen = new Uint8Array(count);
    let rows = 0;
    for (const image of sampleWithoutReplacement(new Random(seed), count, count)) {
      if (rows + this.objectsOfImage[image] > limit) continue;
      rows += this.objectsOfImage[image];
      chosen[image] = 1;
    }
    return chosen;
  }
}

async function collectChosen(
  source: RowSource,
  chosen: Uint8Array,
  cols: number,
  totalRows: number,
): Promise<Reference> {
  const crops: CropRecord[] = [];
  const images: ImageRecord[] = [];
  const rows: number[] = [];
  const data: number[] | Float32Array = new Float32Array(mostReferenceRows(cols) * cols);
  let [image, row] = [0, 0];
  for await (const shard of source.read()) {
    let at = 0;
    for (const record of shard.images) {
      const taken = chosen[image++] === 1;
      if (taken) images.push(record);
      for (let n = 0; n < record.objects; n++, at++, row++) {
        if (!taken) continue;
        data.set(shard.embeddings.data.subarray(at * cols, (at + 1) * cols), rows.length * cols);
        crops.push(shard.crops[at]);
        rows.push(row);
      }
    }
  }
  const embeddings = { data: data.subarray(0, rows.length * cols), rows: rows.length, cols };
  return { embeddings, crops, rows, totalRows, images };
}

/** Groups of near-duplicates among the reference's rows. */
export interface ReferenceGroups {
  readonly groupOf: Int32Array;
  /** Image of each row, 0…images − 1 in the order of `reference.images`. */
  readonly imageOf: Int32Array;
  readonly report: GroupReport;
}

/** @throws InputError, ConfigError for a pattern that is none */
export async function groupReference(
  { embeddings, crops, images }: Reference,
  options: Pick<ScoringOptions, 'groupBy'> & { readonly seed: number },
): Promise<ReferenceGroups> {
  const place = new Map(images.map(({ imageIndex }, at) => [imageIndex, at]));
  const imageOf = Int32Array.from(crops, ({ imageIndex }) => place.get(imageIndex) as number);
  const { groupOf, report } = await findGroups({
    features: embeddings,
    imageOf,
    names: images.map(({ imageId }) => imageId),
    seed: options.seed,
    ...thumbnailsOf(images),
    ...(options.groupBy === undefined ? {} : { given: givenGroups(images, options.groupBy) }),
  });
  return { groupOf, imageOf, report };
}

/**
 * Absent where no image has one. Those of a detection run, which `feedback` accepts crops from, have none: theirs are
 * zeros, which are like no other, so that these images are grouped by their embeddings alone.
 */
function thumbnailsOf(images: readonly ImageRecord[]): { thumbnails?: Float32Array } {
  if (images.every(({ thumbnail }) => thumbnail === undefined)) return {};
  const thumbnails = new Float32Array(images.length * THUMBNAIL_LENGTH);
  for (const [i, { thumbnail }] of images.entries()) {
    if (thumbnail !== undefined) thumbnails.set(readThumbnail(thumbnail), i * THUMBNAIL_LENGTH);
  }
  return { thumbnails };
}
