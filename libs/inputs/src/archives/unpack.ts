import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { InputError, messageOf } from '@hazure/contracts';
import type { Resource } from '../resource.js';
import type { InputLimits } from '../types.js';

/**
 * Unpacks a gzip file, or copies one that can only be read from its start, to a temporary file: members are read in
 * the order of their names, which neither form allows.
 *
 * @returns why it ended early (what came before it is there), or null
 * @throws InputError INPUT_INVALID for a decompression bomb, OUTPUT_UNWRITABLE when the disk is full
 */
export async function spool(
  resource: Resource,
  path: string,
  how: { readonly gunzip: boolean; readonly limits: InputLimits; readonly signal?: AbortSignal | undefined },
): Promise<string | null> {
  const { gunzip, limits, signal } = how;
  const counted = { packed: 0, unpacked: 0 };
  const source = Readable.from(count(resource.stream(), counted));
  const bytes: AsyncIterable<Uint8Array> = gunzip ? source.pipe(createGunzip()) : source;
  if (gunzip) source.on('error', (error) => (bytes as unknown as Readable).destroy(error));
  const file = await open(path, 'w');
  try {
    for await (const chunk of bytes) {
      signal?.throwIfAborted();
      counted.unpacked += chunk.length;
      if (
        counted.unpacked > limits.ratioFreeBytes &&
        counted.unpacked > limits.maxUnpackRatio * counted.packed
      ) {
        throw new InputError(
          'INPUT_INVALID',
          `${resource.name} unpacks to more than ${limits.maxUnpackRatio} times its size: stopped after ${counted.unpacked} bytes`,
          { hint: 'It looks like a decompression bomb. If it is none, unpack it and give the folder.' },
        );
      }
      await writeAll(file, chunk, path);
    }
    return null;
  } catch (error) {
    if (error instanceof InputError || signal?.aborted) throw error;
    return messageOf(error);
  } finally {
    await file.close();
  }
}

async function* count(
  source: AsyncIterable<Uint8Array>,
  counted: { packed: number },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    counted.packed += chunk.length;
    yield chunk;
  }
}

async function writeAll(
  file: Awaited<ReturnType<typeof open>>,
  chunk: Uint8Array,
  path: string,
): Promise<void> {
  for (let at = 0; at < chunk.length;) {
    try {
      const { bytesWritten } = await file.write(chunk, at);
      at += bytesWritten;
    } catch (cause) {
      throw new InputError(
        'OUTPUT_UNWRITABLE',
        `Can't write the temporary file ${path}: ${messageOf(cause)}`,
        {
          cause,
          hint: 'Set TMPDIR to a folder with room for the unpacked archive, or unpack it yourself and give the folder.',
        },
      );
    }
  }
}
