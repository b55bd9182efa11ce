import { backgroundOf, CentredRows, fisherZ } from './centred-rows.js';
import type { Background } from './centred-rows.js';
import { findNearRows } from './near-rows.js';
import { THUMBNAIL_LENGTH, ThumbnailComparer } from './thumbnails.js';

/** Two images found to be near-duplicates. */
export interface ImageLink {
  readonly a: number;
  readonly b: number;
  /** Fisher's z of their similarity, in standard deviations above that of random pairs. */
  readonly strength: number;
}

export interface ImageLinks {
  readonly links: readonly ImageLink[];
  readonly byEmbedding: number;
  readonly byThumbnail: number;
  /** Cosine about the mean from which rows were taken for near-duplicates. */
  readonly similarity: number;
  /** The same for the correlation of thumbnails; null without them. */
  readonly correlation: number | null;
  /** Pairs of somewhat like thumbnails that were too many to be compared as crops of each other. */
  readonly notLookedAt: number;
}

export interface LinkInput {
  readonly rows: CentredRows;
  readonly imageOf: ArrayLike<number>;
  readonly images: number;
  readonly thumbnails?: Float32Array;
  readonly seed: number;
  readonly threads?: number;
}

/** Near-duplicates are this many standard deviations more alike than random pairs, … */
const DEVIATIONS = 5;
/** … at least so alike, … */
const MIN_SIMILARITY = 0.6;
/** … and much nearer than the surroundings: distance over that of the row some places away. */
const MAX_DISTANCE_RATIO = 0.8;
/** Rows so alike are copies, however crowded the surroundings. */
const COPY_SIMILARITY = 0.995;
const BACKGROUND_PAIRS = 20_000;

const MIN_CORRELATION = 0.88;
const CORRELATION_DEVIATIONS = 4;
const CORRELATION_PAIRS = 2000;
/** Whole thumbnails less alike than this are not looked at closer. */
const CANDIDATE_CORRELATION = 0.3;
/** Pairs compared as crops of each other; of more candidates, those least alike as a whole are not. */
const MOST_LOOKS = 100_000;
/** Images of several rows are linked when this share of the rows of the smaller one have a near-duplicate in the other. */
const MIN_ROW_SHARE = 0.5;

const limitOf = ({ mean, deviation }: Background, deviations: number, least: number): number =>
  Math.max(fisherZ(least), mean + deviations * deviation);

/**
 * Links images that are near-duplicates. Thresholds come from how alike random pairs are: photos of anything are
 * hardly alike, aligned photos of one product very much so, and neither may decide what a duplicate is for the other.
 */
export async function linkImages(input: LinkInput): Promise<ImageLinks> {
  const { rows, imageOf, images, thumbnails, seed } = input;
  const options = { seed, ...(input.threads === undefined ? {} : { threads: input.threads }) };
  const background = backgroundOf(rows.x.rows, (a, b) => rows.cosine(a, b), {
    pairs: BACKGROUND_PAIRS,
    seed,
  });
  const limit = limitOf(background, DEVIATIONS, MIN_SIMILARITY);
  const near = await findNearRows(rows, options);
  const ratio = MAX_DISTANCE_RATIO * MAX_DISTANCE_RATIO;
  const candidates = new Set<number>();
  const key = (a: number, b: number): number => Math.min(a, b) * images + Math.max(a, b);
  const pairRows = new Map<number, { strength: number; rows: Set<number> }>();
  near.forEachPair((i, j) => {
    const [a, b] = [imageOf[i], imageOf[j]];
    if (a === b) return;
    const cosine = rows.cosine(i, j);
    if (thumbnails && cosine > MIN_SIMILARITY / 2) candidates.add(key(a, b));
    const z = fisherZ(cosine);
    if (z < limit) return;
    const apart = 1 - cosine;
    const alone = apart <= ratio * (1 - near.reference[i]) && apart <= ratio * (1 - near.reference[j]);
    if (!alone && cosine < COPY_SIMILARITY) return;
    const pair = pairRows.get(key(a, b)) ?? { strength: -Infinity, rows: new Set<number>() };
    pair.strength = Math.max(pair.strength, (z - background.mean) / background.deviation);
    pair.rows.add(i).add(j);
    pairRows.set(key(a, b), pair);
  });
  const rowsOfImage = new Int32Array(images);
  for (let row = 0; row < imageOf.length; row++) rowsOfImage[imageOf[row]]++;
  const links: ImageLink[] = [];
  for (const [code, { strength, rows: linked }] of pairRows) {
    const [a, b] = [Math.floor(code / images), code % images];
    const smaller = rowsOfImage[a] <= rowsOfImage[b] ? a : b;
    let own = 0;
    for (const row of linked) own += imageOf[row] === smaller ? 1 : 0;
    if (own >= MIN_ROW_SHARE * rowsOfImage[smaller]) links.push({ a, b, strength });
  }
  if (thumbnails === undefined)
    return { ...found(limit), links, byThumbnail: 0, correlation: null, notLookedAt: 0 };
  const like = await linkThumbnails(thumbnails, candidates, { ...options, images });
  return {
    ...found(limit),
    links: [...links, ...like.links],
    byThumbnail: like.links.length,
    correlation: like.correlation,
    notLookedAt: like.notLookedAt,
  };

  function found(z: number): Pick<ImageLinks, 'byEmbedding' | 'similarity'> {
    return { byEmbedding: links.length, similarity: Math.tanh(z) };
  }
}

/** Images with like thumbnails, among the candidates and the nearest thumbnails. */
async function linkThumbnails(
  thumbnails: Float32Array,
  candidates: Set<number>,
  options: { readonly seed: number; readonly threads?: number; readonly images: number },
): Promise<Pick<ImageLinks, 'links' | 'notLookedAt'> & { correlation: number }> {
  const { images, seed } = options;
  const compare = new ThumbnailComparer(thumbnails);
  const background = backgroundOf(images, (a, b) => compare.correlation(a, b), {
    pairs: CORRELATION_PAIRS,
    seed,
  });
  const limit = limitOf(background, CORRELATION_DEVIATIONS, MIN_CORRELATION);
  const near = await findNearRows(
    new CentredRows({ data: thumbnails, rows: images, cols: THUMBNAIL_LENGTH }),
    options,
  );
  near.forEachPair((a, b) => candidates.add(Math.min(a, b) * images + Math.max(a, b)));
  const worth = [...candidates]
    .map((code) => ({ code, plain: compare.plain(Math.floor(code / images), code % images) }))
    .filter(({ plain }) => plain >= CANDIDATE_CORRELATION);
  if (worth.length > MOST_LOOKS) worth.sort((x, y) => y.plain - x.plain);
  const looked = worth.slice(0, MOST_LOOKS).sort((x, y) => x.code - y.code);
  const links: ImageLink[] = [];
  for (const { code } of looked) {
    const [a, b] = [Math.floor(code / images), code % images];
    const z = fisherZ(compare.correlation(a, b));
    if (z >= limit) links.push({ a, b, strength: (z - background.mean) / background.deviation });
  }
  return { links, correlation: Math.tanh(limit), notLookedAt: worth.length - looked.length };
}
