import { posix } from 'node:path';
import { Header, Pax } from 'tar';
import { SNIFF_BYTES } from '@hazure/image-formats';
import { Cursor, type Resource } from '../resource.js';
import { readPaxSparse, readGnuSparse, type SparseMap } from './tar-sparse.js';

export interface TarMember {
  /** As it stands in the archive. */
  readonly name: string;
  /** Where its bytes begin in the archive, and how many are stored. */
  readonly offset: number;
  readonly stored: number;
  /** Bytes of the file when unpacked. */
  readonly size: number;
  readonly modifiedMs: number | null;
  /** First bytes, where asked for. */
  readonly head: Buffer | null;
  readonly sparse: SparseMap | null;
  /** Name of the member that a link stands for. */
  readonly linkTo: string | null;
  readonly problem: string | null;
}

const BLOCK = 512;
const MOST_META_BYTES = 1024 ** 2;
const padded = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;

/** What GNU and pax entries say of the entry after them. */
interface Announced {
  pax: Pax | undefined;
  path: string | undefined;
  link: string | undefined;
  /** Of GNU's and pax's own keywords, which the header class drops. */
  records: ReadonlyMap<string, string>;
}

/**
 * Walks the headers of a tar archive (ustar, pax, GNU: long names, base-256 sizes, sparse files), without reading what
 * lies between them where the resource can jump. Archives that were joined end to end are read to the last.
 * Header decoding is npm's `tar`; formats: POSIX.1-2017 pax, GNU tar manual "Basic Tar Format".
 *
 * @param wantHead which members' first bytes are read as well, by name
 * @returns regular files in stored order; a damaged or cut archive ends in a member that has a `problem`
 */
export async function* tarMembers(
  resource: Resource,
  wantHead: (name: string) => boolean,
): AsyncGenerator<TarMember> {
  // jumping costs a request at a remote server, a system call here
  const cursor = new Cursor(resource, resource.name.includes('://') ? 4 * 1024 ** 2 : 256 * 1024);
  let announced = nothing();
  let global: Pax | undefined;
  let members = 0;
  try {
    for (;;) {
      const at = cursor.at;
      const block = await cursor.take(BLOCK);
      if (block.length === 0) {
        if (announced.records.size > 0 || announced.path !== undefined)
          yield broken(announced.path ?? '', at, 'the archive ends after the name of this member');
        return;
      }
      if (block.length < BLOCK) {
        yield broken('', at, `the archive is truncated after ${members} members`);
        return;
      }
      if (block.every((byte) => byte === 0)) continue;
      const header = decodeHeader(block, announced.pax, global);
      if (header === null) {
        yield broken(
          '',
          at,
          `the archive is damaged at byte ${at}, after ${members} members: no member begins there`,
        );
        return;
      }
      const { type } = header;
      const size = header.size ?? 0;
      if (META.has(type)) {
        const body = await readMeta(cursor, size);
        if (body === null) {
          yield broken('', at, `the archive is truncated after ${members} members`);
          return;
        }
        if (type === 'GlobalExtendedHeader') global = Pax.parse(body.toString('utf8'), global, true);
        else if (type === 'ExtendedHeader' || type === 'OldExtendedHeader') {
          announced.pax = Pax.parse(body.toString('utf8'), announced.pax);
          announced.records = paxRecords(body);
        } else if (type === 'NextFileHasLongPath' || type === 'OldGnuLongPath') announced.path = text(body);
        else if (type === 'NextFileHasLongLinkpath') announced.link = text(body);
        continue;
      }
      const member = await readMember(cursor, block, header, announced, wantHead);
      announced = nothing();
      if (member === null) continue;
      members++;
      yield member;
      if (member.problem !== null && member.problem.startsWith('the archive')) return;
    }
  } finally {
    await cursor.stop();
  }
}

