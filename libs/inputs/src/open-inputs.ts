import { createHash } from 'node:crypto';
import { basename, isAbsolute, resolve } from 'node:path';
import picomatch from 'picomatch';
import { ConfigError, InputError, messageOf, type ImageRef } from '@hazure/contracts';
import { Collector } from './collector.js';
import { describeLeftOut } from './left-out.js';
import { compareCodePoints } from './order.js';
import { ImageReader } from './read-image.js';
import { addArgument } from './sources/argument.js';
import { Listing, sorted } from './spill.js';
import type { Found, Inputs, InputOptions } from './types.js';

interface Identified extends Found {
  readonly id: string;
}

interface Indexed extends Identified {
  readonly index: number;
}

/** What the passes over the listing add up. */
interface Totals {
  listed: number;
  total: number;
  bytes: number;
  readonly hash: ReturnType<typeof createHash>;
  readonly state: ReturnType<typeof createHash>;
}

/**
 * Opens folders, image files, globs, lists, archives, S3 prefixes, addresses and videos as one listing of images, in the
 * order of their ids by code point. The listing is frozen: what comes later is not in it, what goes becomes a failure.
 *
 * An id is the image's place below what all inputs have in common: the folder given, the folder before a glob's pattern,
 * the deepest folder around all images of a list or an archive. The same images have the same ids in the same order in
 * every form. Where two archives, buckets or hosts hold images of one name, each id begins with the archive's, bucket's
 * or host's name.
 *
 * @param args what the user gave, at least one
 * @throws InputError INPUT_MISSING, INPUT_EMPTY (no image), INPUT_INVALID, INPUT_UNREADABLE; ConfigError when the options
 *   leave none of the images
 */
export async function openInputs(args: readonly string[], options: InputOptions = {}): Promise<Inputs> {
  if (args.length === 0)
    throw new ConfigError('No input was given', {
      hint: 'Give a folder, files, a list, an archive or an address.',
    });
  const collector = new Collector(options);
  try {
    for (const text of args) await addEither(text, args.length > 1, collector);
    if (collector.found.count === 0) throw nothingFound(args, collector);
    const totals: Totals = {
      listed: 0,
      total: 0,
      bytes: 0,
      hash: createHash('sha256'),
      state: createHash('sha256'),
    };
    const chosen = chooseFrom(await identify(collector), options, collector, totals);
    const listing = await Listing.of(chosen, collector.scratch, collector.limits.entriesInMemory);
    if (totals.total === 0) throw nothingChosen(args, options, totals.listed);
    return new OpenInputs(args, collector, listing, totals);
  } catch (error) {
    await collector.close();
    throw error;
  }
}

/** Of several inputs a damaged one becomes a failure, as a damaged image does; a missing one is a mistake of the command. */
async function addEither(text: string, several: boolean, collector: Collector): Promise<void> {
  try {
    await addArgument(text, collector);
  } catch (error) {
    if (!several || !(error instanceof InputError) || error.code !== 'INPUT_UNREADABLE') throw error;
    const path = basename(text);
    await collector.found.add({
      group: 'member',
      path,
      label: '',
      bytes: null,
      modifiedMs: null,
      at: null,
      problem: messageOf(error),
    });
  }
}

/** Entries in order of id, each once. Two passes where the first shows that names collide. */
async function identify(collector: Collector): Promise<AsyncIterable<Identified>> {
  const { roots, found, scratch, limits } = collector;
  async function* withIds(): AsyncGenerator<Identified> {
    for await (const each of found) yield { ...each, id: roots.id(each) };
  }
  // equal ids keep their order of discovery, so that of two members of one name the later one can win
  const inOrder = (): AsyncGenerator<Identified> =>
    sorted(withIds(), (a, b) => compareCodePoints(a.id, b.id), scratch, limits.entriesInMemory);
  const listing = (): Promise<Listing<Identified>> => Listing.of(inOrder(), scratch, limits.entriesInMemory);
  let ordered = await listing();
  if (await hasCollision(ordered.from(0))) {
    roots.useLabels();
    ordered = await listing();
  }
  return once(ordered.from(0), collector);
}

async function hasCollision(entries: AsyncIterable<Identified>): Promise<boolean> {
  let last: Identified | null = null;
  for await (const each of entries) {
    if (last !== null && last.id === each.id && place(last) !== place(each)) return true;
    last = each;
  }
  return false;
}

const place = ({ group, label, path }: Found): string => `${group}\n${label}\n${path}`;

/** Drops what was listed before. What is there wins over what is missing, a later member of an archive over an earlier. */
async function* once(entries: AsyncIterable<Identified>, { leftOut }: Collector): AsyncGenerator<Identified> {
  let held: Identified | null = null;
  let copies = 0;
  for await (const each of entries) {
    if (held === null || held.id !== each.id) {
      if (held !== null) yield held;
      held = each;
      copies = 0;
    } else if (place(held) === place(each)) {
      leftOut.add('duplicates');
      if (each.at !== null) held = each;
    } else {
      // labels did not tell them apart either: two groups with one path below their labels
      yield held;
      held = { ...each, id: `${each.id}~${++copies + 1}` };
    }
  }
  if (held !== null) yield held;
}

