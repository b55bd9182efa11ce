import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { assertMatrix } from '@hazure/numerics';
import { CentredRows } from './centred-rows.js';
import { linkImages } from './links.js';
import type { ImageLinks } from './links.js';
import { cutIntoBlocks, runsOf, sequenceDependence } from './sequences.js';
import type { Run } from './sequences.js';
import { THUMBNAIL_LENGTH } from './thumbnails.js';
import { relabel, UnionFind } from './union-find.js';

export interface GroupInput {
  /** One row per object (or image). */
  readonly features: EmbeddingMatrix;
  /** Image of each row, 0…images − 1. Absent: each row is an image. */
  readonly imageOf?: ArrayLike<number>;
  /** images × THUMBNAIL_LENGTH, from `thumbnailOf`. Absent: embeddings alone are compared. */
  readonly thumbnails?: Float32Array;
  /** Path of each image relative to its folder, for sequences. Absent: no sequences are looked for. */
  readonly names?: readonly string[];
  /** A label per image, declared: images of equal label are one group. Sequences are then not looked for. */
  readonly given?: ArrayLike<string | number>;
  readonly seed?: number;
  readonly threads?: number;
}

/** Found, counted and said: what made the groups. Kept in the calibration file. */
export interface GroupReport {
  readonly rows: number;
  readonly images: number;
  readonly groups: number;
  /** Images in the largest group. */
  readonly largestGroup: number;
  /** Images that share their group with another one. */
  readonly groupedImages: number;
  readonly given: boolean;
  readonly duplicates: Pick<
    ImageLinks,
    'byEmbedding' | 'byThumbnail' | 'similarity' | 'correlation' | 'notLookedAt'
  > & {
    /** Rounds in which links were cut off because they chained much of the baseline together. */
    readonly tightened: number;
  };
  /** null: neighbours in order don't depend on each other, or names don't tell an order. */
  readonly sequence: {
    readonly runs: number;
    readonly lag: number;
    readonly excess: number;
    readonly blocks: number;
    readonly blockLength: number;
    readonly shortened: boolean;
  } | null;
}

export interface FoundGroups {
  /** Group of each row, 0…groups − 1. */
  readonly groupOf: Int32Array;
  readonly groupOfImage: Int32Array;
  readonly report: GroupReport;
}

/** A found group of more than this share of the images is taken for a chain of links, not for duplicates. */
const CHAIN_SHARE = 0.2;
const CHAIN_IMAGES = 12;
const MOST_TIGHTENING = 8;

/**
 * Groups rows that depend on each other: rows of one image; images that are near-duplicates by embedding or
 * thumbnail (bursts, exposures, crops, augmentations); images of one declared label; and, where neighbours in the
 * order of names are found to depend on each other (frames of a video), blocks of them.
 * Deterministic in the seed. Reckoned cost: see `findNearRows`.
 * @throws InputError for lengths that don't fit or values that are not finite
 */
export async function findGroups(input: GroupInput): Promise<FoundGroups> {
  const { features, seed = 42 } = input;
  assertMatrix(features, { what: 'features to group', minRows: 1 });
  const imageOf = input.imageOf ?? Int32Array.from({ length: features.rows }, (_, row) => row);
  const images = checkImages(input, imageOf);
  const rows = new CentredRows(features);
  const links = await linkImages({ ...input, rows, imageOf, images, seed });

  const declared = relabel(input.given ?? Int32Array.from({ length: images }, (_, image) => image));
  const { groups: found, tightened } = joinLinks(images, links, declared);
  const runs = input.names === undefined || input.given !== undefined ? [] : runsOf(input.names);
  const { groups, sequence } = blocksOf(runs, found, { rows, imageOf, images, seed });
  const sizes = new Int32Array(images);
  groups.forEach((group) => sizes[group]++);
  return {
    groupOf: Int32Array.from({ length: features.rows }, (_, row) => groups[imageOf[row]]),
    groupOfImage: groups,
    report: {
      rows: features.rows,
      images,
      groups: groups.reduce((most, group) => Math.max(most, group + 1), 0),
      largestGroup: sizes.reduce((most, size) => Math.max(most, size), 0),
      groupedImages: groups.reduce((count, group) => count + (sizes[group] > 1 ? 1 : 0), 0),
      given: input.given !== undefined,
      duplicates: {
        byEmbedding: links.byEmbedding,
        byThumbnail: links.byThumbnail,
        similarity: links.similarity,
        correlation: links.correlation,
        notLookedAt: links.notLookedAt,
        tightened,
      },
      sequence,
    },
  };
}

