import { access, constants, mkdir, readFile, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError, type Clock, type RunFolder, type RunStore } from '@hazure/contracts';
import { makeFolder, unwritable, writeAtomic } from './atomic.js';
import { syncFolder } from './durable.js';
import { Lease, type LeaseOptions } from './lease.js';
import { DirectoryRunFolder, PARTIAL_SUFFIX, SHARDS_FOLDER } from './run-folder.js';
import { readManifest } from './manifest.js';

type Kind = 'baseline' | 'detection';

/** Written first into an unfinished folder, so that `--resume` can tell whose it is. */
const RESUME_KEY_FILE = '.resume-key';

const RUN_FOLDER = /^(baseline|detection)_(\d{8}_\d{6}(_\d+)?|shards_[0-9a-f]{12})(\.partial)?$/;

/** Run folders side by side in one output folder, named `<kind>_<UTC timestamp>`. */
export class DirectoryRunStore implements RunStore {
  private readonly outputDir: string;

  constructor(
    outputDir: string,
    private readonly clock: Clock,
    private readonly leaseOptions: LeaseOptions = {},
  ) {
    this.outputDir = resolve(outputDir);
  }

  /**
   * Whether the output folder is there, or could be made, and written; call before any long work. Makes nothing.
   * @throws InputError OUTPUT_UNWRITABLE
   */
  async checkWritable(): Promise<void> {
    let existing = this.outputDir;
    try {
      while (!(await exists(existing)) && dirname(existing) !== existing) existing = dirname(existing);
      if (!(await stat(existing)).isDirectory()) throw new Error(`${existing} is not a folder`);
      await access(existing, constants.W_OK);
    } catch (cause) {
      throw unwritable(this.outputDir, cause);
    }
  }

  /** Whether a folder, by absolute path, is one of this store's runs, finished or not. */
  holds(folder: string): boolean {
    return dirname(folder) === this.outputDir && RUN_FOLDER.test(basename(folder));
  }

  /**
   * A folder for a new run, or under `resume` the unfinished one of the same key.
   * @throws InputError OUTPUT_UNWRITABLE, also when another process writes that one at this moment
   */
  async open(request: {
    readonly kind: Kind;
    readonly resumeKey: string;
    readonly resume: boolean;
  }): Promise<{ readonly folder: RunFolder; readonly resumed: boolean }> {
    await makeFolder(this.outputDir).catch((cause: unknown) => {
      throw unwritable(this.outputDir, cause);
    });
    if (request.resume) {
      const unfinished = await this.findUnfinished(request.kind, request.resumeKey);
      if (unfinished) return { folder: await this.reopen(unfinished), resumed: true };
    }
    return { folder: await this.openFresh(request), resumed: false };
  }

  private async openFresh({ kind, resumeKey }: { kind: Kind; resumeKey: string }): Promise<RunFolder> {
    const path = await this.makeFresh(kind);
    const shards = join(path, SHARDS_FOLDER);
    let lease: Lease | null = null;
    try {
      await mkdir(shards);
      lease = await Lease.take(shards, this.leaseOptions);
      await writeAtomic(join(shards, RESUME_KEY_FILE), resumeKey, { makeFolder: false });
      await syncFolder(path);
      await syncFolder(this.outputDir);
      return await DirectoryRunFolder.open(path, lease);
    } catch (cause) {
      await lease?.release();
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
      throw cause instanceof InputError ? cause : unwritable(path, cause);
    }
  }

  private async reopen(unfinished: string): Promise<RunFolder> {
    let lease: Lease | null = null;
    try {
      lease = await Lease.take(join(unfinished, SHARDS_FOLDER), this.leaseOptions);
      await sweep(unfinished);
      return await DirectoryRunFolder.open(unfinished, lease);
    } catch (cause) {
      await lease?.release();
      throw cause instanceof InputError ? cause : unwritable(unfinished, cause);
    }
  }

  async findFinished(kind: Kind, resumeKey: string): Promise<string | null> {
    for (const name of await this.names(kind)) {
      if (name.endsWith(PARTIAL_SUFFIX)) continue;
      const manifest = await readManifest(join(this.outputDir, name)).catch(() => null);
      if (manifest?.resumeKey === resumeKey) return join(this.outputDir, name);
    }
    return null;
  }

  private async findUnfinished(kind: Kind, resumeKey: string): Promise<string | null> {
    for (const name of await this.names(kind)) {
      if (!name.endsWith(PARTIAL_SUFFIX)) continue;
      const path = join(this.outputDir, name);
      const key = await readFile(join(path, SHARDS_FOLDER, RESUME_KEY_FILE), 'utf8').catch(() => null);
      if (key === resumeKey) return path;
    }
    return null;
  }

  /** Newest first. */
  private async names(kind: Kind): Promise<string[]> {
    const entries = await readdir(this.outputDir).catch(() => [] as string[]);
    return entries
      .filter((name) => name.startsWith(`${kind}_`))
      .sort()
      .reverse();
  }

  /** Making the folder is what takes its name: two runs that start in the same second never share one. */
  private async makeFresh(kind: Kind): Promise<string> {
    const stamp = timestamp(this.clock.now());
    for (let attempt = 1; ; attempt++) {
      const path = join(this.outputDir, `${kind}_${stamp}${attempt === 1 ? '' : `_${attempt}`}`);
      if (await exists(path)) continue;
      try {
        await mkdir(path + PARTIAL_SUFFIX);
        // whoever had the name may have finished in between, and the final name must be free at the end
        if (!(await exists(path))) return path + PARTIAL_SUFFIX;
        await rmdir(path + PARTIAL_SUFFIX);
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw unwritable(path, cause);
      }
    }
  }
}

/** `20260131_235959`, UTC. */
export function timestamp(date: Date): string {
  const iso = date.toISOString();
  return `${iso.slice(0, 10).replaceAll('-', '')}_${iso.slice(11, 19).replaceAll(':', '')}`;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** What a killed process left under a temporary name. */
const TEMPORARY = /\.tmp$/;

/** Removes leftovers of a run that was killed, which would else end up among the finished run's artifacts. */
async function sweep(folder: string): Promise<void> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const file of files) {
    // a lease's are another starter's that looks at this moment
    if (file.name.startsWith('.lease-')) continue;
    if (file.isFile() && TEMPORARY.test(file.name))
      await rm(join(file.parentPath, file.name), { force: true });
  }
}
