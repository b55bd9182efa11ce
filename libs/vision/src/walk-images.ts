import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { InputError, messageOf, type ImageRef } from '@hazure/contracts';

/** Formats that sharp's prebuilt libvips decodes. */
const IMAGE_EXTENSIONS = new Set([
  '.jpg',
  '.jpeg',
  '.jpe',
  '.png',
  '.webp',
  '.gif',
  '.tif',
  '.tiff',
  '.avif',
  '.heif',
  '.svg',
]);

export function isImagePath(path: string): boolean {
  return IMAGE_EXTENSIONS.has(extname(path).toLowerCase());
}

interface Found {
  readonly id: string;
  readonly path: string;
  readonly bytes: number;
}

/**
 * Every image below a folder, in the order of their relative paths by code point, so that the order is the same on
 * every machine and locale. Hidden files and folders are left out; symbolic links are followed once. A file that is
 * named like an image but can't be looked at (a dangling link, a name that is no UTF-8) is listed too: decoding it
 * fails and leaves a record, where leaving it out would go unnoticed.
 *
 * @param leaveOut folders, by absolute path, that are passed over
 * @throws InputError INPUT_MISSING when there is no such folder, INPUT_UNREADABLE when it can't be listed,
 *   INPUT_EMPTY when it holds no image
 */
export async function walkImages(
  folder: string,
  leaveOut: (folder: string) => boolean = () => false,
): Promise<ImageRef[]> {
  const info = await stat(folder).catch(() => null);
  if (info === null) {
    throw new InputError('INPUT_MISSING', `There is no folder ${folder}`, { hint: 'Check the path.' });
  }
  if (!info.isDirectory()) {
    throw new InputError('INPUT_MISSING', `${folder} is not a folder`, {
      hint: 'Give the folder that holds the images.',
    });
  }
  const found: Found[] = [];
  const others = { count: 0 };
  await walk(folder, '', new Set(), { found, others, leaveOut });
  if (found.length === 0) {
    throw new InputError(
      'INPUT_EMPTY',
      others.count === 0
        ? `${folder} is empty`
        : `None of the ${others.count} files in ${folder} is an image`,
      { hint: `Images end in ${[...IMAGE_EXTENSIONS].join(', ')}.` },
    );
  }
  found.sort((a, b) => compareCodePoints(a.id, b.id));
  return found.map((each, index) => ({ index, ...each }));
}

/** UTF-8 byte order, which is code point order; `<` on strings compares UTF-16 units instead. */
function compareCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}

/** A file, or a link or file of which nothing more can be said; not a socket or a pipe. */
function isFileOrLost(entry: Dirent, info: Stats | null): boolean {
  return info === null ? entry.isFile() || entry.isSymbolicLink() : info.isFile();
}

async function walk(
  folder: string,
  below: string,
  ancestors: ReadonlySet<string>,
  walked: {
    readonly found: Found[];
    readonly others: { count: number };
    readonly leaveOut: (folder: string) => boolean;
  },
): Promise<void> {
  const { found, others, leaveOut } = walked;
  const real = await realpath(folder);
  if (ancestors.has(real)) return; // a link back to a folder that we stand in
  const inside = new Set(ancestors).add(real);
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new InputError('INPUT_UNREADABLE', `Can't list ${folder}: ${messageOf(cause)}`, {
      cause,
      hint: 'Check the permissions of the folder.',
    });
  });
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    const id = below === '' ? entry.name : `${below}/${entry.name}`;
    const info = entry.isSymbolicLink() || entry.isFile() ? await stat(path).catch(() => null) : null;
    if (entry.isDirectory() || info?.isDirectory()) {
      if (!leaveOut(resolve(path))) await walk(path, id, inside, walked);
    } else if (isImagePath(entry.name) && isFileOrLost(entry, info))
      found.push({ id, path, bytes: info?.size ?? 0 });
    else others.count++;
  }
}
