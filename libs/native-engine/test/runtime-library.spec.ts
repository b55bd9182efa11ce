import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import {
  GPU_RUNTIME,
  addonPath,
  cacheRoot,
  gpuRuntimeDir,
  gpuRuntimeFiles,
  gpuRuntimeLibrary,
  runtimeLibrary,
} from '../src/index.js';
import { tinyModel } from './support/fixtures.js';

const folder = mkdtempSync(join(tmpdir(), 'hazure-runtime-'));
const kept = { ...process.env };
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  process.env['HAZURE_CACHE_DIR'] = join(folder, 'empty');
  delete process.env['HAZURE_ONNXRUNTIME'];
});
afterEach(() => {
  for (const name of ['HAZURE_CACHE_DIR', 'HAZURE_ONNXRUNTIME']) {
    if (kept[name] === undefined) delete process.env[name];
    else process.env[name] = kept[name];
  }
});

/** Files of the right names and sizes, which take no room on disk. */
function pretendToHaveFetched(cache: string): string {
  const dir = gpuRuntimeDir({ HAZURE_CACHE_DIR: cache });
  mkdirSync(dir, { recursive: true });
  for (const { name, bytes } of gpuRuntimeFiles()) {
    writeFileSync(join(dir, name), '');
    truncateSync(join(dir, name), bytes);
  }
  return dir;
}
const onLinux = GPU_RUNTIME.platform === `${process.platform}-${process.arch}` ? test : test.skip;

describe('the ONNX Runtime of a process', () => {
  test('is the one of onnxruntime-node unless another was asked for', () => {
    const { path, origin, nodeLibraryPath } = runtimeLibrary();
    expect(origin).toBe('onnxruntime-node');
    expect(path).toBe(nodeLibraryPath);
    process.env['HAZURE_ONNXRUNTIME'] = '/elsewhere/libonnxruntime.so.1';
    expect(runtimeLibrary()).toEqual({
      path: '/elsewhere/libonnxruntime.so.1',
      origin: 'HAZURE_ONNXRUNTIME',
      nodeLibraryPath,
    });
  });

  onLinux('is the GPU runtime once that was fetched, but not half of it (linux-x64)', () => {
    const cache = join(folder, 'fetched');
    const dir = pretendToHaveFetched(cache);
    process.env['HAZURE_CACHE_DIR'] = cache;
    expect(runtimeLibrary()).toMatchObject({
      path: join(dir, 'libonnxruntime.so.1'),
      origin: 'gpu-runtime',
    });
    truncateSync(join(dir, 'libonnxruntime_providers_cuda.so'), 5);
    expect(gpuRuntimeLibrary({ HAZURE_CACHE_DIR: cache })).toBeNull();
    expect(runtimeLibrary().origin).toBe('onnxruntime-node');
  });

  test('lies in the cache folder that the environment names', () => {
    expect(cacheRoot({ HAZURE_CACHE_DIR: '/c' })).toBe('/c');
    expect(cacheRoot({ XDG_CACHE_HOME: '/x' })).toBe('/x/hazure');
    expect(cacheRoot({ XDG_CACHE_HOME: 'relative' })).toMatch(/\.cache[/\\]hazure$/);
  });
});

// A library of the same name and of no version that onnxruntime-node could use.
const source = `
  typedef struct { const void* (*GetApi)(unsigned); const char* (*GetVersionString)(void); } Base;
  static const void* none(unsigned version) { (void)version; return 0; }
  static const char* version(void) { return "0.0.1"; }
  const Base* OrtGetApiBase(void) { static const Base base = { none, version }; return &base; }`;
const compiler = spawnSync('cc', ['--version']).status === 0 && process.platform === 'linux';
const withCompiler = compiler ? test : test.skip;

describe('another libonnxruntime than the one of onnxruntime-node', () => {
  let other = '';
  beforeAll(() => {
    if (!compiler) return;
    other = join(folder, 'libonnxruntime.so.1');
    writeFileSync(join(folder, 'other.c'), source);
    writeFileSync(join(folder, 'other.map'), 'VERS_0.0.1 { global: OrtGetApiBase; local: *; };');
    const made = spawnSync(
      'cc',
      [
        '-shared',
        '-fPIC',
        'other.c',
        '-o',
        other,
        '-Wl,-soname,libonnxruntime.so.1',
        '-Wl,--version-script=other.map',
      ],
      { cwd: folder, encoding: 'utf8' },
    );
    expect(made.stderr).toBe('');
  });

  /** Opens the other library by `open`, then runs a model with onnxruntime-node. */
  const outcome = async (open: string): Promise<string> => {
    const require = createRequire(import.meta.url);
    const script = `
      ${open}
      try {
        const { default: ort } = await import(${JSON.stringify(pathToFileURL(require.resolve('onnxruntime-node')).href)});
        const session = await ort.InferenceSession.create(${JSON.stringify(tinyModel('embedder'))});
        const image = new ort.Tensor('float32', new Float32Array(192), [1, 3, 8, 8]);
        console.log(Object.keys(await session.run({ image })).join());
      } catch (error) { console.log(error.message); }`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, HAZURE_ONNXRUNTIME: other, ORT_DISABLE_TELEMETRY: '1' },
    });
    return stdout.trim();
  };

  withCompiler('would break onnxruntime-node where it is alone at first (needs cc)', async () => {
    const alone = `import { createRequire } from 'node:module';
      try { createRequire('/')(${JSON.stringify(addonPath())}).openRuntime(${JSON.stringify(other)}); } catch {}`;
    expect(await outcome(alone)).toMatch(/version `VERS_.*' not found/);
  });

  withCompiler('leaves onnxruntime-node working when the engine opens it (needs cc)', async () => {
    const engine = pathToFileURL(resolve('dist/index.js')).href;
    const opened = `const { loadEngine } = await import(${JSON.stringify(engine)});
      try { loadEngine(); } catch (error) { if (error.code !== 'ADDON_UNAVAILABLE') throw error; }`;
    expect(await outcome(opened)).toBe('features,pooled,map');
  });
});
