import { InputError, type ImageRef } from '@hazure/contracts';
import { readTarMember, readZipMember } from './archives/read-member.js';
import type { Collector } from './collector.js';
import type { Resource } from './resource.js';
import { fetchWhole, shown, tooLarge } from './sources/http.js';
import type { Found, Locator } from './types.js';

/** Makes references that know how to get their bytes. */
export class ImageReader {
  constructor(private readonly collector: Collector) {}

  ref(index: number, id: string, { at, bytes, modifiedMs, problem }: Found): ImageRef {
    const common = { index, id, bytes: bytes ?? 0, modifiedMs };
    if (problem !== null || at === null) {
      return {
        ...common,
        path: id,
        read: () => Promise.reject(new InputError('INPUT_UNREADABLE', problem ?? 'there is nothing to read')),
      };
    }
    // local files are opened by their path: the decoder reads them itself
    if (at.kind === 'file') return { ...common, path: at.path };
    return { ...common, path: this.describe(at), read: () => this.read(at, bytes) };
  }

  private describe(at: Locator): string {
    switch (at.kind) {
      case 'file':
        return at.path;
      case 's3':
        return `s3://${at.bucket}/${at.key}`;
      case 'http':
        return shown(at.url);
      case 'frame':
        return `frame ${at.frame}`;
      default:
        return `${this.archive(at.container).name}`;
    }
  }

  private async read(at: Locator, bytes: number | null): Promise<Uint8Array> {
    const { collector } = this;
    const { maxImageBytes } = collector.limits;
    switch (at.kind) {
      case 'file':
        throw new TypeError('A local file is read by its path');
      case 's3':
        return collector.s3.readWhole(at, maxImageBytes, bytes);
      case 'http':
        return fetchWhole(at.url, maxImageBytes, collector.http);
      case 'frame': {
        const container = collector.containers[at.container];
        if (container.kind !== 'video') throw new TypeError('Not a video');
        return container.reader.frame(at.frame);
      }
      case 'tar': {
        const resource = this.archive(at.container);
        if (at.size > maxImageBytes) throw tooLarge(resource.name, maxImageBytes);
        return readTarMember(resource, at);
      }
      case 'zip': {
        const resource = this.archive(at.container);
        if (at.size > maxImageBytes || at.packed > maxImageBytes)
          throw tooLarge(resource.name, maxImageBytes);
        return readZipMember(resource, at);
      }
    }
  }

  private archive(container: number): Resource {
    const each = this.collector.containers[container];
    if (each.kind !== 'archive') throw new TypeError('Not an archive');
    return each.resource;
  }
}
