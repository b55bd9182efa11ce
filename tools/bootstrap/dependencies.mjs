/** The npm packages of the workspace: are they what the lockfile says, and if not, `npm ci`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { quiet } from './steps.mjs';

function packagesIn(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
  } catch {
    return null;
  }
}

/**
 * Why node_modules is not what package-lock.json asks for, or null when it is. npm writes what it installed into
 * `node_modules/.package-lock.json` at the very end, so a broken-off install is seen too.
 */
export function staleness(root) {
  const wanted = packagesIn(join(root, 'package-lock.json'));
  if (wanted === null) throw new Error('package-lock.json is missing or damaged: restore it from git.');
  const installed = packagesIn(join(root, 'node_modules', '.package-lock.json'));
  if (installed === null) return 'nothing is installed yet';
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = installed[path];
    if (found === undefined) {
      // Packages of other platforms are optional and rightly absent.
      if (entry.optional || entry.devOptional) continue;
      return `${path} is not installed`;
    }
    if (found.version !== entry.version || found.integrity !== entry.integrity) {
      return `${path} is ${found.version}, wanted ${entry.version}`;
    }
    if (!existsSync(join(root, path))) return `${path} was removed`;
  }
  return null;
}

/** Installs exactly what the lockfile says. */
export async function installDependencies(root) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  try {
    await quiet(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root });
  } catch (error) {
    throw new Error(
      `${error.message}\n\nThe npm packages could not be installed. Check the network and the npm registry ` +
        '(`npm config get registry`, `npm ping`), then start again.',
      { cause: error },
    );
  }
  const still = staleness(root);
  if (still !== null)
    throw new Error(`npm ci ended well, but ${still}. Delete node_modules and start again.`);
}
