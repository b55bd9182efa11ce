import type { Stats } from 'node:fs';
import { extname } from 'node:path';
import { hasImageExtension, sniffImage } from '@hazure/image-formats';
import { httpPath } from '../collector.js';
import type { Found } from '../types.js';
import type { HttpResource } from './http.js';
import type { S3Listed } from './s3.js';

/** Files, objects and lines looked at at the same time. */
export const LOOKED_AT_ONCE = 16;

/** Names that a remote walk takes at their word: asking for the first bytes of each would be a request a file. */
const SURELY_OTHER = new Set(
  'txt json jsonl ndjson xml csv tsv md yaml yml html htm log py parquet npy npz tar gz tgz zip pt pth onnx safetensors mp4 mov avi mkv webm'
    .split(' ')
    .map((name) => `.${name}`),
);

export function localFound(path: string, info: Stats | null, problem: string | null = null): Found {
  return {
    group: 'file',
    path,
    label: '',
    bytes: info?.size ?? null,
    modifiedMs: info?.mtimeMs ?? null,
    at: { kind: 'file', path },
    problem,
  };
}

export function failed(path: string, problem: string): Found {
  return { group: 'file', path, label: '', bytes: null, modifiedMs: null, at: null, problem };
}

export function s3Found({
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

export function httpFound(url: string, resource: HttpResource | null): Found {
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

/** Whether a remote file is an image: by its name, or where that says nothing by its first bytes. */
export async function isRemoteImage(name: string, head: () => Promise<Buffer>): Promise<boolean> {
  if (hasImageExtension(name)) return true;
  if (isSurelyOther(name)) return false;
  return sniffImage(await head(), name) !== null;
}

/** Whether a remote file is taken at its name for no image. */
export function isSurelyOther(name: string): boolean {
  return SURELY_OTHER.has(extname(name).toLowerCase());
}
