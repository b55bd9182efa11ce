import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HazureError, messageOf } from '@hazure/contracts';
import { z } from 'zod';

const entrySchema = z.strictObject({ text: z.string().min(1) });

/**
 * Captions on disk by key, one small file each in 256 folders, written to a temporary name and renamed: what was
 * answered before an interruption is never asked again. A damaged entry counts as none and is written anew.
 */
export class CaptionCache {
  private written = 0;

  constructor(private readonly folder: string) {}

  /** The caption's text, or null. */
  async get(key: string): Promise<string | null> {
    let content: string;
    try {
      content = await readFile(this.path(key), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw this.unusable('read', error);
    }
    try {
      return entrySchema.parse(JSON.parse(content)).text;
    } catch {
      return null;
    }
  }

  /** @throws HazureError OUTPUT_UNWRITABLE */
  async set(key: string, text: string): Promise<void> {
    const path = this.path(key);
    this.written += 1;
    const temporary = `${path}.${process.pid}.${this.written}.tmp`;
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(temporary, JSON.stringify({ text }));
      await rename(temporary, path);
    } catch (error) {
      throw this.unusable('written', error);
    }
  }

  private path(key: string): string {
    return join(this.folder, key.slice(0, 2), `${key}.json`);
  }

  private unusable(verb: string, cause: unknown): HazureError {
    return new HazureError(
      'OUTPUT_UNWRITABLE',
      `Caption cache ${this.folder} can't be ${verb}: ${messageOf(cause)}`,
      {
        hint: 'Free space or choose a writable cache folder.',
        cause,
      },
    );
  }
}
