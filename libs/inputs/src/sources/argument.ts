import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HazureError, InputError, messageOf } from '@hazure/contracts';
import { hasImageExtension, sniffImage, SNIFF_BYTES } from '@hazure/image-formats';
import type { Collector } from '../collector.js';
import { LocalResource } from '../resource.js';
import { addContainer } from './container.js';
import { walkFolder } from './folder.js';
import { localFound } from './found.js';
import { expandGlob, isGlob } from './glob.js';
import { addHttp } from './http-input.js';
import { readLines } from './list.js';
import { addListed, isMissing, resolveLocal } from './listed.js';
import { addS3 } from './s3-input.js';

/** Takes in one argument of the command line, whatever it is. @throws InputError when there is no such input */
export async function addArgument(text: string, collector: Collector): Promise<void> {
  if (text === '-')
    return addListed(
      readLines(collector.stdin, 'standard input'),
      (line) => resolveLocal(line, collector.cwd),
      collector,
    );
  if (/^s3:\/\//i.test(text)) return addS3(text, collector);
  if (/^https?:\/\//i.test(text)) return addHttp(text, collector);
  if (/^file:\/\//i.test(text)) return addLocal(fileURLToPath(text), text, collector);
  const path = resolve(collector.cwd, text);
  const info = await statOrNull(path, text);
  // a name with brackets or stars in it that is there is meant as it stands
  if (info === null && isGlob(text)) return addGlob(text, collector);
  return addLocal(path, text, collector, info);
}

async function addLocal(
  path: string,
  text: string,
  collector: Collector,
  known: Stats | null = null,
): Promise<void> {
  const info = known ?? (await statOrNull(path, text));
  if (info === null) {
    const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(text)?.[1];
    throw new InputError('INPUT_MISSING', `There is no folder or file ${text}`, {
      hint: scheme ? `Addresses begin with s3://, http:// or https://, not ${scheme}://.` : 'Check the path.',
    });
  }
  if (info.isDirectory()) return walkFolder(path, collector);
  if (!info.isFile())
    throw new InputError('INPUT_INVALID', `${text} is no file or folder but a pipe, socket or device`, {
      hint: 'To read a list from standard input, give -.',
    });
  await addLocalFile(path, info, collector);
}

/** null when there is nothing of the name. @throws InputError INPUT_UNREADABLE when that can't be said */
async function statOrNull(path: string, text: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (cause) {
    if (isMissing(cause)) return null;
    throw new InputError('INPUT_UNREADABLE', `Can't look at ${text}: ${messageOf(cause)}`, {
      cause,
      hint: 'Check the permissions of the folders on the way to it.',
    });
  }
}

async function addLocalFile(path: string, info: Stats, collector: Collector): Promise<void> {
  const resource = await LocalResource.open(path);
  let keep = false;
  try {
    keep = await addContainer(resource, path, collector);
    if (!keep) await collector.add(localFound(path, info));
  } finally {
    if (!keep) await resource.close();
  }
}

async function addGlob(pattern: string, collector: Collector): Promise<void> {
  const { base, paths } = expandGlob(pattern, collector);
  let matches = 0;
  for await (const path of paths) {
    matches++;
    const info = await stat(path).catch(() => null);
    if (info === null) await collector.add(localFound(path, null), base);
    else if (info.isDirectory()) {
      if (collector.leaveOut(path)) collector.leftOut.add('runFolders');
      else await walkFolder(path, collector, base);
    } else if (info.isFile()) await addMatch(path, info, base, collector);
  }
  if (matches === 0) {
    throw new InputError('INPUT_MISSING', `Nothing matches ${pattern}`, {
      hint: 'Check the pattern; ** stands for any folders.',
    });
  }
}

/** A pattern names kinds by hand: what it matches is taken, archives and lists are opened, other kinds counted. */
async function addMatch(path: string, info: Stats, base: string, collector: Collector): Promise<void> {
  if (hasImageExtension(path)) return collector.add(localFound(path, info), base);
  const resource = await LocalResource.open(path);
  let keep = false;
  try {
    const head = await resource.read(0, SNIFF_BYTES);
    if (sniffImage(head, path) !== null) await collector.add(localFound(path, info), base);
    else {
      keep = await addContainer(resource, path, collector);
      if (!keep) collector.leftOut.other(path);
    }
  } catch (error) {
    // one damaged archive of many must not end the run
    if (!(error instanceof HazureError) || error.code === 'OUTPUT_UNWRITABLE') throw error;
    await collector.add({ ...localFound(path, info, messageOf(error)), at: null }, base);
  } finally {
    if (!keep) await resource.close().catch(() => undefined);
  }
}
