import { dirname, extname } from 'node:path';
import { hasImageExtension, sniffImage, SNIFF_BYTES } from '@hazure/image-formats';
import type { Collector } from '../collector.js';
import type { Resource } from '../resource.js';
import type { Found } from '../types.js';
import { addArchive, archiveKind } from './archive.js';
import { isList, readList } from './list.js';
import { addListed, relativeTo } from './listed.js';
import { countFrames, hasVideoExtension, looksLikeVideo, VideoReader } from './video.js';

/** Lists, archives and videos: what holds images. @returns false for a plain file */
export async function addContainer(
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