const META = new Set<string>([
  'GlobalExtendedHeader',
  'ExtendedHeader',
  'OldExtendedHeader',
  'NextFileHasLongPath',
  'OldGnuLongPath',
  'NextFileHasLongLinkpath',
]);
const FILES = new Set<string>(['File', 'OldFile', 'ContiguousFile']);
const nothing = (): Announced => ({ pax: undefined, path: undefined, link: undefined, records: new Map() });
const text = (body: Buffer): string => body.toString('utf8').replace(/\0.*$/s, '');

function broken(name: string, offset: number, problem: string): TarMember {
  return {
    name,
    offset,
    stored: 0,
    size: 0,
    modifiedMs: null,
    head: null,
    sparse: null,
    linkTo: null,
    problem,
  };
}

/** null for a block that is no header. */
function decodeHeader(block: Buffer, pax: Pax | undefined, global: Pax | undefined): Header | null {
  try {
    const header = new Header(block, 0, pax, global);
    return header.cksumValid ? header : null;
  } catch {
    return null;
  }
}

async function readMeta(cursor: Cursor, size: number): Promise<Buffer | null> {
  if (size > MOST_META_BYTES) return null;
  const body = await cursor.take(size);
  await cursor.skip(padded(size) - size);
  return body.length === size ? body : null;
}

/** `<length> <key>=<value>\n` …, lengths in bytes. */
function paxRecords(body: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(0x20, at);
    const length = Number(body.toString('latin1', at, space));
    if (space < 0 || !Number.isInteger(length) || length < 5) break;
    const record = body.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    if (equals > 0) {
      const key = record.slice(0, equals);
      const value = record.slice(equals + 1);
      // version 0.0 of sparse files repeats its keys; their order matters, so they are joined
      const before =
        key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes' ? records.get(key) : undefined;
      records.set(key, before === undefined ? value : `${before},${value}`);
    }
    at += length;
  }
  return records;
}

async function readMember(
  cursor: Cursor,
  block: Buffer,
  header: Header,
  { path, link, records }: Announced,
  wantHead: (name: string) => boolean,
): Promise<TarMember | null> {
  const name = records.get('GNU.sparse.name') ?? path ?? records.get('path') ?? header.path ?? '';
  const gnuSparse = block[156] === 0x53;
  const stored = header.size ?? 0;
  if (header.type === 'Link' || header.type === 'SymbolicLink') {
    const target = link ?? records.get('linkpath') ?? header.linkpath ?? '';
    const linkTo = header.type === 'Link' ? target : posix.join(posix.dirname(name), target);
    return {
      name,
      offset: 0,
      stored: 0,
      size: 0,
      modifiedMs: null,
      head: null,
      sparse: null,
      linkTo,
      problem: null,
    };
  }
  // devices hold no bytes, whatever their size says; what is unknown is skipped by its size
  if (!FILES.has(header.type) && !gnuSparse) {
    if (header.type === 'Unsupported' || header.type === 'GNUDumpDir') await cursor.skip(padded(stored));
    return null;
  }
  if (name.endsWith('/')) return null;
  let sparse: SparseMap | null = null;
  if (gnuSparse) sparse = await readGnuSparse(block, cursor);
  const from = cursor.at;
  if (records.has('GNU.sparse.major') || records.has('GNU.sparse.map') || records.has('GNU.sparse.offset')) {
    sparse = await readPaxSparse(records, cursor);
  }
  const offset = cursor.at;
  const left = stored - (offset - from);
  const head = sparse === null && wantHead(name) ? await cursor.take(Math.min(SNIFF_BYTES, left)) : null;
  const wanted = padded(stored) - (cursor.at - from);
  const skipped = await cursor.skip(wanted);
  const end = cursor.at - from;
  return {
    name,
    offset,
    stored: left,
    size: sparse?.size ?? left,
    modifiedMs: header.mtime?.getTime() ?? null,
    head,
    sparse,
    linkTo: null,
    // the last member may lack its padding; its bytes it must have
    problem:
      skipped < wanted && end < stored
        ? `the archive is truncated in this member: ${end} of ${stored} bytes are there`
        : null,
  };
}
