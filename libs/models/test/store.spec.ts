import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { join } from 'node:path';
import * as tar from 'tar';
import type { PullProgress, Registry, StoreOptions } from '../src/index.js';
import {
  defaultModelCacheDir,
  hubReference,
  listModels,
  modelPath,
  pullModel,
  resolveModel,
  verifyModels,
} from '../src/index.js';
import { scratchFolder } from './helpers.js';

const folder = scratchFolder();
const COMMIT = 'c'.repeat(40);
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
const files: Record<string, Buffer> = {
  'config.json': Buffer.from('{"a":1}'),
  'onnx/model.onnx': Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251)),
};

/** A hub and an npm registry on this machine; `requests` keeps what was asked. */
const requests: string[] = [];
let breakAfterBytes: number | null = null;
let tarball = Buffer.alloc(0);
let server: Server;
let base = '';

function handle(request: IncomingMessage, response: ServerResponse): void {
  const url = decodeURIComponent(request.url ?? '');
  requests.push(`${url}${request.headers.range ? ` ${request.headers.range}` : ''}`);
  if (url.startsWith('/api/models/org/name/revision/')) {
    const siblings = Object.entries(files).map(([rfilename, data]) => ({
      rfilename,
      size: data.length,
      blobId: createHash('sha1').update(`blob ${data.length}\0`).update(data).digest('hex'),
      ...(rfilename.endsWith('.onnx') ? { lfs: { sha256: sha256(data) } } : {}),
    }));
    response.end(JSON.stringify({ sha: COMMIT, siblings }));
  } else if (url.startsWith(`/org/name/resolve/${COMMIT}/`)) {
    const data = files[url.split(`${COMMIT}/`)[1]!]!;
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    // Chunked, so that an early end looks whole to HTTP: the size in the listing must tell.
    response.writeHead(from > 0 ? 206 : 200);
    response.end(data.subarray(from, breakAfterBytes === null ? data.length : from + breakAfterBytes));
  } else if (url === '/tiny') {
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
    const dist = { tarball: `${base}/tiny.tgz`, integrity };
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        name: 'tiny',
        'dist-tags': { latest: '1.0.0' },
        versions: { '1.0.0': { name: 'tiny', version: '1.0.0', dist } },
      }),
    );
  } else if (url === '/tiny.tgz') response.end(tarball);
  else response.writeHead(404).end();
}

