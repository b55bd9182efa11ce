/**
 * libjpeg-turbo for the engine, which opens it at run time: the system's, installed as root on Debian and Ubuntu, or
 * the one inside a pinned npm package, of whose tarball only the library and the licences are kept in hazure's cache.
 * A machine without it works as well: sharp decodes there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pacoteOptions } from './npm-config.mjs';

export const TURBOJPEG_PACKAGE = {
  name: '@julusian/jpeg-turbo',
  version: '3.0.1',
  integrity:
    'sha512-ITORmmt8XPCxGh/GhG1VGGAQH10zh0iN0lHpuODDVpNeyzAULtEIFHuQLOLDSbVSAkAvGylQPsp4uJb8NLI6fw==',
};

const NAME = 'libturbojpeg.so.0';
const DEBIAN_PACKAGE = 'libturbojpeg0';
const workspaceRoot = fileURLToPath(new URL('../..', import.meta.url));

/** Where the engine looks last (`jpegCandidates` in libs/native-engine). */
function cachedLibrary() {
  const { HAZURE_CACHE_DIR, XDG_CACHE_HOME } = process.env;
  const root =
    HAZURE_CACHE_DIR ??
    join(XDG_CACHE_HOME?.startsWith('/') ? XDG_CACHE_HOME : join(homedir(), '.cache'), 'hazure');
  return join(root, 'turbojpeg', NAME);
}

/** Whether the system's loader knows the library. */
function installed() {
  const result = spawnSync('sh', ['-c', 'PATH="$PATH:/sbin:/usr/sbin" ldconfig -p'], { encoding: 'utf8' });
  return result.status === 0 && result.stdout.includes(NAME);
}

/** Tries the system's package manager, without fuss: there is another way. */
function installPackage() {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return false;
  const install = `apt-get install -y --no-install-recommends ${DEBIAN_PACKAGE}`;
  spawnSync('sh', ['-c', `${install} || { apt-get update && ${install}; }`], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: 120_000,
  });
  return installed();
}

/** Folder of the package that holds the library for this system. */
function prebuilt() {
  const { glibcVersionRuntime } = process.report.getReport().header;
  return `prebuilds/jpeg-turbo-linux-${process.arch}${glibcVersionRuntime === undefined ? '-musl' : ''}`;
}

async function fetchLibrary(target) {
  const require = createRequire(join(workspaceRoot, 'package.json'));
  const pacote = require('pacote');
  const tar = require('tar');
  const folder = dirname(target);
  await mkdir(dirname(folder), { recursive: true });
  const work = await mkdtemp(`${folder}.fetch-`);
  try {
    const options = await pacoteOptions(workspaceRoot);
    const { name, version, integrity } = TURBOJPEG_PACKAGE;
    const kept = new Map([
      [`package/${prebuilt()}/${NAME}`, NAME],
      ['package/LICENSE', 'LICENSE'],
    ]);
    await pacote.tarball.stream(`${name}@${version}`, (tarball) => extract(tar, tarball, kept, work), {
      ...options,
      integrity,
    });
    if (!existsSync(join(work, NAME)))
      throw new Error(`${name}@${version} holds none for linux-${process.arch}`);
    await rm(folder, { recursive: true, force: true });
    await rename(work, folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function extract(tar, tarball, kept, folder) {
  return new Promise((resolve, reject) => {
    const writes = [];
    const parser = new tar.Parser({
      onReadEntry(entry) {
        const name = kept.get(entry.path);
        if (name === undefined) {
          entry.resume();
          return;
        }
        const chunks = [];
        entry.on('data', (chunk) => chunks.push(chunk));
        entry.on('end', () => writes.push(writeFile(join(folder, name), Buffer.concat(chunks))));
      },
    });
    parser.on('error', reject);
    parser.on('end', () => Promise.all(writes).then(resolve, reject));
    tarball.on('error', reject);
    tarball.pipe(parser);
  });
}

/**
 * Makes sure that the engine finds libjpeg-turbo, where that can be done.
 *
 * @returns {Promise<string>} where it is, or why sharp has to do; never fails
 */
export async function ensureTurboJpeg() {
  if (process.env.HAZURE_TURBOJPEG) return `HAZURE_TURBOJPEG: ${process.env.HAZURE_TURBOJPEG}`;
  if (process.platform !== 'linux') return 'left to the system';
  const cached = cachedLibrary();
  if (installed()) return "the system's";
  if (existsSync(cached)) return `npm ${TURBOJPEG_PACKAGE.name}, from the cache`;
  if (installPackage()) return `installed ${DEBIAN_PACKAGE}`;
  try {
    await fetchLibrary(cached);
    return `npm ${TURBOJPEG_PACKAGE.name}@${TURBOJPEG_PACKAGE.version}`;
  } catch (error) {
    return `none (${error.message}): sharp decodes JPEGs, at about twice the processor time`;
  }
}
