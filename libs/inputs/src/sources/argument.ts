import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HazureError, InputError, messageOf } from '@hazure/contracts';
import { hasImageExtension, sniffImage, SNIFF_BYTES } from '@hazure/image-formats';
import { httpPath, type Collector } from '../collector.js';
import { folderOf } from '../ids.js';
import { LocalResource, type Resource } from '../resource.js';
import { isHidden } from '../member-name.js';
import type { Found } from '../types.js';
import { addArchive, archiveKind } from './archive.js';
import { localFound, walkFolder } from './folder.js';
import { expandGlob, isGlob } from './glob.js';
import { HttpResource, readIndexPage, shown } from './http.js';
import { isList, readLines, readList, type Listed } from './list.js';
import { parseS3, type S3Address, type S3Listed } from './s3.js';
import { countFrames, hasVideoExtension, looksLikeVideo, VideoReader } from './video.js';

/** Names that a remote walk takes at their word: asking for the first bytes of each would be a request a file. */
const SURELY_OTHER = new Set(
  'txt json jsonl ndjson xml csv tsv md yaml yml html htm log py parquet npy npz tar gz tgz zip pt pth onnx safetensors mp4 mov avi mkv webm'
    .split(' ')
    .map((name) => `.${name}`),
);

const FILES_AT_ONCE = 16;

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

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
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

/** Lists, archives and videos: what holds images. @returns false for a plain file */
async function addContainer(
  resource: Resource,
  source: string | (() => Promise<string>),
  collector: Collector,
): Promise<boolean> {
  const { name } = resource;
  if (isList(name)) {
    await addListed(readList(resource), (line) => relativeTo(name, line), collector);
    await resource.close();
    return true;
  }
  const head = await resource.read(0, SNIFF_BYTES);
  const archive = archiveKind(head, name);
  if (archive !== null && !(archive === 'gzip' && hasImageExtension(name))) {
    await addArchive(resource, archive, collector);
    return true;
  }
  if (sniffImage(head, name) !== null || hasImageExtension(name)) return false;
  if (hasVideoExtension(extname(name)) || looksLikeVideo(head)) {
    await resource.close();
    await addVideo(name, source, collector);
    return true;
  }
  return false;
}

