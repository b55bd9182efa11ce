import { HazureError, InputError, messageOf } from '@hazure/contracts';
import { hasImageExtension, SNIFF_BYTES } from '@hazure/image-formats';
import { httpPath, type Collector } from '../collector.js';
import { isHidden } from '../member-name.js';
import type { Found } from '../types.js';
import { addContainer } from './container.js';
import { httpFound, isRemoteImage, isSurelyOther, LOOKED_AT_ONCE } from './found.js';
import { HttpResource, readIndexPage, shown } from './http.js';

/** Takes in what an address leads to: an image, a list, an archive, a video, or a folder's page. */
export async function addHttp(url: string, collector: Collector): Promise<void> {
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
    for (let from = 0; from < files.length; from += LOOKED_AT_ONCE) {
      const part = files.slice(from, from + LOOKED_AT_ONCE);
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
  if (!hasImageExtension(path) && isSurelyOther(path)) return null;
  try {
    const resource = await HttpResource.open(url, collector.http);
    const image = await isRemoteImage(path, () => resource.read(0, SNIFF_BYTES));
    return image ? httpFound(url, resource) : null;
  } catch (error) {
    if (!(error instanceof HazureError)) throw error;
    return { ...httpFound(url, null), at: null, problem: messageOf(error) };
  }
}