/** exclude, then every Nth, then the index, then indices, then the limit. */
async function* chooseFrom(
  entries: AsyncIterable<Identified>,
  options: InputOptions,
  collector: Collector,
  totals: Totals,
): AsyncGenerator<Indexed> {
  const { every = 1, limit = Infinity, selected = null } = options;
  const { leftOut } = collector;
  const excluded = excluder(options.exclude ?? [], collector.cwd);
  let counted = 0;
  for await (const each of entries) {
    if (excluded(each)) leftOut.add('excluded');
    else if (!each.thinned && counted++ % every !== 0) leftOut.add('notEveryNth');
    else {
      const index = totals.listed++;
      if (selected && !selected(index)) leftOut.add('notSelected');
      else if (totals.total >= limit) leftOut.add('beyondLimit');
      else {
        totals.total++;
        totals.bytes += each.bytes ?? 0;
        totals.hash.update(JSON.stringify([index, each.id]));
        totals.state.update(JSON.stringify([index, each.id, each.bytes, each.modifiedMs]));
        yield { ...each, index };
      }
    }
  }
}

function excluder(patterns: readonly string[], cwd: string): (entry: Identified) => boolean {
  if (patterns.length === 0) return () => false;
  const relative = patterns
    .filter((pattern) => !isAbsolute(pattern))
    .map((pattern) => pattern.replace(/^\.\//, ''));
  const byId = picomatch(
    relative.flatMap((pattern) =>
      pattern.endsWith('/') ? [`${pattern}**`, `**/${pattern}**`] : [pattern, `${pattern}/**`],
    ),
    { dot: true },
  );
  const byName = picomatch(
    relative.filter((pattern) => !pattern.includes('/')),
    { dot: true },
  );
  const byPath = picomatch(
    patterns.map((pattern) => resolve(cwd, pattern)),
    { dot: true },
  );
  return ({ id, group, path }) => {
    if (relative.length > 0 && (byId(id) || id.split('/').some((part) => byName(part)))) return true;
    return group === 'file' && byPath(path);
  };
}

function nothingFound(args: readonly string[], { leftOut }: Collector): InputError {
  const what = args.join(', ');
  const summary = leftOut.summary();
  const { others } = leftOut;
  const detail = describeLeftOut(summary);
  return new InputError(
    'INPUT_EMPTY',
    others > 0
      ? `None of the ${others} files in ${what} is an image (${detail})`
      : `${what} is empty${detail === null ? '' : ` (${detail})`}`,
    {
      hint: Object.keys(summary.byExtension).some((extension) =>
        ['.tar', '.zip', '.tgz', '.gz'].includes(extension),
      )
        ? 'Archives inside a folder are not opened: give them themselves, e.g. "shards/*.tar".'
        : 'Images are told by their content or by endings such as .jpg, .png, .webp, .tif, .bmp.',
    },
  );
}

function nothingChosen(
  args: readonly string[],
  { exclude, selected, limit }: InputOptions,
  listed: number,
): ConfigError {
  if (listed === 0)
    return new ConfigError(
      `--exclude ${exclude?.join(', ')} leaves none of the images of ${args.join(', ')}`,
    );
  if (selected)
    return new ConfigError(`The indices select none of the ${listed} images of ${args.join(', ')}`);
  return new ConfigError(`--limit ${limit} leaves none of the images of ${args.join(', ')}`);
}

class OpenInputs implements Inputs {
  readonly total: number;
  readonly listed: number;
  readonly bytes: number;
  readonly identity: string;
  readonly state: string;
  readonly leftOut: Inputs['leftOut'];
  readonly root: string;
  private readonly reader: ImageReader;

  constructor(
    args: readonly string[],
    private readonly collector: Collector,
    private readonly listing: Listing<Indexed>,
    totals: Totals,
  ) {
    this.total = totals.total;
    this.listed = totals.listed;
    this.bytes = totals.bytes;
    this.identity = totals.hash.digest('hex');
    this.state = totals.state.digest('hex');
    this.leftOut = collector.leftOut.summary();
    const local = collector.roots.folder('file');
    this.root =
      args.every((each) => !/^(s3|https?):\/\//.test(each)) && local !== '' ? `/${local}` : args.join(', ');
    this.reader = new ImageReader(collector);
  }

  async *images(fromPosition = 0): AsyncGenerator<ImageRef> {
    for await (const entry of this.listing.from(fromPosition))
      yield this.reader.ref(entry.index, entry.id, entry);
  }

  async refs(): Promise<ImageRef[]> {
    const refs: ImageRef[] = [];
    for await (const ref of this.images()) refs.push(ref);
    return refs;
  }

  close(): Promise<void> {
    return this.collector.close();
  }
}
