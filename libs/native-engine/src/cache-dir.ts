import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where hazure keeps what it fetches or makes once: `HAZURE_CACHE_DIR`, else XDG's cache folder + `hazure`. */
export function cacheRoot(env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (env['HAZURE_CACHE_DIR']) return resolve(env['HAZURE_CACHE_DIR']);
  const xdg = env['XDG_CACHE_HOME'];
  return join(xdg?.startsWith('/') ? xdg : join(homedir(), '.cache'), 'hazure');
}