beforeAll(async () => {
  const source = join(folder, 'tiny/package/models');
  mkdirSync(source, { recursive: true });
  writeFileSync(join(source, 'a.bin'), 'weights');
  writeFileSync(join(source, 'other.bin'), 'not wanted');
  await tar.create({ gzip: true, file: join(folder, 'tiny.tgz'), cwd: join(folder, 'tiny') }, ['package']);
  tarball = readFileSync(join(folder, 'tiny.tgz'));
  server = createServer(handle);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((done) => server.close(done)));

let counter = 0;
function options(more: Partial<StoreOptions> = {}): StoreOptions {
  return {
    cacheDir: join(folder, `cache-${counter++}`),
    env: { HF_ENDPOINT: base },
    npm: { registry: base, cache: join(folder, `npm-${counter}`), fetchRetries: 0 },
    registry: registry(),
    ...more,
  };
}

function registry(integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`): Registry {
  return {
    packs: {
      starter: { detector: 'tiny-model', embedder: 'tiny-model', captioner: null },
      standard: { detector: 'hub-model', embedder: 'hub-model', captioner: 'hub-model' },
    },
    bundles: [
      {
        id: 'tiny',
        source: {
          kind: 'npm',
          package: 'tiny',
          version: '1.0.0',
          integrity,
          tarballBytes: tarball.length,
          files: [{ path: 'models/a.bin', sha256: sha256(Buffer.from('weights')) }],
        },
        licence: 'MIT',
        homepage: '',
      },
      {
        id: 'hub-bundle',
        source: {
          kind: 'hub',
          repository: 'org/name',
          revision: 'main',
          files: ['config.json', 'onnx/model.onnx'],
          optionalFiles: ['vocab.json'],
        },
        licence: 'Apache-2.0',
        homepage: '',
      },
      { id: 'own', source: { kind: 'path', howTo: 'Export it.' }, licence: 'AGPL-3.0', homepage: '' },
    ],
    models: [
      {
        name: 'tiny-model',
        aliases: ['tm'],
        role: 'detector',
        bundle: 'tiny',
        file: 'models/a.bin',
        description: '',
      },
      {
        name: 'hub-model',
        aliases: [],
        role: 'detector',
        bundle: 'hub-bundle',
        file: 'onnx/model.onnx',
        description: '',
      },
      { name: 'own-model', aliases: [], role: 'detector', bundle: 'own', file: '', description: '' },
    ],
  };
}

describe('the npm registry as a source', () => {
  test('keeps only the wanted files, pins them, and asks the network once', async () => {
    const store = options();
    const progress: PullProgress[] = [];
    const [status] = await pullModel('tm', { ...store, onProgress: (p) => progress.push(p) });
    expect(status).toMatchObject({ state: 'cached', origin: 'npm:tiny@1.0.0', bytes: 7 });
    expect(progress.at(-1)).toMatchObject({ doneBytes: tarball.length, totalBytes: tarball.length });
    expect(existsSync(join(store.cacheDir!, 'tiny/models/other.bin'))).toBe(false);
    const before = requests.length;
    const model = await resolveModel('tiny-model', store);
    expect(readFileSync(model.path, 'utf8')).toBe('weights');
    expect(model).toMatchObject({
      name: 'tiny-model',
      sha256: sha256(Buffer.from('weights')),
      licence: 'MIT',
    });
    expect(requests.length).toBe(before);
  });

  test('refuses a tarball that is not the pinned one and leaves nothing behind', async () => {
    const wrong = `sha512-${createHash('sha512').update('other').digest('base64')}`;
    const store = options({ registry: registry(wrong) });
    await expect(pullModel('tiny', store)).rejects.toMatchObject({ code: 'MODEL_CHECKSUM' });
    expect(existsSync(join(store.cacheDir!, 'tiny'))).toBe(false);
    expect(existsSync(join(store.cacheDir!, 'tiny.partial'))).toBe(false);
  });

  test('notices a damaged file and fetches it again', async () => {
    const store = options();
    await pullModel('tiny', store);
    const path = await modelPath('tiny-model', store);
    writeFileSync(path, 'WEIGHTS');
    expect(await verifyModels('tiny', store)).toEqual([{ id: 'tiny', ok: false, damaged: ['models/a.bin'] }]);
    await expect(resolveModel('tiny-model', { ...store, offline: true })).rejects.toMatchObject({
      code: 'MODEL_MISSING',
    });
    await pullModel('tiny', store);
    expect(readFileSync(path, 'utf8')).toBe('weights');
    expect(await verifyModels(undefined, store)).toEqual([{ id: 'tiny', ok: true, damaged: [] }]);
  });

  test('a new version of a conversion makes its old results stale', async () => {
    const store = options();
    await pullModel('tiny', store);
    const newer = registry();
    const bundles = newer.bundles.map((bundle) =>
      bundle.id === 'tiny' ? { ...bundle, build: { name: 'nanodet' as const, version: 1 } } : bundle,
    );
    await expect(
      resolveModel('tiny-model', { ...store, offline: true, registry: { ...newer, bundles } }),
    ).rejects.toMatchObject({ code: 'MODEL_MISSING' });
  });

  test('an unreachable registry is an error that says what to check', async () => {
    const store = options({
      npm: { registry: 'http://127.0.0.1:9', fetchRetries: 0, cache: join(folder, 'npm-x') },
    });
    await expect(pullModel('starter', store)).rejects.toMatchObject({
      code: 'NETWORK_UNAVAILABLE',
      hint: expect.stringContaining('npm config get registry'),
    });
  });
});

describe('the Hugging Face hub as a source', () => {
  test('goes on where an interrupted download stopped', async () => {
    const store = options();
    breakAfterBytes = 100_000;
    await expect(pullModel('hub-model', store)).rejects.toMatchObject({
      code: 'NETWORK_UNAVAILABLE',
      hint: expect.stringMatching(/models pull.*--models starter/s),
    });
    expect(await listModels(store)).toContainEqual(
      expect.objectContaining({ id: 'hub-bundle', state: 'not cached' }),
    );
    breakAfterBytes = null;
    requests.length = 0;
    await pullModel('hub-model', store);
    const resumed = requests.find((url) => url.includes('onnx/model.onnx'));
    expect(resumed).toMatch(/bytes=[1-9]\d*-$/);
    const model = await resolveModel('hub-model', store);
    expect(readFileSync(model.path)).toEqual(files['onnx/model.onnx']);
    expect(model.origin).toBe(`hub:org/name@${COMMIT}`);
  });

  test('removes a part whose digest is wrong', async () => {
    const store = options();
    const part = join(store.cacheDir!, 'hub/org/name/onnx/model.onnx.part');
    mkdirSync(join(part, '..'), { recursive: true });
    writeFileSync(part, Buffer.alloc(1000, 1));
    await expect(pullModel('hub-model', store)).rejects.toMatchObject({ code: 'MODEL_CHECKSUM' });
    expect(existsSync(part)).toBe(false);
    await pullModel('hub-model', store);
  });

  test('goes through the proxy that the environment names', async () => {
    const tunnels: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (request, client: Socket) => {
      tunnels.push(request.url!);
      const upstream = connect((server.address() as AddressInfo).port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        upstream.pipe(client).pipe(upstream);
      });
      client.on('error', () => upstream.destroy());
      upstream.on('error', () => client.destroy());
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const env = { HF_ENDPOINT: 'http://hub.invalid', HTTP_PROXY: address };
    const model = await resolveModel('hub-model', options({ env }));
    expect(readFileSync(model.path)).toEqual(files['onnx/model.onnx']);
    expect(tunnels).toContain('hub.invalid:80');
    proxy.closeAllConnections();
    proxy.close();
  });

  test('several pulls at once fetch each file once', async () => {
    const store = options();
    requests.length = 0;
    await Promise.all([1, 2, 3].map(() => pullModel('hub-model', store)));
    expect(requests.filter((url) => url.includes('onnx/model.onnx'))).toHaveLength(1);
  });

  test('offline never touches the network and names both remedies', async () => {
    const store = options({ offline: true });
    requests.length = 0;
    for (const attempt of [() => pullModel('standard', store), () => resolveModel('hub-model', store)]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'MODEL_MISSING',
        hint: expect.stringMatching(/models pull.*--models starter/s),
      });
    }
    await expect(
      resolveModel('hub-model', {
        ...store,
        offline: undefined,
        env: { HF_ENDPOINT: base, HAZURE_OFFLINE: '1' },
      }),
    ).rejects.toMatchObject({ code: 'MODEL_MISSING' });
    expect(requests).toEqual([]);
  });

  test('takes any repository by name, and says which ONNX files it has', async () => {
    const store = options();
    const model = await resolveModel('org/name', store);
    expect(model.path.endsWith(join('onnx', 'model.onnx'))).toBe(true);
    await expect(resolveModel('org/name:onnx/other.onnx', store)).rejects.toMatchObject({
      message: expect.stringContaining('onnx/model.onnx'),
    });
    await expect(resolveModel('org/none', store)).rejects.toMatchObject({ code: 'MODEL_MISSING' });
    expect(hubReference('./a/b')).toBeNull();
    expect(hubReference('models/x.onnx')).toBeNull();
  });
});

test('a cache that can not be written is an error that says so', async () => {
  const file = join(folder, 'not-a-folder');
  writeFileSync(file, '');
  await expect(pullModel('tiny', options({ cacheDir: join(file, 'models') }))).rejects.toMatchObject({
    code: 'OUTPUT_UNWRITABLE',
    hint: expect.stringContaining('HAZURE_CACHE_DIR'),
  });
});

test('names that are not known, not fetched, or not there say what to do', async () => {
  const store = options();
  await expect(resolveModel('nothing', store)).rejects.toMatchObject({
    message: expect.stringContaining('known: tiny-model, hub-model, own-model'),
  });
  await expect(resolveModel('own-model', store)).rejects.toMatchObject({
    hint: expect.stringContaining('AGPL-3.0'),
  });
  await expect(resolveModel('./nothing.onnx', store)).rejects.toMatchObject({
    message: expect.stringContaining('no such file'),
  });
});

test('the cache folder follows the environment and the platform', () => {
  expect(defaultModelCacheDir({ HAZURE_CACHE_DIR: '/c' }, 'linux', '/h')).toBe('/c/models');
  expect(defaultModelCacheDir({ XDG_CACHE_HOME: '/x' }, 'linux', '/h')).toBe('/x/hazure/models');
  expect(defaultModelCacheDir({ XDG_CACHE_HOME: 'relative' }, 'linux', '/h')).toBe('/h/.cache/hazure/models');
  expect(defaultModelCacheDir({}, 'darwin', '/h')).toBe('/h/Library/Caches/hazure/models');
});
