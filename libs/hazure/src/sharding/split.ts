import type { ImageRef, ShardRange } from '@hazure/contracts';

/**
 * Cuts a listing into contiguous ranges of about equal bytes. Ranges begin at multiples of `blockImages`, where a run of
 * all images begins a chunk too, so that the same images go through the networks together. Images of unknown size count
 * as an average one. Where there are fewer blocks than parts, some ranges are empty.
 *
 * @param images in order
 * @returns `count` ranges that cover all images, in order
 */
export async function splitByBytes(
  images: AsyncIterable<Pick<ImageRef, 'bytes'>>,
  count: number,
  blockImages: number,
): Promise<ShardRange[]> {
  const bytes: number[] = [];
  const unknown: number[] = [];
  let total = 0;
  for await (const image of images) {
    if (total++ % blockImages === 0) {
      bytes.push(0);
      unknown.push(0);
    }
    if (image.bytes > 0) bytes[bytes.length - 1] += image.bytes;
    else unknown[unknown.length - 1]++;
  }
  const known = bytes.reduce((sum, each) => sum + each, 0);
  const unknownImages = unknown.reduce((sum, each) => sum + each, 0);
  const average = total > unknownImages ? known / (total - unknownImages) : 1;
  const weights = bytes.map((each, block) => each + unknown[block] * average);
  const all = weights.reduce((sum, each) => sum + each, 0);
  const ranges: ShardRange[] = [];
  let [block, reached] = [0, 0];
  for (let part = 1; part <= count; part++) {
    const from = block;
    let own = 0;
    const goal = part === count ? Infinity : (all * part) / count;
    // a block belongs to the part that its middle falls into
    while (block < weights.length && reached + weights[block] / 2 < goal) {
      reached += weights[block];
      own += bytes[block];
      block++;
    }
    ranges.push({
      from: Math.min(total, from * blockImages),
      to: Math.min(total, block * blockImages),
      bytes: own,
    });
  }
  return ranges;
}
