import { inflateRawSync, constants } from 'node:zlib';
import { Readable } from 'node:stream';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { InputError, messageOf } from '@hazure/contracts';
import { SNIFF_BYTES } from '@hazure/image-formats';
import type { Resource } from '../resource.js';

export interface ZipMember {
  readonly name: string;
  /** Where its local header is. */
  readonly header: number;
  readonly packed: number;
  readonly size: number;
  readonly method: number;
  readonly crc: number;
  readonly modifiedMs: number | null;
  readonly head: Buffer | null;
  readonly problem: string | null;
}

const STORED = 0;
const DEFLATED = 8;

class ResourceReader extends yauzl.RandomAccessReader {
  constructor(private readonly resource: Resource) {
    super();
  }

  override _readStreamForRange(start: number, end: number): Readable {
    const { resource } = this;
    return Readable.from(
      (async function* () {
        yield await resource.read(start, end - start);
      })(),
    );
  }
}

/**
 * Members of a zip file by its central directory (zip64 too), in stored order. Directory decoding is npm's `yauzl`.
 * Encrypted members and unknown compression are members with a `problem`.
 *
 * @param wantHead which members' first bytes are read as well, by name
 * @throws InputError INPUT_UNREADABLE when there is no directory: the file is cut or is no zip
 */
export async function* zipMembers(
  resource: Resource,
  wantHead: (name: string) => boolean,
): AsyncGenerator<ZipMember> {
  const zip = await openZip(resource);
  try {
    for await (const entry of entries(zip, resource)) {
      const name = fileName(entry);
      if (/[/\\]$/.test(name)) continue;
      const member = {
        name,
        header: entry.relativeOffsetOfLocalHeader,
        packed: entry.compressedSize,
        size: entry.uncompressedSize,
        method: entry.compressionMethod,
        crc: entry.crc32,
        modifiedMs: entry.getLastModDate().getTime(),
        problem: problemOf(entry),
      };
      const head = member.problem === null && wantHead(name) ? await firstBytes(resource, member) : null;
      yield { ...member, head };
    }
  } finally {
    zip.close();
  }
}

function problemOf(entry: Entry): string | null {
  if ((entry.generalPurposeBitFlag & 0x41) !== 0)
    return 'this member is encrypted: unpack the archive with its password';
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED) {
    return `this member is packed by method ${entry.compressionMethod}; stored (0) and deflated (8) are read`;
  }
  return null;
}

function openZip(resource: Resource): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.fromRandomAccessReader(
      new ResourceReader(resource),
      resource.size ?? 0,
      { lazyEntries: true, decodeStrings: false, autoClose: false },
      (error, zip) => (error ? reject(unreadable(resource, error)) : resolve(zip)),
    );
  });
}

function unreadable(resource: Resource, cause: unknown): InputError {
  return new InputError(
    'INPUT_UNREADABLE',
    `Can't read the directory of ${resource.name}: ${messageOf(cause)}`,
    {
      cause,
      hint: 'The file is cut or damaged, or no zip file. `zip -FF` may save what is there.',
    },
  );
}

/** @types/yauzl describes version 2, which can't decode a name without refusing the whole archive for it. */
function fileName(entry: Entry): string {
  const { getFileNameLowLevel } = yauzl as unknown as {
    getFileNameLowLevel(flags: number, raw: Buffer, extraFields: unknown, strict: boolean): string;
  };
  const { generalPurposeBitFlag, extraFields } = entry;
  const raw =
    (entry as unknown as { fileNameRaw?: Buffer }).fileNameRaw ?? (entry.fileName as unknown as Buffer);
  return getFileNameLowLevel(generalPurposeBitFlag, raw, extraFields, false);
}

/** Turns the events into a stream; one entry is asked for at a time. */
async function* entries(zip: ZipFile, resource: Resource): AsyncGenerator<Entry> {
  let settle: { resolve: (entry: Entry | null) => void; reject: (error: Error) => void } | undefined;
  zip.on('entry', (entry) => settle?.resolve(entry));
  zip.on('end', () => settle?.resolve(null));
  zip.on('error', (error: Error) => settle?.reject(error));
  for (;;) {
    const entry = await new Promise<Entry | null>((resolve, reject) => {
      settle = { resolve, reject };
      zip.readEntry();
    }).catch((error: unknown) => {
      throw unreadable(resource, error);
    });
    if (entry === null) return;
    yield entry;
  }
}

/** Where a member's bytes begin: after its local header, whose lengths may differ from the directory's. */
export async function zipDataOffset(resource: Resource, header: number): Promise<number> {
  const local = await resource.read(header, 30);
  if (local.length < 30 || local.readUInt32LE(0) !== 0x04034b50) {
    throw new InputError(
      'INPUT_UNREADABLE',
      `no member begins at byte ${header} of ${resource.name}: it is damaged`,
    );
  }
  return header + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
}

async function firstBytes(
  resource: Resource,
  { header, packed, method }: { readonly header: number; readonly packed: number; readonly method: number },
): Promise<Buffer | null> {
  try {
    const bytes = await resource.read(await zipDataOffset(resource, header), Math.min(packed, SNIFF_BYTES));
    if (method === STORED) return bytes;
    return inflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 1024 * 1100 * 4 });
  } catch {
    return null; // decoding will say
  }
}
