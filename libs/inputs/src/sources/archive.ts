import { basename } from 'node:path';
import { Header } from 'tar';
import { InputError, messageOf } from '@hazure/contracts';
import { hasImageExtension, sniffImage } from '@hazure/image-formats';
import { tarMembers, type TarMember } from '../archives/tar-index.js';
import { spool } from '../archives/unpack.js';
import { zipMembers, type ZipMember } from '../archives/zip-index.js';
import type { Collector } from '../collector.js';
import { isHidden, memberPath } from '../member-name.js';
import { LocalResource, type Resource } from '../resource.js';
import type { Found, Locator } from '../types.js';

export type ArchiveKind = 'tar' | 'zip' | 'gzip';

const TAR_MAGIC_AT = 257;
/** As many as Linux follows. */
const MOST_LINKS = 40;
/** Of a member, of an empty archive, of one part of several. */
const ZIP_MAGICS = ['PK\x03\x04', 'PK\x05\x06', 'PK\x07\x08'];
const UNREAD: readonly (readonly [string, string])[] = [
  ['BZh', 'bzip2'],
  ['\xfd7zXZ\0', 'xz'],
  ['\x28\xb5\x2f\xfd', 'zstd'],
  ['7z\xbc\xaf\x27\x1c', '7z'],
  ['Rar!', 'RAR'],
  ['\x04\x22\x4d\x18', 'LZ4'],
];

/**
 * What kind of archive a file is by its first bytes; an old tar without a mark by its name.
 * @throws InputError INPUT_INVALID for an archive of a kind that is not read
 */
export function archiveKind(head: Buffer, name: string): ArchiveKind | null {
  const text = head.toString('latin1');
  if (ZIP_MAGICS.some((magic) => text.startsWith(magic))) return 'zip';
  if (text.startsWith('\x1f\x8b')) return 'gzip';
  if (text.startsWith('ustar', TAR_MAGIC_AT)) return 'tar';
  const unread = UNREAD.find(([magic]) => text.startsWith(magic));
  if (unread) {
    throw new InputError('INPUT_INVALID', `${name} is packed by ${unread[1]}, which is not read here`, {
      hint: 'Unpack it and give the folder, or pack it as .tar, .tar.gz or .zip.',
    });
  }
  if (/\.zip$/i.test(name)) return 'zip';
  return /\.tar$/i.test(name) ? 'tar' : null;
}

/** Lists the images of an archive. The resource stays open for reading them. */
export async function addArchive(resource: Resource, kind: ArchiveKind, collector: Collector): Promise<void> {
  const base = basename(resource.name);
  collector.roots.addLabel(labelOf(resource.name));
  if (kind === 'zip') {
    const seekable = resource.seekable ? resource : (await copied(resource, false, collector)).local;
    return addZip(seekable, resource.name, collector);
  }
  const whole = kind === 'tar' && resource.seekable;
  const { local, problem } = whole
    ? { local: resource, problem: null }
    : await copied(resource, kind === 'gzip', collector);
  if (kind === 'gzip' && !(await isTar(local))) {
    throw new InputError('INPUT_INVALID', `${base} is gzip, but there is no tar archive in it`, {
      hint: 'Give a .tar.gz, or the unpacked file.',
    });
  }
  return addTar(local, resource.name, problem, collector);
}

async function isTar(resource: Resource): Promise<boolean> {
  const head = await resource.read(0, 512);
  if (head.length === 0 || head.every((byte) => byte === 0)) return true;
  return head.length === 512 && new Header(head).cksumValid;
}

/** A copy on disk, unpacked where it is packed, that can be read anywhere. */
async function copied(
  resource: Resource,
  gunzip: boolean,
  collector: Collector,
): Promise<{ readonly local: LocalResource; readonly problem: string | null }> {
  const path = await collector.scratch.file();
  collector.logger?.info(`${resource.name} is ${gunzip ? 'unpacked' : 'copied'} to a temporary file`);
  const { limits, signal } = collector;
  const problem = await spool(resource, path, { gunzip, limits, signal });
  await resource.close();
  const local = await LocalResource.open(path, resource.name);
  if (problem !== null && local.size === 0) return refuse(resource.name, problem, local);
  return { local, problem };
}

async function refuse(name: string, problem: string, local: LocalResource): Promise<never> {
  await local.close();
  throw new InputError('INPUT_UNREADABLE', `Can't unpack ${name}: ${problem}`, {
    hint: 'The archive is damaged: get it again.',
  });
}