function checkImages(input: GroupInput, imageOf: ArrayLike<number>): number {
  const { features, thumbnails, names, given } = input;
  const expect = (what: string, wanted: number, got: number): void => {
    if (wanted === got) return;
    throw new InputError('INPUT_INVALID', `groups: expected ${what} (${wanted}), got ${got}`);
  };
  expect('the image of each row', features.rows, imageOf.length);
  let images = names?.length ?? given?.length ?? (thumbnails ? thumbnails.length / THUMBNAIL_LENGTH : 0);
  for (let row = 0; row < imageOf.length; row++) {
    const image = imageOf[row];
    if (!Number.isInteger(image) || image < 0) {
      throw new InputError(
        'INPUT_INVALID',
        `groups: expected image numbers from 0, got ${image} in row ${row}`,
      );
    }
    images = Math.max(images, image + 1);
  }
  if (names) expect('the name of each image', images, names.length);
  if (given) expect('the label of each image', images, given.length);
  if (thumbnails) expect('a thumbnail of each image', images * THUMBNAIL_LENGTH, thumbnails.length);
  return images;
}

/** Joins linked images; where links chain much of the baseline together, the weakest are left out again. */
function joinLinks(
  images: number,
  { links }: ImageLinks,
  declared: Int32Array,
): { groups: Int32Array; tightened: number } {
  const most = Math.max(CHAIN_IMAGES, CHAIN_SHARE * images);
  const firstOf = new Map<number, number>();
  const declare = (sets: UnionFind): UnionFind => {
    declared.forEach((label, image) => {
      const first = firstOf.get(label) ?? image;
      firstOf.set(label, first);
      sets.union(first, image);
    });
    return sets;
  };
  let kept = links;
  for (let tightened = 0; ; tightened++) {
    const sets = declare(new UnionFind(images));
    for (const { a, b } of kept) sets.union(a, b);
    const chained = kept.filter(({ a }) => sets.sizeOf(a) > most);
    if (chained.length === 0 || tightened === MOST_TIGHTENING) return { groups: sets.labels(), tightened };
    const strengths = chained.map(({ strength }) => strength).sort((x, y) => x - y);
    const limit = strengths[Math.floor(strengths.length / 4)];
    const next = kept.filter(({ a, strength }) => sets.sizeOf(a) <= most || strength > limit);
    // Links of one strength only: images all alike, which are one group indeed.
    if (strengths[0] === strengths[strengths.length - 1]) return { groups: sets.labels(), tightened };
    kept = next;
  }
}

interface Described {
  readonly rows: CentredRows;
  readonly imageOf: ArrayLike<number>;
  readonly images: number;
  readonly seed: number;
}

/** Blocks of a sequence, where neighbours in it depend on each other; an image is compared by its first row. */
function blocksOf(
  runs: readonly Run[],
  groups: Int32Array,
  { rows, imageOf, images, seed }: Described,
): { groups: Int32Array; sequence: GroupReport['sequence'] } {
  const firstRow = new Int32Array(images).fill(-1);
  for (let row = imageOf.length - 1; row >= 0; row--) firstRow[imageOf[row]] = row;
  const described = runs.map(({ images: all, sequence }) => ({
    images: all.filter((image) => firstRow[image] >= 0),
    sequence,
  }));
  const dependence = sequenceDependence(
    described,
    groups,
    (a, b) => rows.cosine(firstRow[a], firstRow[b]),
    seed,
  );
  if (dependence === null) return { groups, sequence: null };
  const { groups: blocks, ...cut } = cutIntoBlocks(runs, groups, dependence);
  return { groups: blocks, sequence: { runs: runs.length, ...dependence, ...cut } };
}
