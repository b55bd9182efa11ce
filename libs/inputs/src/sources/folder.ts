import type { Dirent, Stats } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { InputError, messageOf } from '@hazure/contracts';
import { hasImageExtension, sniffImage, SNIFF_BYTES } from '@hazure/image-formats';
import type { Collector } from '../collector.js';
import { localFound } from './found.js';

/** Files looked at at the same time. */
const AT_ONCE = 32;

/** Whether a file is an image by its name, or, where its name says nothing, by its first bytes. */
async function isImageFile(path: string): Promise<boolean> {
  if (hasImageExtension(path)) return true;
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(SNIFF_BYTES), 0, SNIFF_BYTES, 0);
      return sniffImage(buffer.subarray(0, bytesRead), path) !== null;
    } finally {
      await file.close();
    }
  } catch {
    return false;
  }
}

/**
 * Every image below a folder. Hidden files and folders are left out; symbolic links are followed, but never round in a
 * loop. What is named like an image but can't be looked at, and a sub-folder that can't be listed, is found too: it
 * becomes a failure, where leaving it out would go unnoticed.
 *
 * @param root folder that ids are relative to
 * @throws InputError INPUT_UNREADABLE when the folder itself can't be listed
 */
export async function walkFolder(
  folder: string,
  collector: Collector,
  root = resolve(folder),
): Promise<void> {
  collector.roots.addFolder('file', root);
  await walk(resolve(folder), new Set(), root, collector);
}

async function walk(
  folder: string,
  ancestors: ReadonlySet<string>,
  root: string,
  collector: Collector,
): Promise<void> {
  collector.signal?.throwIfAborted();
  let real: string;
  let entries: Dirent[];
  try {
    real = await realpath(folder);
    if (ancestors.has(real)) return; // a link back to a folder that we stand in
    entries = await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    const problem = `the folder can't be listed: ${messageOf(cause)}`;
    if (folder !== root) return collector.add(localFound(folder, null, problem), root);
    throw new InputError('INPUT_UNREADABLE', `Can't list ${folder}: ${messageOf(cause)}`, {
      cause,
      hint: 'Check the permissions of the folder.',
    });
  }
  const inside = new Set(ancestors).add(real);
  const folders: string[] = [];
  for (let from = 0; from < entries.length; from += AT_ONCE) {
    const looked = await Promise.all(entries.slice(from, from + AT_ONCE).map((entry) => look(folder, entry)));
    for (const { entry, path, info, image } of looked) {
      if (entry.name.startsWith('.')) collector.leftOut.add('hidden');
      else if (entry.isDirectory() || info?.isDirectory()) folders.push(path);
      else if (image) await collector.add(localFound(path, info), root);
      else collector.leftOut.other(entry.name);
    }
  }
  for (const path of folders) {
    if (collector.leaveOut(path)) collector.leftOut.add('runFolders');
    else await walk(path, inside, root, collector);
  }
}

interface Looked {
  readonly entry: Dirent;
  readonly path: string;
  readonly info: Stats | null;
  readonly image: boolean;
}

async function look(folder: string, entry: Dirent): Promise<Looked> {
  const path = join(folder, entry.name);
  const nothing = { entry, path, info: null, image: false };
  if (entry.name.startsWith('.') || !(entry.isSymbolicLink() || entry.isFile())) return nothing;
  const info = await stat(path).catch(() => null);
  // a dangling link, a name that is no UTF-8: of these nothing more can be said than their name
  if (info === null) return { ...nothing, image: hasImageExtension(entry.name) };
  return { entry, path, info, image: info.isFile() && (await isImageFile(path)) };
}
