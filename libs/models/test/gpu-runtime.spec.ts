import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, existsSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DeviceError, InterruptedError, ModelError } from '@hazure/contracts';
import { GPU_RUNTIME, gpuRuntimeDir, gpuRuntimeLibrary, type GpuRuntime } from '@hazure/native-engine';
import * as tar from 'tar';
import { fetchGpuRuntime, gpuRuntimeStatus, type GpuRuntimeOptions } from '../src/index.js';
import { scratchFolder } from './helpers.js';

const folder = scratchFolder();
const hash = (kind: string, data: Buffer, as: 'hex' | 'base64'): string =>
  createHash(kind).update(data).digest(as);

/** Two packages as the real ones, but tiny: providers in one, libonnxruntime in the other. */
const contents: Record<string, Record<string, Buffer>> = {
  providers: {
    'Plugins/libonnxruntime_providers_cuda.so': Buffer.alloc(200_000, 7),
    'Plugins/unwanted.so': Buffer.from('not wanted'),
  },
  runtime: { 'bin/libonnxruntime.so.1': Buffer.from('a library') },
};
const tarballs: Record<string, Buffer> = {};
const requests: string[] = [];
/** Ends the connection after so many bytes of this package's tarball; `hang` leaves it open. */
let fault: { readonly of: string; readonly afterBytes: number; readonly hang: boolean } | null = null;
let onHang: () => void = () => undefined;
let server: Server;
let base = '';

beforeAll(async () => {
  for (const [name, files] of Object.entries(contents)) {
    for (const [path, data] of Object.entries(files)) {
      const to = join(folder, name, 'package', path);
      mkdirSync(join(to, '..'), { recursive: true });
      writeFileSync(to, data);
    }
    const file = join(folder, `${name}.tgz`);
    // Uncompressed, so that the tarball is long enough to break off in the middle.
    await tar.create({ gzip: { level: 0 }, file, cwd: join(folder, name) }, ['package']);
    tarballs[name] = readFileSync(file);
  }
  server = createServer((request, response) => {
    const url = request.url ?? '';
    requests.push(url);
    const name = url.slice(1).replace('.tgz', '');
    const tarball = tarballs[name];
    if (!tarball) return void response.writeHead(404).end();
    if (!url.endsWith('.tgz')) {
      const dist = {
        tarball: `${base}/${name}.tgz`,
        integrity: `sha512-${hash('sha512', tarball, 'base64')}`,
      };
      const versions = { '1.0.0': { name, version: '1.0.0', dist } };
      return void response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ name, 'dist-tags': { latest: '1.0.0' }, versions }));
    }
    if (fault?.of !== name) return void response.end(tarball);
    response.writeHead(200, { 'content-length': tarball.length });
    const { afterBytes, hang } = fault;
    response.write(tarball.subarray(0, afterBytes), () => (hang ? onHang() : response.destroy()));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  fault = null;
  requests.length = 0;
});

const runtime = (changes: Partial<GpuRuntime> = {}): GpuRuntime => ({
  id: 'tiny-runtime',
  onnxRuntimeVersion: '0.0.1',
  platform: `${process.platform}-${process.arch}`,
  needs: 'nothing',
  sources: Object.entries(contents).map(([name, files]) => ({
    package: name,
    version: '1.0.0',
    integrity: `sha512-${hash('sha512', tarballs[name]!, 'base64')}`,
    tarballBytes: tarballs[name]!.length,
    files: Object.entries(files)
      .filter(([path]) => !path.includes('unwanted'))
      .map(([path, data]) => ({
        path,
        name: path.split('/').at(-1)!,
        bytes: data.length,
        sha256: hash('sha256', data, 'hex'),
      })),
  })),
  ...changes,
});

let counter = 0;
function options(more: Partial<GpuRuntimeOptions> = {}): GpuRuntimeOptions & { cache: string } {
  const cache = join(folder, `cache-${counter++}`);
  return {
    cache,
    env: { HAZURE_CACHE_DIR: cache },
    npm: { registry: base, fetchRetries: 0 },
    runtime: runtime(),
    ...more,
  };
}
/** What lies in the folder of GPU runtimes. */
const left = (cache: string): string[] =>
  existsSync(join(cache, 'gpu-runtime'))
    ? readdirSync(join(cache, 'gpu-runtime'), { recursive: true }).map(String)
    : [];