async function addVideo(
  name: string,
  source: string | (() => Promise<string>),
  collector: Collector,
): Promise<void> {
  const { every, env, signal } = collector;
  const address = typeof source === 'string' ? (): Promise<string> => Promise.resolve(source) : source;
  const frames = await countFrames(await address(), name, { env, signal });
  const container = collector.addContainer({
    kind: 'video',
    reader: new VideoReader(address, name, every, env),
  });
  const scheme = /^(s3|http)s?:\/\//.exec(name);
  const group = (scheme?.[1] ?? 'file') as Found['group'];
  const place = name.slice(scheme?.[0].length ?? 0);
  for (let frame = 0; frame < frames; frame += every) {
    await collector.add(
      {
        group,
        path: `${place}/frame-${String(frame).padStart(9, '0')}`,
        label: '',
        bytes: null,
        modifiedMs: null,
        at: { kind: 'frame', container, frame },
        problem: null,
        thinned: true,
      },
      dirname(place),
    );
  }
  collector.leftOut.add('notEveryNth', frames - Math.ceil(frames / every));
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

// --- lists

/** Where a line of a list leads, or an address. */
function relativeTo(list: string, line: string): string {
  if (/^(s3|https?|file):\/\//i.test(line)) return line;
  if (/^https?:\/\//i.test(list))
    return new URL(line.split('/').map(encodeURIComponent).join('/'), list).href;
  const s3 = /^(s3:\/\/[^/]+\/)(.*)$/s.exec(list);
  if (s3) return s3[1] + (line.startsWith('/') ? line.slice(1) : join(folderOf(s3[2]), line));
  return resolveLocal(line, dirname(list));
}

function resolveLocal(line: string, folder: string): string {
  return /^(s3|https?|file):\/\//i.test(line) ? line : resolve(folder, line);
}

async function addListed(
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
    if (part.length >= FILES_AT_ONCE) await flush();
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

function failed(path: string, problem: string): Found {
  return { group: 'file', path, label: '', bytes: null, modifiedMs: null, at: null, problem };
}

// --- S3

function s3Found({
  bucket,
  key,
  bytes,
  modifiedMs,
}: Omit<S3Listed, 'bytes'> & { readonly bytes: number | null }): Found {
  return {
    group: 's3',
    path: `${bucket}/${key}`,
    label: bucket,
    bytes,
    modifiedMs,
    at: { kind: 's3', bucket, key },
    problem: null,
  };
}

async function addS3(text: string, collector: Collector): Promise<void> {
  const address = parseS3(text);
  const { bucket, key } = address;
  if (key !== '' && !key.endsWith('/')) {
    const resource = await collector.s3.open(address);
    if (resource) {
      const signed = (): Promise<string> => collector.s3.signed(address);
      if (!(await addContainer(resource, signed, collector)))
        await collector.add(s3Found({ ...address, bytes: resource.size, modifiedMs: resource.modifiedMs }));
      return;
    }
  }
  if (isGlob(key)) return addS3Glob(text, address, collector);
  const folder = key === '' || key.endsWith('/') ? key : `${key}/`;
  let objects = await addS3Prefix(bucket, folder, collector);
  // a prefix need not end at a folder
  if (objects === 0 && folder !== key) objects = await addS3Prefix(bucket, key, collector);
  if (objects === 0)
    throw new InputError('INPUT_MISSING', `There is no object below ${text}`, {
      hint: 'Check the bucket and the prefix.',
    });
}

async function addS3Glob(text: string, { bucket, key }: S3Address, collector: Collector): Promise<void> {
  const { default: picomatch } = await import('picomatch');
  const { base } = picomatch.scan(key);
  const matches = picomatch(key);
  const folder = base === '' ? '' : `${base}/`;
  if ((await addS3Prefix(bucket, folder, collector, matches)) === 0) {
    throw new InputError('INPUT_MISSING', `Nothing matches ${text}`, {
      hint: 'Check the bucket and the pattern.',
    });
  }
}

/** @returns how many objects there are, images or not */
async function addS3Prefix(
  bucket: string,
  prefix: string,
  collector: Collector,
  matches: (key: string) => boolean = () => true,
): Promise<number> {
  const root = folderOf(`${bucket}/${prefix}`);
  let objects = 0;
  let part: S3Listed[] = [];
  const flush = async (): Promise<void> => {
    const images = await Promise.all(
      part.map((each) => isRemoteImage(each.key, () => headOfS3(each, collector))),
    );
    for (const [i, each] of part.entries()) {
      if (images[i]) await collector.add(s3Found(each), root);
      else collector.leftOut.other(each.key);
    }
    part = [];
  };
  for await (const each of collector.s3.list(bucket, prefix)) {
    if (!matches(each.key)) continue;
    objects++;
    if (isHidden(each.key.slice(prefix.length))) collector.leftOut.add('hidden');
    else part.push(each);
    if (part.length >= FILES_AT_ONCE) await flush();
  }
  await flush();
  return objects;
}

async function headOfS3(each: S3Listed, collector: Collector): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  if (each.bytes === 0) return Buffer.alloc(0);
  await collector.s3.again(`s3://${each.bucket}/${each.key}`, async () => {
    parts.length = 0;
    for await (const chunk of collector.s3.body(each, 0, Math.min(each.bytes, SNIFF_BYTES)))
      parts.push(chunk);
  });
  return Buffer.concat(parts);
}

async function isRemoteImage(name: string, head: () => Promise<Buffer>): Promise<boolean> {
  if (hasImageExtension(name)) return true;
  if (SURELY_OTHER.has(extname(name).toLowerCase())) return false;
  return sniffImage(await head(), name) !== null;
}

// --- HTTP

function httpFound(url: string, resource: HttpResource | null): Found {
  return {
    group: 'http',
    path: httpPath(url),
    label: new URL(url).host,
    bytes: resource?.size ?? null,
    modifiedMs: resource?.modifiedMs ?? null,
    at: { kind: 'http', url },
    problem: null,
  };
}

async function addHttp(url: string, collector: Collector): Promise<void> {
  if (!URL.canParse(url))
    throw new InputError('INPUT_INVALID', `${url} is no address`, { hint: 'Write http://host/path.' });
  if (new URL(url).pathname.endsWith('/')) return addIndexPage(url, collector);
  const resource = await HttpResource.open(url, collector.http);
  if (!(await addContainer(resource, url, collector))) {
    if (resource.contentType === 'text/html' && !hasImageExtension(resource.name))
      return addIndexPage(`${url}/`, collector);
    await collector.add(httpFound(url, resource));
  }
}

async function addIndexPage(url: string, collector: Collector): Promise<void> {
  const root = httpPath(url).replace(/\/$/, '');
  collector.roots.addFolder('http', root);
  const waiting = [url];
  const seen = new Set<string>();
  let links = 0;
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const { files, folders } = await readIndexPage(next, collector.http);
    links += files.length + folders.length;
    for (const folder of folders) {
      if (isHidden(httpPath(folder).slice(root.length))) collector.leftOut.add('hidden');
      else waiting.push(folder);
    }
    for (let from = 0; from < files.length; from += FILES_AT_ONCE) {
      const part = files.slice(from, from + FILES_AT_ONCE);
      const opened = await Promise.all(part.map((file) => openLinked(file, root, collector)));
      for (const [i, each] of opened.entries()) {
        if (each !== null) await collector.add(each, root);
        else if (isHidden(httpPath(part[i]).slice(root.length))) collector.leftOut.add('hidden');
        else collector.leftOut.other(httpPath(part[i]));
      }
    }
  }
  if (links === 0) {
    throw new InputError('INPUT_EMPTY', `The page ${shown(url)} links to nothing below it`, {
      hint: 'Give the address of an image, an archive or a list, or of a folder whose server lists its files.',
    });
  }
}

/** null for what is no image. Its size comes with the answer that says whether it is there. */
async function openLinked(url: string, root: string, collector: Collector): Promise<Found | null> {
  const path = httpPath(url);
  if (isHidden(path.slice(root.length))) return null;
  if (!hasImageExtension(path) && SURELY_OTHER.has(extname(path).toLowerCase())) return null;
  try {
    const resource = await HttpResource.open(url, collector.http);
    const image = await isRemoteImage(path, () => resource.read(0, SNIFF_BYTES));
    return image ? httpFound(url, resource) : null;
  } catch (error) {
    if (!(error instanceof HazureError)) throw error;
    return { ...httpFound(url, null), at: null, problem: messageOf(error) };
  }
}
