import { readdir } from 'node:fs/promises';
import { join, posix, relative, resolve, sep } from 'node:path';
import sharp from 'sharp';
import { InputError, messageOf, type PixelBox } from '@hazure/contracts';
import { connectedRegions } from '@hazure/numerics';
import type { ImageIndex } from './image-index.js';
import { withoutExtension } from './truth.js';

const MASK_FILE = /\.(png|bmp|tiff?|webp|jpe?g|gif)$/i;
const SUFFIX = /[_-](mask|gt|label|seg|segmentation)$/i;
/** A mask and its image may differ by so much in shape, as one of them was scaled to whole pixels. */
const SHAPE_TOLERANCE = 0.02;
/** An object this much of which is anomalous, or that holds this much of an anomaly, is one. */
const LEAST_OVERLAP = 0.1;

/** What the mask of an image says. */
export interface Mask {
  readonly width: number;
  readonly height: number;
  /** `height × width`; 1 = anomalous. */
  readonly pixels: Uint8Array;
  readonly anomalous: number;
}

/** What a mask says of an object: null where too little of it overlaps to tell. */
export type ObjectTruth = 0 | 1 | null;

export interface MaskFolder {
  /** Path of the mask of each image that has one, by place in the index. */
  readonly files: ReadonlyMap<number, string>;
  readonly notes: readonly string[];
}

/**
 * Finds the mask of each image: a picture of the same path without its extension, or with `_mask`, `_gt`, `_label` or
 * `_seg` before it; enough of the path to tell images apart must be the same.
 * @param index by path without extension
 * @throws InputError for a folder that can't be read, ambiguous names, or none of whose masks belongs to the run
 */
export async function findMasks(folder: string, index: ImageIndex): Promise<MaskFolder> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw new InputError('INPUT_MISSING', `Can't read the folder of masks ${folder}: ${messageOf(cause)}`, {
      cause,
    });
  });
  const files = new Map<number, string>();
  const strays: string[] = [];
  const paths = entries
    .filter((entry) => entry.isFile() && MASK_FILE.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const path of paths) {
    const inner = relative(resolve(folder), resolve(path)).split(sep).join('/');
    const extension = posix.extname(inner);
    const plain = withoutExtension(inner).replace(SUFFIX, '') + extension;
    const at = index.find(inner, folder) ?? index.find(plain, folder);
    if (at === null) {
      strays.push(inner);
      continue;
    }
    const other = files.get(at);
    if (other !== undefined) {
      throw new InputError('INPUT_INVALID', `${other} and ${path} are both masks of "${index.ids[at]}"`, {
        hint: 'Keep one mask an image.',
      });
    }
    files.set(at, path);
  }
  if (files.size === 0) {
    throw new InputError(
      'INPUT_INVALID',
      `None of the ${paths.length} masks of ${folder} belongs to an image of the run`,
      {
        hint: `A mask has the path of its image, such as ${withoutExtension(index.ids[0] ?? 'a/1.jpg')}_mask.png.`,
      },
    );
  }
  const notes =
    strays.length > 0 ? [`${strays.length} masks belong to no image of the run, such as ${strays[0]}`] : [];
  return { files, notes };
}

/** @param size of the image in pixels @throws InputError for a mask that can't be read or is of another shape */
export async function readMask(
  path: string,
  size: { readonly widthPx: number; readonly heightPx: number },
): Promise<Mask> {
  const decoded = await sharp(path)
    .autoOrient()
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => {
      throw new InputError('INPUT_UNREADABLE', `Can't read the mask ${path}: ${messageOf(cause)}`, { cause });
    });
  const { width, height, channels } = decoded.info;
  const [expected, got] = [size.widthPx / size.heightPx, width / height];
  if (Math.abs(got / expected - 1) > SHAPE_TOLERANCE) {
    throw new InputError(
      'INPUT_INVALID',
      `The mask ${path} is ${width} × ${height} where its image is ${size.widthPx} × ${size.heightPx}`,
      { hint: 'A mask must cover its whole image, in its shape.' },
    );
  }
  // lossy files blur edges; else any value that is not 0 is inside, as masks of class numbers are dark
  const least = /\.jpe?g$/i.test(path) ? 128 : 1;
  const pixels = new Uint8Array(width * height);
  let anomalous = 0;
  for (let i = 0; i < pixels.length; i++) {
    for (let channel = 0; channel < channels; channel++) {
      if (decoded.data[i * channels + channel] < least) continue;
      pixels[i] = 1;
      anomalous++;
      break;
    }
  }
  return { width, height, pixels, anomalous };
}

/** Compares boxes with a mask's regions. */
export class MaskRegions {
  readonly sizes: readonly number[];
  private readonly regionOf: Int32Array;

  constructor(private readonly mask: Mask) {
    const { regionOf, sizes } = connectedRegions(mask.pixels, mask.width, mask.height);
    this.regionOf = regionOf;
    this.sizes = sizes;
  }

  /**
   * @param box in pixels of the image
   * @returns what the object is, and the regions that it touches
   */
  judge(
    box: PixelBox,
    image: { readonly imageWidthPx: number; readonly imageHeightPx: number },
  ): { readonly truth: ObjectTruth; readonly regions: ReadonlySet<number> } {
    const { width, height } = this.mask;
    const [sx, sy] = [width / image.imageWidthPx, height / image.imageHeightPx];
    const [x1, y1] = [Math.max(0, Math.floor(box.x1 * sx)), Math.max(0, Math.floor(box.y1 * sy))];
    const [x2, y2] = [Math.min(width, Math.ceil(box.x2 * sx)), Math.min(height, Math.ceil(box.y2 * sy))];
    const inside = new Map<number, number>();
    let covered = 0;
    for (let y = y1; y < y2; y++) {
      for (let x = x1; x < x2; x++) {
        const region = this.regionOf[y * width + x];
        if (region < 0) continue;
        covered++;
        inside.set(region, (inside.get(region) ?? 0) + 1);
      }
    }
    const regions = new Set(inside.keys());
    if (covered === 0) return { truth: 0, regions };
    const area = Math.max(1, (x2 - x1) * (y2 - y1));
    const much =
      covered >= LEAST_OVERLAP * area ||
      [...inside].some(([region, pixels]) => pixels >= LEAST_OVERLAP * this.sizes[region]);
    return { truth: much ? 1 : null, regions };
  }
}