function labelOf(name: string): string {
  return name.replace(/^\w+:\/\//, '').replace(/^\/+/, '');
}

/** A place of an archive's members: what comes from one has its container and label in common. */
class MemberSink {
  private readonly label: string;
  private readonly container: number;

  constructor(
    private readonly resource: Resource,
    private readonly name: string,
    private readonly collector: Collector,
  ) {
    this.label = labelOf(name);
    this.container = collector.addContainer({ kind: 'archive', resource });
  }

  /** What the sniffing of names that say nothing needs. */
  readonly wantsHead = (name: string): boolean => !isHidden(memberPath(name)) && !hasImageExtension(name);

  isImage(name: string, head: Buffer | null, problem: string | null): boolean {
    return (
      hasImageExtension(name) ||
      (head !== null && sniffImage(head, name) !== null) ||
      (problem !== null && !/\.\w+$/.test(name))
    );
  }

  skip(name: string): void {
    if (isHidden(memberPath(name))) this.collector.leftOut.add('hidden');
    else this.collector.leftOut.other(name);
  }

  async add(
    name: string,
    found: Pick<Found, 'bytes' | 'modifiedMs' | 'problem'>,
    locate: (container: number) => Locator,
  ): Promise<void> {
    const path = memberPath(name);
    const at = found.problem === null ? locate(this.container) : null;
    await this.collector.add({
      group: 'member',
      path: path || basename(this.name),
      label: this.label,
      at,
      ...found,
    });
  }

  /** Damage that has no member's name: a failure under the archive's own. */
  async damaged(problem: string): Promise<void> {
    const { collector, label } = this;
    await collector.found.add({
      group: 'file',
      path: `/${label}`,
      label: '',
      bytes: null,
      modifiedMs: null,
      at: null,
      problem,
    });
  }

  close(): Promise<void> {
    return this.resource.close();
  }
}

async function addTar(
  resource: Resource,
  name: string,
  problem: string | null,
  collector: Collector,
): Promise<void> {
  const sink = new MemberSink(resource, name, collector);
  if (problem !== null) await sink.damaged(`it ends early: ${problem}`);
  const links: TarMember[] = [];
  const tarLocator =
    ({ offset, stored, sparse }: TarMember) =>
    (container: number): Locator => ({
      kind: 'tar',
      container,
      offset,
      size: stored,
      ...(sparse ? { sparse: sparse.pieces, wholeSize: sparse.size } : {}),
    });
  for await (const member of tarMembers(resource, sink.wantsHead)) {
    if (member.name === '') await sink.damaged(member.problem ?? 'the archive is damaged');
    else if (isHidden(memberPath(member.name))) sink.skip(member.name);
    else if (member.linkTo !== null) links.push(member);
    else if (sink.isImage(member.name, member.head, member.problem)) {
      await sink.add(
        member.name,
        { bytes: member.size, modifiedMs: member.modifiedMs, problem: tooSparse(member, collector) },
        tarLocator(member),
      );
    } else {
      sink.skip(member.name);
      // its other bytes are missing as well, and with them whatever came after
      if (member.problem !== null) await sink.damaged(`${member.problem} (${member.name})`);
    }
  }
  if (links.length === 0) return;
  const targets = new Map(
    links.map(({ name: link, linkTo }) => [memberPath(link), memberPath(linkTo as string)]),
  );
  const wanted = new Map<string, TarMember[]>();
  for (const link of links) {
    let target = memberPath(link.linkTo as string);
    // a link may lead to a link; those in a circle lead nowhere
    for (let steps = 0; targets.has(target) && steps < MOST_LINKS; steps++)
      target = targets.get(target) as string;
    wanted.set(target, [...(wanted.get(target) ?? []), link]);
  }
  for await (const member of tarMembers(resource, () => false)) {
    const path = memberPath(member.name);
    if (member.linkTo !== null || !wanted.has(path)) continue;
    for (const link of wanted.get(path) ?? []) {
      if (!hasImageExtension(link.name) && !hasImageExtension(path)) sink.skip(link.name);
      else
        await sink.add(
          link.name,
          { bytes: member.size, modifiedMs: member.modifiedMs, problem: member.problem },
          tarLocator(member),
        );
    }
    wanted.delete(path);
  }
  for (const each of wanted.values()) {
    for (const { name: link, linkTo } of each) {
      if (!hasImageExtension(link)) sink.skip(link);
      else
        await sink.add(
          link,
          {
            bytes: null,
            modifiedMs: null,
            problem: `it is a link to ${linkTo}, which is not in the archive`,
          },
          () => ({ kind: 'file', path: '' }),
        );
    }
  }
}

/** A sparse member can claim any size: it is held against the limit before memory is taken for it. */
function tooSparse(member: TarMember, { limits }: Collector): string | null {
  if (member.problem !== null || member.sparse === null) return member.problem;
  const { size, pieces } = member.sparse;
  const inside = pieces.every(([offset, bytes]) => offset >= 0 && bytes >= 0 && offset + bytes <= size);
  if (!Number.isSafeInteger(size) || !inside) return 'its map of sparse pieces is damaged';
  return size > limits.maxImageBytes
    ? `it unpacks to ${size} bytes, above the ${limits.maxImageBytes} that one image may have`
    : null;
}

async function addZip(resource: Resource, name: string, collector: Collector): Promise<void> {
  const sink = new MemberSink(resource, name, collector);
  const zipLocator =
    ({ header, packed, size, method, crc }: ZipMember) =>
    (container: number): Locator => ({ kind: 'zip', container, header, packed, size, method, crc });
  let members = 0;
  try {
    for await (const member of zipMembers(resource, sink.wantsHead)) {
      members++;
      if (isHidden(memberPath(member.name)) || !sink.isImage(member.name, member.head, member.problem))
        sink.skip(member.name);
      else
        await sink.add(
          member.name,
          { bytes: member.size, modifiedMs: member.modifiedMs, problem: member.problem },
          zipLocator(member),
        );
    }
  } catch (error) {
    if (members === 0 || !(error instanceof InputError)) throw error;
    await sink.damaged(`${messageOf(error)}, after ${members} members`);
  }
}
