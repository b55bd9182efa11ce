import { access, constants, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Clock, type RunFolder, type RunStore } from '@hazure/contracts';
import { makeFolder, unwritable } from './atomic.js';
import { DirectoryRunFolder, PARTIAL_SUFFIX } from './run-folder.js';
import { readManifest } from './manifest.js';

type Kind = 'baseline' | 'detection';

/** Written first into an unfinished folder, so that `--resume` can tell whose it is. */
const RESUME_KEY_FILE = '.resume-key';

/** Run folders side by side in one output folder, named `<kind>_<UTC timestamp>`. */
export class DirectoryRunStore implements RunStore {
  private readonly outputDir: string;

  constructor(
    outputDir: string,
    private readonly clock: Clock,
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
      if (unfinished) return { folder: await DirectoryRunFolder.open(unfinished), resumed: true };
    }
    const path = await this.freshPath(request.kind);
    const folder = await DirectoryRunFolder.open(path);
    await writeFile(join(path, '.shards', RESUME_KEY_FILE), request.resumeKey);
    return { folder, resumed: false };
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
      const key = await readFile(join(path, '.shards', RESUME_KEY_FILE), 'utf8').catch(() => null);
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

  private async freshPath(kind: Kind): Promise<string> {
    const stamp = timestamp(this.clock.now());
    for (let attempt = 1; ; attempt++) {
      const name = `${kind}_${stamp}${attempt === 1 ? '' : `_${attempt}`}`;
      const taken = await Promise.all([
        exists(join(this.outputDir, name)),
        exists(join(this.outputDir, name + PARTIAL_SUFFIX)),
      ]);
      if (!taken.includes(true)) return join(this.outputDir, name + PARTIAL_SUFFIX);
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
