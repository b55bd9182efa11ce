import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { DeviceError } from '@hazure/contracts';
import { cacheRoot } from './cache-dir.js';

const require = createRequire(import.meta.url);

/** Where libjpeg-turbo's TurboJPEG library may be. */
export interface JpegCandidate {
  readonly origin: 'HAZURE_TURBOJPEG' | 'system' | '@julusian/jpeg-turbo' | 'cache';
  /** A file, or a name that the system's loader looks for. */
  readonly path: string;
}

/** What became of the search. */
export interface JpegState {
  /** The library in use, or null: sharp decodes and encodes JPEGs then. */
  readonly path: string | null;
  /** Which of the candidates it was; null also where another thread of this process opened it. */
  readonly origin: JpegCandidate['origin'] | null;
  /** `HAZURE_TURBOJPEG=off`. */
  readonly off: boolean;
  /** What was tried and did not open. */
  readonly refused: readonly { readonly path: string; readonly reason: string }[];
}

const NAMES: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'libturbojpeg.so.0',
  darwin: 'libturbojpeg.0.dylib',
};

/** The library inside npm's `@julusian/jpeg-turbo` where somebody installed that; only its Linux builds hold one. */
function insideNpmPackage(): string[] {
  let prebuilds: string;
  try {
    prebuilds = join(dirname(require.resolve('@julusian/jpeg-turbo/package.json')), 'prebuilds');
  } catch {
    return [];
  }
  const platform = `jpeg-turbo-${process.platform}-${process.arch}`;
  return [platform, `${platform}-musl`].map((folder) => join(prebuilds, folder, 'libturbojpeg.so.0'));
}

/**
 * Where to look for the library, best first: `HAZURE_TURBOJPEG` alone where it is set (`off` = nowhere), the system's,
 * that of an npm package, the one that `npm run setup` left in hazure's cache folder.
 */
export function jpegCandidates(
  env: Readonly<Record<string, string | undefined>> = process.env,
): JpegCandidate[] {
  const chosen = env['HAZURE_TURBOJPEG'];
  if (chosen === 'off') return [];
  if (chosen) return [{ origin: 'HAZURE_TURBOJPEG', path: chosen }];
  const name = NAMES[process.platform];
  if (name === undefined) return [];
  return [
    { origin: 'system' as const, path: name },
    ...insideNpmPackage().map((path) => ({ origin: '@julusian/jpeg-turbo' as const, path })),
    { origin: 'cache' as const, path: join(cacheRoot(env), 'turbojpeg', name) },
  ].filter(({ origin, path }) => origin === 'system' || existsSync(path));
}

/**
 * Opens the first that can be used.
 *
 * @param open the addon's `openJpeg`
 * @throws DeviceError ADDON_UNAVAILABLE when the one of `HAZURE_TURBOJPEG` can't be: no other takes its place
 */
export function openJpegLibrary(
  open: (paths: readonly string[]) => Pick<JpegState, 'path' | 'refused'>,
  env: Readonly<Record<string, string | undefined>> = process.env,
): JpegState {
  const off = env['HAZURE_TURBOJPEG'] === 'off';
  if (off) return { path: null, origin: null, off, refused: [] };
  const candidates = jpegCandidates(env);
  const { path, refused } = open(candidates.map((candidate) => candidate.path));
  if (path === null && candidates[0]?.origin === 'HAZURE_TURBOJPEG') {
    throw new DeviceError(
      'ADDON_UNAVAILABLE',
      `The library of HAZURE_TURBOJPEG can't be used: ${refused[0]?.reason ?? 'it does not open'}`,
      { hint: 'Point it at a libturbojpeg.so.0, set it to "off", or unset it.' },
    );
  }
  const origin = path === null ? null : (candidates[refused.length]?.origin ?? null);
  return { path, origin, off, refused };
}
