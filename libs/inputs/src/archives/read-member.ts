import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import { InputError, messageOf } from '@hazure/contracts';
import type { Resource } from '../resource.js';
import type { Locator } from '../types.js';
import { spread } from './tar-sparse.js';
import { zipDataOffset } from './zip-index.js';

const inflate = promisify(inflateRaw);

/** @throws InputError INPUT_UNREADABLE when the archive ends before the member does */
export async function readTarMember(
  resource: Resource,
  { offset, size, sparse, wholeSize }: Extract<Locator, { kind: 'tar' }>,
): Promise<Buffer> {
  const bytes = await resource.read(offset, size);
  if (bytes.length < size) throw cut(resource, bytes.length, size);
  return sparse ? spread(bytes, { size: wholeSize ?? size, pieces: sparse }) : bytes;
}

/** @throws InputError INPUT_UNREADABLE for bytes that don't unpack to the stated size and checksum */
export async function readZipMember(
  resource: Resource,
  { header, packed, size, method, crc }: Extract<Locator, { kind: 'zip' }>,
): Promise<Buffer> {
  const stored = await resource.read(await zipDataOffset(resource, header), packed);
  if (stored.length < packed) throw cut(resource, stored.length, packed);
  let bytes = stored;
  if (method !== 0) {
    try {
      bytes = await inflate(stored, { maxOutputLength: Math.max(1, size) });
    } catch (cause) {
      throw new InputError(
        'INPUT_UNREADABLE',
        `it does not unpack from ${resource.name}: ${messageOf(cause)}`,
        { cause },
      );
    }
  }
  if (bytes.length !== size || crc32(bytes) !== crc) {
    throw new InputError(
      'INPUT_UNREADABLE',
      `it is damaged in ${resource.name}: size or checksum differ from the directory's`,
    );
  }
  return bytes;
}

function cut(resource: Resource, came: number, wanted: number): InputError {
  return new InputError(
    'INPUT_UNREADABLE',
    `${resource.name} is truncated in it: ${came} of ${wanted} bytes are there`,
  );
}
