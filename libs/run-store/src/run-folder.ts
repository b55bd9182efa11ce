import { createReadStream } from 'node:fs';
import { createHash } from 'node:crypto';
import { copyFile, link, mkdir, opendir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ARTIFACTS, InputError, PICTURE_FOLDERS, formatOf, messageOf } from '@hazure/contracts';
import type {
  EmbeddingMatrix,
  MatrixWriter,
  ParquetColumn,
  RecordWriter,
  RunFolder,
  RunManifest,
  RunManifestHead,
  Shard,
  ShardStore,
} from '@hazure/contracts';
import { makeFolder, unwritable, writeAtomic, type Written } from './atomic.js';
import { renameDurably, syncFile, syncFolder } from './durable.js';
import type { Lease } from './lease.js';
import { NpyMatrixWriter, readNpyRows } from './npy.js';
import { unreadable } from './read/artifact-errors.js';
import { DirectoryShardStore } from './shards.js';
import { CsvWriter, JsonListWriter, JsonlWriter, ParquetRecordWriter } from './writers.js';

/** An unfinished run lives under this suffix; finishing renames it away. */
export const PARTIAL_SUFFIX = '.partial';
export const SHARDS_FOLDER = '.shards';

/** Pictures are many and small: they are flushed together, before a shard that names them counts. */
const FLUSH_TOGETHER = 16;
/** Names of pictures that wait to be flushed, at most. */
const PENDING_PICTURES = 4096;
/** Other programs, such as indexers, may hold a file for a moment. */
const PATIENT = { recursive: true, force: true, maxRetries: 8, retryDelay: 50 } as const;

/** Where a part of a sharded run, or the merge of all parts, differs from a run of its own. */
export interface RunFolderPlace {
  readonly shardsFolder?: string;
  readonly shards?: ShardStore;
  readonly finalPath?: string;
  readonly afterCommit?: (shard: Shard) => Promise<void>;
}

/** A run folder on the local disk. */
export class DirectoryRunFolder implements RunFolder {
  private current: string;
  private readonly written = new Map<string, Written>();
  /** Of matrices. */
  private readonly columns = new Map<string, number>();
  private readonly inFlight = new Set<Promise<unknown>>();
  private readonly writers = new Set<{ abandon(): Promise<void> }>();
  /** Subfolders that this process has made or found. */
  private readonly made = new Set<string>();
  private pendingPictures: string[] = [];
  private ended = false;
  private shardStore: ShardStore | null = null;

  private constructor(
    partialPath: string,
    private readonly lease: Lease | null,
    private readonly finalPath: string,
  ) {
    this.current = partialPath;
  }

  /**
   * `partialPath` must end in `.partial`; it is made when it is not there.
   * @param lease on its shards; without one nobody is kept from writing beside
   * @param place of a sharded run: where a part's shards lie, or the store of all of them; what the finished run is called
   */
  static async open(
    partialPath: string,
    lease: Lease | null = null,
    place: RunFolderPlace = {},
  ): Promise<DirectoryRunFolder> {
    try {
      await makeFolder(partialPath);
      const finalPath = place.finalPath ?? partialPath.slice(0, -PARTIAL_SUFFIX.length);
      const folder = new DirectoryRunFolder(partialPath, lease, finalPath);
      if (place.shards) {
        folder.shardStore = place.shards;
        return folder;
      }
      const shards = place.shardsFolder ?? join(partialPath, SHARDS_FOLDER);
      folder.shardStore = await DirectoryShardStore.open(shards, {
        ...(place.afterCommit ? { afterCommit: place.afterCommit } : {}),
        beforeCommit: async () => {
          await folder.flushPictures();
          await lease?.assertHeld();
        },
        hasPicture: (file) => isFile(join(partialPath, file)),
      });
      return folder;
    } catch (cause) {
      throw cause instanceof InputError ? cause : unwritable(partialPath, cause);
    }
  }

  get shards(): ShardStore {
    return this.shardStore as ShardStore;
  }

  get path(): string {
    return this.current;
  }

  get name(): string {
    return basename(this.current).replace(PARTIAL_SUFFIX, '');
  }

  async writeText(name: string, text: string): Promise<void> {
    await this.write(name, text);
  }

  async writeBytes(name: string, bytes: Uint8Array): Promise<void> {
    await this.write(name, bytes);
  }

  async writeJson(name: string, value: unknown): Promise<void> {
    await this.writeText(name, `${JSON.stringify(value, null, 2)}\n`);
  }

