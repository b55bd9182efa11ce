import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '@hazure/contracts';
import type { Collector } from '../collector.js';
import { folderOf } from '../ids.js';
import type { Found } from '../types.js';
import { failed, httpFound, localFound, LOOKED_AT_ONCE, s3Found } from './found.js';
import type { Listed } from './list.js';
import { parseS3 } from './s3.js';

/** Where a line of a list leads, or an address. */
export function relativeTo(list: string, line: string): string {
  if (/^(s3|https?|file):\/\//i.test(line)) return line;
  if (/^https?:\/\//i.test(list))
    return new URL(line.split('/').map(encodeURIComponent).join('/'), list).href;
  const s3 = /^(s3:\/\/[^/]+\/)(.*)$/s.exec(list);
  if (s3) return s3[1] + (line.startsWith('/') ? line.slice(1) : join(folderOf(s3[2]), line));
  return resolveLocal(line, dirname(list));
}

export function resolveLocal(line: string, folder: string): string {
  return /^(s3|https?|file):\/\//i.test(line) ? line : resolve(folder, line);
}

export async function addListed(
  lines: AsyncGenerator<Listed>,
  place: (line: string) => string,
  collector: Collector,
): Promise<void> {
  let part: Listed[] = [];
  const flush = async (): Promise<void> => {
    const found = await Promise.all(part.map((each) => listedFound(each, place)));
    part = [];
    for (const each of found) {
      if (each.at === null) await collector.found.add(each);
      else await collector.add(each);
    }
  };
  for await (const each of lines) {
    part.push(each);
    if (part.length >= LOOKED_AT_ONCE) await flush();
  }
  await flush();
}

async function listedFound(
  { text, where, problem }: Listed,
  place: (line: string) => string,
): Promise<Found> {
  if (problem !== null) return failed(where, `${where}: ${problem}`);
  let at = place(text);
  if (/^s3:\/\//i.test(at)) return s3Found({ ...parseS3(at), bytes: null, modifiedMs: null });
  if (/^https?:\/\//i.test(at))
    return URL.canParse(at) ? httpFound(at, null) : failed(where, `${where}: ${text} is no address`);
  if (/^file:\/\//i.test(at)) at = fileURLToPath(at);
  // a line is taken as it stands; spaces around it are dropped only where that names a file
  let why = `there is no file ${text}`;
  for (const path of new Set([at, place(text.trim())])) {
    const info = await stat(path).catch((error: unknown) => {
      if (!isMissing(error)) why = messageOf(error);
      return null;
    });
    if (info?.isFile()) return localFound(path, info);
    if (info) return failed(path, `${where}: ${text} is a folder, where an image was expected`);
  }
  return failed(at, `${where}: ${why}`);
}

/** Whether an error says that there is nothing of the name. */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}
