import { Random } from '@hazure/numerics';
import { relabel } from './union-find.js';

/** Images that follow each other without a gap, in the order of their numbers. */
export interface Run {
  readonly images: readonly number[];
  /** Number of the sequence (folder and name) that it belongs to. */
  readonly sequence: number;
}

/** Share of steps that must be alike before a larger one counts as a gap. */
const REGULAR_SHARE = 0.8;
/** A step this many times the usual one is a gap. */
const GAP = 3;

/**
 * Runs of images by their names: same folder, same name but for the last number, ascending by it. Where numbers mostly
 * rise by equal steps, a much larger step begins a new run (frames of a video that lie apart).
 */
export function runsOf(names: readonly string[]): Run[] {
  const sequences = new Map<string, { image: number; number: number }[]>();
  names.forEach((name, image) => {
    const match = /^(.*?)(\d+)(\D*)$/.exec(name);
    if (match === null) return;
    const key = `${match[1]}#${match[3]}`;
    const members = sequences.get(key) ?? [];
    members.push({ image, number: Number(match[2]) });
    sequences.set(key, members);
  });
  return [...sequences.values()].flatMap((members, sequence) => {
    members.sort((a, b) => a.number - b.number || a.image - b.image);
    const steps = members.slice(1).map(({ number }, i) => number - members[i].number);
    const usual = [...steps].sort((a, b) => a - b)[steps.length >> 1] ?? 0;
    const regular = steps.filter((step) => step === usual).length >= REGULAR_SHARE * steps.length;
    const runs: number[][] = [[]];
    members.forEach(({ image }, i) => {
      if (i > 0 && regular && steps[i - 1] > GAP * usual) runs.push([]);
      runs[runs.length - 1].push(image);
    });
    return runs.map((images) => ({ images, sequence }));
  });
}

/** How far images in order depend on each other. */
export interface SequenceDependence {
  /** Mean similarity of neighbours less that of any two images of one sequence. */
  readonly excess: number;
  /** Images until a tenth of that is left. */
  readonly lag: number;
}

const MOST_PAIRS = 4000;
const MOST_LAG = 1000;
/** Neighbours must be so much more alike than others, and so many standard errors, … */
const MIN_EXCESS = 0.1;
const MIN_ERRORS = 5;
/** … in so many pairs, which are so large a share of all. */
const MIN_PAIRS = 20;
const MIN_SHARE = 0.1;
const LEFT_OVER = 0.1;

interface Pairs {
  /** Of different groups. */
  readonly used: number;
  readonly share: number;
  readonly mean: number;
  readonly error: number;
}

/**
 * Whether neighbours in order are more alike than others, by pairs of different groups, so that near-duplicates that
 * are known already don't count. null: no evidence of it.
 * @param groups of each image
 * @param similarity of two images, −1…1
 */
export function sequenceDependence(
  runs: readonly Run[],
  groups: ArrayLike<number>,
  similarity: (a: number, b: number) => number,
  seed: number,
): SequenceDependence | null {
  const random = new Random(seed);
  const measure = (count: number, pair: (i: number) => readonly [number, number]): Pairs => {
    let [used, sum, squares] = [0, 0, 0];
    for (let i = 0; i < count; i++) {
      const [a, b] = pair(i);
      if (groups[a] === groups[b]) continue;
      const value = similarity(a, b);
      used++;
      sum += value;
      squares += value * value;
    }
    const mean = sum / Math.max(1, used);
    const variance = Math.max(0, squares / Math.max(1, used) - mean * mean);
    return { used, share: used / Math.max(1, count), mean, error: Math.sqrt(variance / Math.max(1, used)) };
  };
  const members = new Map<number, number[]>();
  for (const { images, sequence } of runs) {
    members.set(sequence, [...(members.get(sequence) ?? []), ...images]);
  }
  const pool = [...members.values()].filter((images) => images.length >= 2);
  const images = pool.flat();
  const sequenceOf = new Map(pool.flatMap((list) => list.map((image) => [image, list] as const)));
  if (images.length < MIN_PAIRS) return null;
  const far = measure(MOST_PAIRS, () => {
    const a = images[random.nextInt(images.length)];
    const others = sequenceOf.get(a) as number[];
    return [a, others[random.nextInt(others.length)]];
  });
  const near = (lag: number): Pairs => {
    const pairs = runs.flatMap((run) =>
      run.images.slice(lag).map((image, i) => [run.images[i], image] as const),
    );
    const stride = Math.max(1, pairs.length / MOST_PAIRS);
    return measure(Math.min(MOST_PAIRS, pairs.length), (i) => pairs[Math.floor(i * stride)]);
  };
  const first = near(1);
  const excess = first.mean - far.mean;
  if (first.used < MIN_PAIRS || first.share < MIN_SHARE) return null;
  if (excess < MIN_EXCESS || excess < MIN_ERRORS * Math.hypot(first.error, far.error)) return null;
  let lag = 2;
  for (; lag < MOST_LAG; lag = Math.max(lag + 1, Math.round(lag * 1.1))) {
    const at = near(lag);
    if (at.used < MIN_PAIRS || at.mean - far.mean < LEFT_OVER * excess) break;
  }
  return { excess, lag };
}

export interface SequenceBlocks {
  /** Group of each image. */
  readonly groups: Int32Array;
  readonly blocks: number;
  readonly blockLength: number;
  /** Blocks had to be shorter than the dependence reaches, to have enough of them. */
  readonly shortened: boolean;
}

/** Blocks reach over the dependence on both sides; fewer than eight are too few to judge each other. */
const LAGS_PER_BLOCK = 2;
const MIN_BLOCKS = 8;

/**
 * Cuts runs into blocks twice as long as the dependence reaches. Groups known before stay whole: each goes where its
 * first member lies. Images outside every run keep their group.
 */
export function cutIntoBlocks(
  runs: readonly Run[],
  groups: Int32Array,
  { lag }: SequenceDependence,
): SequenceBlocks {
  const wanted = LAGS_PER_BLOCK * lag;
  const parts = ({ images }: Run, length: number): number => Math.max(1, Math.round(images.length / length));
  const total = (length: number): number => runs.reduce((sum, run) => sum + parts(run, length), 0);
  let blockLength = wanted;
  while (blockLength > 1 && total(blockLength) < MIN_BLOCKS) blockLength = Math.ceil(blockLength / 2);
  const blockOfGroup = new Map<number, string>();
  runs.forEach((run, r) => {
    const count = parts(run, blockLength);
    run.images.forEach((image, i) => {
      const block = `${r}:${Math.floor((i * count) / run.images.length)}`;
      if (!blockOfGroup.has(groups[image])) blockOfGroup.set(groups[image], block);
    });
  });
  const labels = Array.from(groups, (group) => blockOfGroup.get(group) ?? group);
  return {
    groups: relabel(labels),
    blocks: total(blockLength),
    blockLength,
    shortened: blockLength < wanted,
  };
}