  private write(name: string, content: Uint8Array | string): Promise<void> {
    return this.tracked(name, async (path) => {
      const picture = isPicture(name);
      const written = await writeAtomic(path, content, { sync: !picture, makeFolder: false });
      if (picture) await this.addPicture(name);
      else this.written.set(name, written);
    });
  }

  openJsonl(name: string): Promise<RecordWriter> {
    return this.opened(name, (path, note) => JsonlWriter.open(path, note));
  }

  openCsv(name: string, columns: readonly string[]): Promise<RecordWriter> {
    return this.opened(name, (path, note) => CsvWriter.open(path, columns, note));
  }

  openJsonList(name: string, head: object, listKey: string): Promise<RecordWriter> {
    return this.opened(name, (path, note) => JsonListWriter.open(path, head, listKey, note));
  }

  openParquet(name: string, columns: readonly ParquetColumn[]): Promise<RecordWriter> {
    return this.opened(name, (path, note) => ParquetRecordWriter.open(path, columns, note));
  }

  async openMatrix(name: string, cols: number): Promise<MatrixWriter> {
    this.columns.set(name, cols);
    return this.opened(name, (path, note) => NpyMatrixWriter.open(path, cols, note));
  }

  private opened<T extends { abandon(): Promise<void> }>(
    name: string,
    open: (path: string, note: (written: Written) => void) => Promise<T>,
  ): Promise<T> {
    return this.tracked(name, async (path) => {
      const writer: T = await open(path, (written) => {
        this.written.set(name, written);
        this.writers.delete(writer);
      });
      this.writers.add(writer);
      return writer;
    });
  }

  /**
   * Work on a file of the run, that whoever ends the run waits for. Only folders below the run's own are made: one that was
   * removed under way must not come back half.
   */
  private async tracked<T>(name: string, work: (path: string) => Promise<T>): Promise<T> {
    const path = join(this.current, name);
    if (this.ended) throw unwritable(path, new Error('the run has ended'));
    const running = (async () => {
      await this.makeWithin(dirname(name));
      return work(path);
    })();
    this.inFlight.add(running);
    try {
      return await running;
    } finally {
      this.inFlight.delete(running);
    }
  }

  /** @param below relative; '.' for the run folder itself */
  private async makeWithin(below: string): Promise<void> {
    if (below === '.' || this.made.has(below)) return;
    await this.makeWithin(dirname(below));
    const path = join(this.current, below);
    await mkdir(path).catch((cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw unwritable(path, cause);
    });
    this.made.add(below);
  }

  private async addPicture(name: string): Promise<void> {
    this.pendingPictures.push(name);
    if (this.pendingPictures.length >= PENDING_PICTURES) await this.flushPictures();
  }

  /** Waits until every picture written so far is on disk, with its name. */
  private async flushPictures(): Promise<void> {
    const pictures = this.pendingPictures;
    this.pendingPictures = [];
    const folders = new Set(pictures.map((name) => dirname(name)));
    const left = pictures.values();
    const flush = async (): Promise<void> => {
      for (const name of left) await syncFile(join(this.current, name));
    };
    try {
      // all of them to their end, also where one fails
      const workers = await Promise.allSettled(Array.from({ length: FLUSH_TOGETHER }, flush));
      for (const outcome of workers) if (outcome.status === 'rejected') throw outcome.reason;
      for (const folder of folders) await syncFolder(join(this.current, folder));
      if (folders.size > 0) await syncFolder(this.current);
    } catch (cause) {
      throw unwritable(this.current, cause);
    }
  }

  async readMatrixRows(name: string, ascending: Int32Array): Promise<EmbeddingMatrix> {
    const path = join(this.current, name);
    const cols = this.columns.get(name);
    if (cols === undefined) throw new TypeError(`${name} was not written by this run`);
    if (ascending.length === 0) return { data: new Float32Array(0), rows: 0, cols };
    return readNpyRows(path, cols, ascending).catch((cause: unknown) => {
      throw unreadable({ path }, cause);
    });
  }

  async copyWithin(from: string, to: string): Promise<void> {
    await this.tracked(to, async (target) => {
      try {
        await sameFile(join(this.current, from), target);
      } catch (cause) {
        throw unwritable(target, cause);
      }
      await this.addPicture(to);
    });
  }

  async adopt(absolutePath: string, name: string): Promise<void> {
    await this.tracked(name, async (target) => {
      try {
        await sameFile(absolutePath, target);
      } catch (cause) {
        throw unwritable(target, cause);
      }
      await this.addPicture(name);
    });
  }

