import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import picomatch from 'picomatch';
import { InputError } from '@hazure/contracts';
import type { Collector } from '../collector.js';

/** Whether an argument is a pattern: `*`, `?`, `[…]`, `{a,b}` or `!(…)`. */
export function isGlob(text: string): boolean {
  return picomatch.scan(text).isGlob;
}

/**
 * Files that a pattern matches, folder by folder; nothing is held. Hidden names match only where the pattern names the
 * dot. Folders that it matches are given too: each is walked.
 *
 * @returns paths, absolute, and the folder that stands before the pattern
 */
export function expandGlob(
  pattern: string,
  collector: Collector,
): { readonly base: string; readonly paths: AsyncGenerator<string> } {
  const { base, glob } = picomatch.scan(pattern);
  const root = resolve(collector.cwd, base);
  const matches = picomatch(glob);
  // folders that no further part of the pattern can reach are not read
  const parts = glob.split('/');
  const deep = parts.indexOf('**');
  const depth = /\*\*|[{(][^})]*\//.test(glob) ? Infinity : parts.length;
  const prefixes = parts.slice(0, deep < 0 ? parts.length : deep).map((part) => picomatch(part));
  async function* walk(folder: string, below: string, level: number): AsyncGenerator<string> {
    collector.signal?.throwIfAborted();
    const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
      if (level > 0) return [];
      throw new InputError('INPUT_MISSING', `There is no folder ${folder} for the pattern ${pattern}`, {
        cause,
        hint: 'Check the path.',
      });
    });
    for (const entry of entries) {
      const path = join(folder, entry.name);
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      if (matches(name)) yield path;
      else if (entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(path)))) {
        const open = depth === Infinity ? !entry.name.startsWith('.') : prefixes[level]?.(entry.name);
        if (level + 1 < depth && open && !collector.leaveOut(path) && level < MOST_LEVELS)
          yield* walk(path, name, level + 1);
      }
    }
  }
  return { base: root, paths: walk(root, '', 0) };
}

/** Links in a loop end here. */
const MOST_LEVELS = 40;

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() ?? false;
}
