import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jpegCandidates, openJpegLibrary } from './jpeg-library.js';

const cache = mkdtempSync(join(tmpdir(), 'hazure-'));
afterAll(() => rmSync(cache, { recursive: true }));
const env = { HAZURE_CACHE_DIR: cache };
const refuse = (paths: readonly string[]): ReturnType<Parameters<typeof openJpegLibrary>[0]> => ({
  path: null,
  refused: paths.map((path) => ({ path, reason: `no ${path}` })),
});

test('one that is chosen is the only one, and an error where it can not be used', () => {
  const chosen = { ...env, HAZURE_TURBOJPEG: '/x/libturbojpeg.so.0' };
  expect(jpegCandidates(chosen)).toEqual([{ origin: 'HAZURE_TURBOJPEG', path: '/x/libturbojpeg.so.0' }]);
  expect(() => openJpegLibrary(refuse, chosen)).toThrow(
    expect.objectContaining({
      code: 'ADDON_UNAVAILABLE',
      message: expect.stringContaining('/x/lib') as string,
    }),
  );
});

test('it can be switched off, and then nothing is opened', () => {
  const open = (): never => {
    throw new Error('opened');
  };
  expect(openJpegLibrary(open, { ...env, HAZURE_TURBOJPEG: 'off' })).toEqual({
    path: null,
    origin: null,
    off: true,
    refused: [],
  });
});

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('the system comes first, the cache last and only where it holds one', () => {
  expect(jpegCandidates(env).at(0)).toEqual({ origin: 'system', path: 'libturbojpeg.so.0' });
  expect(jpegCandidates(env).some(({ origin }) => origin === 'cache')).toBe(false);
  mkdirSync(join(cache, 'turbojpeg'));
  const cached = join(cache, 'turbojpeg', 'libturbojpeg.so.0');
  writeFileSync(cached, '');
  expect(jpegCandidates(env).at(-1)).toEqual({ origin: 'cache', path: cached });
  const state = openJpegLibrary((paths) => ({ ...refuse(paths.slice(0, -1)), path: cached }), env);
  expect(state).toMatchObject({ path: cached, origin: 'cache' });
  expect(state.refused.length).toBe(jpegCandidates(env).length - 1);
});

onLinux('none at all is a state, not an error', () => {
  expect(openJpegLibrary(refuse, env)).toMatchObject({ path: null, origin: null, off: false });
});