  async makeFolder(name: string): Promise<void> {
    await this.makeWithin(name);
  }

  async finish(head: RunManifestHead, options: { readonly dropShards?: boolean } = {}): Promise<void> {
    await this.flushPictures();
    await this.lease?.assertHeld();
    const artifacts: RunManifest['artifacts'][number][] = [];
    for (const path of await this.artifactPaths('').catch((cause: unknown) => this.lost(cause))) {
      const known = this.written.get(path) ?? (await hashFile(join(this.current, path)));
      artifacts.push({ path, ...known, format: formatOf(head.kind, path) });
    }
    const there = new Set(artifacts.map(({ path }) => path));
    for (const name of this.written.keys()) if (!there.has(name)) this.lost(new Error(`${name} is gone`));
    const folders = await this.pictureFolders();
    const manifest: RunManifest = { format: ARTIFACTS.manifest.format, ...head, artifacts, folders };
    await writeAtomic(join(this.current, ARTIFACTS.manifest.file), `${JSON.stringify(manifest, null, 2)}\n`, {
      makeFolder: false,
    });
    const final = this.finalPath;
    try {
      await renameDurably(this.current, final);
    } catch (cause) {
      throw unwritable(final, cause);
    }
    this.current = final;
    this.ended = true;
    // Last: a run killed before it has its name must not have lost what it would go on from.
    await this.lease?.release(join(final, SHARDS_FOLDER));
    if (options.dropShards ?? true) await dropShards(final);
    else await dropLeases(join(final, SHARDS_FOLDER));
  }

  private lost(cause: unknown): never {
    throw unwritable(
      this.current,
      new Error(`the folder was changed while the run wrote it (${messageOf(cause)})`, { cause }),
    );
  }

  async discard(): Promise<void> {
    await this.end();
    await rm(this.current, PATIENT);
    await this.lease?.release();
  }

  async release(): Promise<void> {
    await this.end();
    await this.lease?.release();
  }

  /** Lets no writer begin, and waits for those in flight. */
  private async end(): Promise<void> {
    this.ended = true;
    while (this.inFlight.size > 0) await Promise.allSettled([...this.inFlight]);
    for (const writer of this.writers) await writer.abandon();
    this.writers.clear();
  }

  /** Folders with a file or more an object are counted, not listed. */
  private async pictureFolders(): Promise<RunManifest['folders']> {
    const folders: RunManifest['folders'][number][] = [];
    for (const path of PICTURE_FOLDERS) {
      let [files, bytes] = [0, 0];
      const entries = await opendir(join(this.current, path)).catch(() => null);
      if (!entries) continue;
      for await (const { name } of entries) {
        files++;
        bytes += (await stat(join(this.current, path, name))).size;
      }
      folders.push({ path, files, bytes });
    }
    return folders;
  }

  private async artifactPaths(below: string): Promise<string[]> {
    const found: string[] = [];
    const entries = await readdir(join(this.current, below), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) {
        if (entry.name !== SHARDS_FOLDER && !PICTURE_FOLDERS.includes(path))
          found.push(...(await this.artifactPaths(path)));
      } else if (path !== ARTIFACTS.manifest.file) found.push(path);
    }
    return found;
  }
}

/** Intermediate results of a finished run; nothing hangs on them, so that one which can't be removed stays. */
export async function dropShards(folder: string): Promise<void> {
  await rm(join(folder, SHARDS_FOLDER), PATIENT).catch(() => undefined);
}

async function dropLeases(shards: string): Promise<void> {
  for (const name of await readdir(shards).catch(() => [] as string[]))
    if (name.startsWith('.lease-')) await rm(join(shards, name), { force: true }).catch(() => undefined);
}

const isPicture = (name: string): boolean => PICTURE_FOLDERS.some((folder) => name.startsWith(`${folder}/`));

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile() && found.size > 0,
    () => false,
  );

async function hashFile(path: string): Promise<Written> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return { bytes: (await stat(path)).size, sha256: hash.digest('hex') };
}

/** A second name for a file: a hard link, or a copy where the file system knows none or has no more of them. */
async function sameFile(from: string, to: string): Promise<void> {
  const temporary = `${to}.tmp`;
  await rm(temporary, { force: true });
  await link(from, temporary).catch(() => copyFile(from, temporary));
  await rename(temporary, to);
}
