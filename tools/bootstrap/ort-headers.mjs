/**
 * Where the ONNX Runtime C/C++ headers are. onnxruntime-node ships the library without them, so they come, in this
 * order, from ONNXRUNTIME_ROOT, from a system package, or from a pinned npm package whose tarball is streamed once;
 * only its headers and licence are kept, in a per-user cache.
 */
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pacoteOptions } from './npm-config.mjs';

export const HEADERS_PACKAGE = {
  name: 'com.github.asus4.onnxruntime',
  version: '0.4.9',
  integrity:
    'sha512-BkzxduSZ9IkeDP6Q8lz2TFU2ie7hSSvS7ZIfzMooExoq0CNzJnuuGaUJ7IsojBgqO4ouD1jXah8OYyJbCN29Fg==',
};

/** The oldest C API version that the addon compiles against (onnxruntime 1.20). */
const OLDEST_API_VERSION = 20;

const workspaceRoot = fileURLToPath(new URL('../..', import.meta.url));

/** `$XDG_CACHE_HOME/hazure`, or `~/.cache/hazure`. */
function cacheRoot() {
  const base = process.env.XDG_CACHE_HOME;
  return join(base ? base : join(homedir(), '.cache'), 'hazure');
}

/** ORT_API_VERSION as `onnxruntime_c_api.h` in `folder` states it, or null where there is no such header. */
async function apiVersionOf(folder) {
  try {
    const text = await readFile(join(folder, 'onnxruntime_c_api.h'), 'utf8');
    const match = /^#define\s+ORT_API_VERSION\s+(\d+)/m.exec(text);
    return match ? Number(match[1]) : null;
  } catch {
    return null;
  }
}

function cachedFolder() {
  return join(cacheRoot(), 'onnxruntime-headers', HEADERS_PACKAGE.version, 'include');
}

/**
 * Headers that are already on this machine.
 *
 * @returns {Promise<{ folder: string, apiVersion: number, origin: string } | null>}
 * @throws when ONNXRUNTIME_ROOT is set and holds no usable headers
 */
export async function findHeaders() {
  const root = process.env.ONNXRUNTIME_ROOT;
  if (root) {
    for (const folder of [join(root, 'include'), join(root, 'include', 'onnxruntime'), root]) {
      const apiVersion = await apiVersionOf(folder);
      if (apiVersion !== null && apiVersion >= OLDEST_API_VERSION) {
        return { folder, apiVersion, origin: 'ONNXRUNTIME_ROOT' };
      }
    }
    throw new Error(
      `ONNXRUNTIME_ROOT is ${root}, but no onnxruntime_c_api.h of API version ${OLDEST_API_VERSION} or newer is ` +
        'under its include folder. Point it at an unpacked ONNX Runtime release, or unset it.',
    );
  }
  const places = [
    ['/usr/include/onnxruntime', 'libonnxruntime-dev'],
    ['/usr/local/include/onnxruntime', 'libonnxruntime-dev'],
    [cachedFolder(), 'cache'],
  ];
  for (const [folder, origin] of places) {
    const apiVersion = await apiVersionOf(folder);
    if (
      apiVersion !== null &&
      apiVersion >= OLDEST_API_VERSION &&
      existsSync(join(folder, 'onnxruntime_cxx_api.h'))
    ) {
      return { folder, apiVersion, origin };
    }
  }
  return null;
}

/** Finds the headers, fetching them when there are none. */
export async function ensureHeaders() {
  return (await findHeaders()) ?? (await fetchHeaders());
}

/**
 * Streams the pinned tarball (sha512-checked by pacote) and keeps its headers. They appear in the cache under their
 * final name only once everything was read and verified.
 */
async function fetchHeaders() {
  const require = createRequire(join(workspaceRoot, 'package.json'));
  const pacote = require('pacote');
  const tar = require('tar');
  const target = cachedFolder();
  const parent = dirname(dirname(target));
  await mkdir(parent, { recursive: true });
  const work = await mkdtemp(join(parent, '.fetch-'));
  try {
    const include = join(work, 'include');
    await mkdir(include);
    const options = await pacoteOptions(workspaceRoot);
    await pacote.tarball.stream(
      `${HEADERS_PACKAGE.name}@${HEADERS_PACKAGE.version}`,
      (tarball) => readEntries(tar, tarball, include),
      { ...options, integrity: HEADERS_PACKAGE.integrity },
    );
    const apiVersion = await apiVersionOf(include);
    if (apiVersion === null)
      throw new Error(`the package ${HEADERS_PACKAGE.name} holds no ONNX Runtime headers`);
    await rm(dirname(target), { recursive: true, force: true });
    await rename(work, dirname(target));
    return { folder: target, apiVersion, origin: `npm ${HEADERS_PACKAGE.name}` };
  } catch (error) {
    // Somebody else may have finished the same download meanwhile.
    const apiVersion = await apiVersionOf(target);
    if (apiVersion !== null) return { folder: target, apiVersion, origin: 'cache' };
    throw new Error(
      `The ONNX Runtime headers (npm package ${HEADERS_PACKAGE.name}@${HEADERS_PACKAGE.version}) could not be ` +
        `fetched: ${error.message}. Check the npm registry and proxy settings, or set ONNXRUNTIME_ROOT to an ` +
        'unpacked ONNX Runtime release.',
      { cause: error },
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function readEntries(tar, tarball, include) {
  return new Promise((resolve, reject) => {
    const writes = [];
    const parser = new tar.Parser({
      onReadEntry(entry) {
        const header = /\/ios-arm64\/onnxruntime\.framework\/Headers\/([\w]+\.h)$/.exec(entry.path);
        const name = header ? header[1] : entry.path === 'package/LICENSE' ? 'LICENSE' : null;
        if (name === null) {
          entry.resume();
          return;
        }
        const chunks = [];
        entry.on('data', (chunk) => chunks.push(chunk));
        entry.on('end', () => writes.push(writeFile(join(include, name), Buffer.concat(chunks))));
      },
    });
    parser.on('error', reject);
    parser.on('end', () => Promise.all(writes).then(resolve, reject));
    tarball.on('error', reject);
    tarball.pipe(parser);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log((await ensureHeaders()).folder);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
