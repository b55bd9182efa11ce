import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import lockfile from 'proper-lockfile';
import { InputError, messageOf } from '@hazure/contracts';

/**
 * Where models are kept: `HAZURE_CACHE_DIR`, else the platform's cache folder (XDG on Linux) + `hazure/models`.
 */
export function defaultModelCacheDir(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  if (env['HAZURE_CACHE_DIR']) return resolve(env['HAZURE_CACHE_DIR'], 'models');
  const xdg = env['XDG_CACHE_HOME'];
  if (xdg?.startsWith('/')) return join(xdg, 'hazure', 'models');
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'hazure', 'models');
  if (platform === 'win32') {
    return join(env['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'hazure', 'Cache', 'models');
  }
  return join(home, '.cache', 'hazure', 'models');
}

/** SHA-256 of a file as 64 hexadecimal digits. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

const DISK_CODES = new Set(['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR']);

/** What to tell the user when the cache's disk is full or not writable; null for other errors. */
export function diskError(cause: unknown): InputError | null {
  const code = (cause as { code?: unknown } | null)?.code;
  if (typeof code !== 'string' || !DISK_CODES.has(code)) return null;
  return new InputError('OUTPUT_UNWRITABLE', `The model cache can't be written: ${messageOf(cause)}`, {
    hint: 'Make room, or set HAZURE_CACHE_DIR to a folder that can be written.',
    cause,
  });
}

/** Runs `work` while no other process works on the same bundle of the cache. */
export async function withBundleLock<T>(cacheDir: string, id: string, work: () => Promise<T>): Promise<T> {
  await mkdir(cacheDir, { recursive: true }).catch((cause: unknown) => {
    throw diskError(cause) ?? cause;
  });
  const release = await lockfile.lock(cacheDir, {
    lockfilePath: join(cacheDir, `${id}.lock`),
    // A pull may take minutes: the holder refreshes its lock, so a stale one belongs to a dead process.
    stale: 30_000,
    update: 5_000,
    retries: { retries: 3600, factor: 1, minTimeout: 250, maxTimeout: 1000 },
  });
  try {
    return await work();
  } finally {
    await release();
  }
}
