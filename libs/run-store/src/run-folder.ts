import { createReadStream } from 'node:fs';
import { createHash } from 'node:crypto';
import { copyFile, link, opendir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ARTIFACTS, PICTURE_FOLDERS, formatOf } from '@hazure/contracts';
import type {
  EmbeddingMatrix,
  MatrixWriter,
  ParquetColumn,
  RecordWriter,
  RunFolder,
  RunManifest,
  RunManifestHead,
  ShardStore,
} from '@hazure/contracts';
import { makeFolder, unwritable, writeAtomic, type Written } from './atomic.js';
import { OWNER_FILE } from './claim.js';
import { NpyMatrixWriter, readNpyRows } from './npy.js';
import { unreadable } from './read/artifact-errors.js';
import { DirectoryShardStore } from './shards.js';
import { CsvWriter, JsonListWriter, JsonlWriter, ParquetRecordWriter } from './writers.js';

/** An unfinished run lives under this suffix; finishing renames it away. */
export const PARTIAL_SUFFIX = '.partial';
export const SHARDS_FOLDER = '.shards';

/** A run folder on the local disk. */
export class DirectoryRunFolder implements RunFolder {
  private current: string;
  private readonly written = new Map<string, Written>();
  /** Of matrices. */
  private readonly columns = new Map<string, number>();

  private constructor(
    partialPath: string,
    readonly shards: ShardStore,
  ) {
    this.current = partialPath;
  }

  /** `partialPath` must end in `.partial`; it is made when it is not there. */
  static async open(partialPath: string): Promise<DirectoryRunFolder> {
    try {
      await makeFolder(partialPath);
      const shards = await DirectoryShardStore.open(join(partialPath, SHARDS_FOLDER));
      return new DirectoryRunFolder(partialPath, shards);
    } catch (cause) {
      throw unwritable(partialPath, cause);
    }
  }

  get path(): string {
    return this.current;
  }

  get name(): string {
    return basename(this.current).replace(PARTIAL_SUFFIX, '');
  }

  private note(name: string): (written: Written) => void {
    return (written) => this.written.set(name, written);
  }

  async writeText(name: string, text: string): Promise<void> {
    this.written.set(name, await writeAtomic(join(this.current, name), text));
  }

  async writeBytes(name: string, bytes: Uint8Array): Promise<void> {
    this.written.set(name, await writeAtomic(join(this.current, name), bytes));
  }

  async writeJson(name: string, value: unknown): Promise<void> {
    await this.writeText(name, `${JSON.stringify(value, null, 2)}\n`);
  }

  openJsonl(name: string): Promise<RecordWriter> {
    return JsonlWriter.open(join(this.current, name), this.note(name));
  }

  openCsv(name: string, columns: readonly string[]): Promise<RecordWriter> {
    return CsvWriter.open(join(this.current, name), columns, this.note(name));
  }

  openJsonList(name: string, head: object, listKey: string): Promise<RecordWriter> {
    return JsonListWriter.open(join(this.current, name), head, listKey, this.note(name));
  }

  openParquet(name: string, columns: readonly ParquetColumn[]): Promise<RecordWriter> {
    return ParquetRecordWriter.open(join(this.current, name), columns, this.note(name));
  }

  async openMatrix(name: string, cols: number): Promise<MatrixWriter> {
    this.columns.set(name, cols);
    return NpyMatrixWriter.open(join(this.current, name), cols, this.note(name));
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
    const target = join(this.current, to);
    try {
      await makeFolder(dirname(target));
      await sameFile(join(this.current, from), target);
    } catch (cause) {
      throw unwritable(target, cause);
    }
  }

  async adopt(absolutePath: string, name: string): Promise<void> {
    const target = join(this.current, name);
    try {
      await makeFolder(dirname(target));
      await sameFile(absolutePath, target);
    } catch (cause) {
      throw unwritable(target, cause);
    }
  }

  async makeFolder(name: string): Promise<void> {
    const path = join(this.current, name);
    await makeFolder(path).catch((cause: unknown) => {
      throw unwritable(path, cause);
    });
  }

  async finish(head: RunManifestHead, options: { readonly dropShards?: boolean } = {}): Promise<void> {
    const shards = join(this.current, SHARDS_FOLDER);
    if (options.dropShards ?? true) await rm(shards, { recursive: true, force: true });
    else await rm(join(shards, OWNER_FILE), { force: true });
    const artifacts: RunManifest['artifacts'][number][] = [];
    for (const path of await this.artifactPaths('')) {
      const known = this.written.get(path) ?? (await hashFile(join(this.current, path)));
      artifacts.push({ path, ...known, format: formatOf(head.kind, path) });
    }
    const folders = await this.pictureFolders();
    const manifest: RunManifest = { format: ARTIFACTS.manifest.format, ...head, artifacts, folders };
    await writeAtomic(join(this.current, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    const final = this.current.slice(0, -PARTIAL_SUFFIX.length);
    try {
      await rename(this.current, final);
    } catch (cause) {
      throw unwritable(final, cause);
    }
    this.current = final;
  }

  async discard(): Promise<void> {
    await rm(this.current, { recursive: true, force: true });
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
      } else if (path !== 'manifest.json') found.push(path);
    }
    return found;
  }
}

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