describe('fetching the GPU runtime', () => {
  test('brings the pinned files of every package, and only those, once', async () => {
    const asked = options();
    expect(await gpuRuntimeStatus(asked)).toMatchObject({ state: 'not fetched' });
    expect(gpuRuntimeLibrary(asked.env, asked.runtime)).toBeNull();

    const items = new Set<string>();
    const fetched = await fetchGpuRuntime({ ...asked, onProgress: ({ item }) => items.add(item) });
    expect(fetched).toMatchObject({ state: 'fetched', damaged: [], bytes: 200_009 });
    expect([...items]).toEqual(['providers@1.0.0', 'runtime@1.0.0']);
    expect(left(asked.cache).sort()).toEqual([
      'tiny-runtime',
      'tiny-runtime/libonnxruntime.so.1',
      'tiny-runtime/libonnxruntime_providers_cuda.so',
    ]);
    expect(gpuRuntimeLibrary(asked.env, asked.runtime)).toBe(
      join(gpuRuntimeDir(asked.env, asked.runtime), 'libonnxruntime.so.1'),
    );

    requests.length = 0;
    expect(await fetchGpuRuntime(asked)).toMatchObject({ state: 'fetched' });
    expect(requests).toEqual([]);
  });

  test('lets several ask at once: one fetches, the others wait', async () => {
    const asked = options();
    const all = await Promise.all([1, 2, 3].map(() => fetchGpuRuntime(asked)));
    expect(all.map(({ state }) => state)).toEqual(['fetched', 'fetched', 'fetched']);
    expect(requests.filter((url) => url.endsWith('.tgz'))).toHaveLength(2);
  });

  test('replaces what is damaged', async () => {
    const asked = options();
    const { dir } = await fetchGpuRuntime(asked);
    writeFileSync(join(dir, 'libonnxruntime.so.1'), 'A library');
    expect(await gpuRuntimeStatus(asked)).toMatchObject({
      state: 'damaged',
      damaged: ['libonnxruntime.so.1'],
    });
    expect(await fetchGpuRuntime(asked)).toMatchObject({ state: 'fetched' });
    expect(readFileSync(join(dir, 'libonnxruntime.so.1'), 'utf8')).toBe('a library');
  });

  test.each(['providers', 'runtime'])('leaves nothing when the connection ends within %s', async (of) => {
    fault = { of, afterBytes: 1000, hang: false };
    const asked = options();
    const error: unknown = await fetchGpuRuntime(asked).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ModelError);
    expect(['NETWORK_UNAVAILABLE', 'MODEL_CHECKSUM']).toContain((error as ModelError).code);
    expect(left(asked.cache)).toEqual([]);
    fault = null;
    expect(await fetchGpuRuntime(asked)).toMatchObject({ state: 'fetched' });
  });

  test('leaves nothing when it is interrupted in the middle', async () => {
    fault = { of: 'providers', afterBytes: 1000, hang: true };
    const stop = new AbortController();
    onHang = () => setTimeout(() => stop.abort(), 50);
    const asked = options({ signal: stop.signal });
    await expect(fetchGpuRuntime(asked)).rejects.toBeInstanceOf(InterruptedError);
    expect(left(asked.cache)).toEqual([]);
  });

  test('clears away what a killed process left', async () => {
    const asked = options();
    const partial = `${gpuRuntimeDir(asked.env, asked.runtime)}.partial`;
    mkdirSync(join(partial, 'ready'), { recursive: true });
    writeFileSync(join(partial, 'ready', 'libonnxruntime.so.1'), 'ha');
    await fetchGpuRuntime(asked);
    expect(left(asked.cache).some((path) => path.includes('partial'))).toBe(false);
  });

  test('refuses bytes that are not the pinned ones, in the tarball or in a file', async () => {
    const good = runtime();
    const [providers, library] = good.sources;
    const forged = { ...providers!, integrity: `sha512-${hash('sha512', Buffer.from('x'), 'base64')}` };
    const changed = { ...library!, files: [{ ...library!.files[0]!, sha256: '0'.repeat(64) }] };
    for (const sources of [
      [forged, library!],
      [providers!, changed],
    ]) {
      const asked = options({ runtime: { ...good, sources } });
      await expect(fetchGpuRuntime(asked)).rejects.toMatchObject({ code: 'MODEL_CHECKSUM' });
      expect(left(asked.cache)).toEqual([]);
    }
  });

  test('refuses when offline, and says what to do', async () => {
    const asked = options({ offline: true });
    const error: unknown = await fetchGpuRuntime(asked).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(DeviceError);
    expect(error).toMatchObject({
      code: 'ADDON_UNAVAILABLE',
      hint: expect.stringMatching(
        /Unset HAZURE_OFFLINE and run `hazure doctor --fetch-gpu`, or copy/,
      ) as string,
    });
    expect(requests).toEqual([]);
  });

  test('names the registry and the command to repeat where the registry is not to be had', async () => {
    const asked = options({ npm: { registry: 'http://127.0.0.1:9', fetchRetries: 0 } });
    await expect(fetchGpuRuntime(asked)).rejects.toMatchObject({
      code: 'NETWORK_UNAVAILABLE',
      hint: expect.stringContaining('then run `hazure doctor --fetch-gpu`') as string,
    });
  });

  test('is only for the platform that the libraries were built for', async () => {
    const asked = options({ runtime: runtime({ platform: 'plan9-mips' }) });
    expect(await gpuRuntimeStatus(asked)).toMatchObject({ state: 'not for this platform' });
    await expect(fetchGpuRuntime(asked)).rejects.toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
      message: expect.stringContaining('plan9-mips') as string,
    });
  });
});

test('the pinned runtime has a libonnxruntime, both providers and their bridge', () => {
  const names = GPU_RUNTIME.sources.flatMap(({ files }) => files.map(({ name }) => name));
  expect(names).toEqual(
    expect.arrayContaining([
      'libonnxruntime.so.1',
      'libonnxruntime_providers_cuda.so',
      'libonnxruntime_providers_shared.so',
      'libonnxruntime_providers_tensorrt.so',
      'LICENSE',
    ]),
  );
  for (const { integrity, files } of GPU_RUNTIME.sources) {
    expect(integrity).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
    for (const { sha256 } of files) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  }
});
