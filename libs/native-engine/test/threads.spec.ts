import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { loadEngine } from '../src/index.js';
import { squareSpec, syntheticImage, tinyModel } from './support/fixtures.js';

const engine = loadEngine();
const builtEngine = pathToFileURL(resolve('dist/index.js')).href;
const config = {
  modelPath: tinyModel('embedder'),
  preprocess: squareSpec(512, { fit: 'stretch', interpolation: 'bicubic-antialias' }),
  output: 'features',
  normalise: true,
};

describe("the engine's threads", () => {
  test('leave the event loop and the libuv pool free', async () => {
    const embedder = await engine.loadEmbedder(config);
    const image = syntheticImage(3, 900, 700);
    const regions = Array.from({ length: 4 }, () => ({ image, box: null }));
    let pending = 16;
    const done = Array.from({ length: pending }, () =>
      embedder.embed(regions).then((rows) => {
        pending -= 1;
        return rows;
      }),
    );
    let turns = 0;
    // More calls than libuv has threads are waiting, and the pool still answers; so does the event loop.
    await stat('.');
    expect(pending).toBeGreaterThan(0);
    while (pending > 0) {
      turns += 1;
      await new Promise((next) => setImmediate(next));
    }
    expect(turns).toBeGreaterThan(16);
    const [first, ...others] = await Promise.all(done);
    for (const rows of others) expect(rows).toEqual(first);
    await embedder.close();
  });

  test('give the same result however many work', async () => {
    const image = syntheticImage(5, 300, 200);
    const rows = await Promise.all(
      [1, 2, 5].map(async (threads) => {
        const embedder = await engine.loadEmbedder({ ...config, session: { device: 'cpu', threads } });
        const embedded = await embedder.embed([{ image, box: null }]);
        await embedder.close();
        return embedded;
      }),
    );
    expect(rows[1]).toEqual(rows[0]);
    expect(rows[2]).toEqual(rows[0]);
  });

  test('give the same result however many calls are inferred at once', async () => {
    const images = Array.from({ length: 24 }, (_, i) => syntheticImage(i, 60 + i, 50));
    const rows = await Promise.all(
      [1, 2, 5].map(async (streams) => {
        const session = { device: 'cpu', threads: 5, streams } as const;
        const embedder = await engine.loadEmbedder({ ...config, session });
        expect(embedder.streams).toBe(streams);
        const each = await Promise.all(images.map((image) => embedder.embed([{ image, box: null }])));
        await embedder.close();
        return each;
      }),
    );
    expect(rows[1]).toEqual(rows[0]);
    expect(rows[2]).toEqual(rows[0]);
    expect(rows[0][0]).not.toEqual(rows[0][1]);
  });

  test('are no more streams than cores, and one for a plain session unless told', async () => {
    const embedder = await engine.loadEmbedder({
      ...config,
      session: { device: 'cpu', threads: 2, streams: 9 },
    });
    const plain = await engine.loadSession(config.modelPath, { device: 'cpu', threads: 4 });
    const several = await engine.loadSession(config.modelPath, { device: 'cpu', threads: 4, streams: 3 });
    expect([embedder.streams, plain.streams, several.streams]).toEqual([2, 1, 3]);
    await Promise.all([embedder.close(), plain.close(), several.close()]);
  });

  test('settle calls on a model of one stream in the order they were made', async () => {
    const embedder = await engine.loadEmbedder({ ...config, session: { device: 'cpu', streams: 1 } });
    const image = syntheticImage(6, 64, 64);
    const order: number[] = [];
    await Promise.all(
      [5, 1, 3].map((count, i) =>
        embedder.embed(Array.from({ length: count }, () => ({ image, box: null }))).then(() => order.push(i)),
      ),
    );
    expect(order).toEqual([0, 1, 2]);
    await embedder.close();
  });

  test('finish what was asked before a close', async () => {
    const embedder = await engine.loadEmbedder(config);
    const image = syntheticImage(6, 64, 64);
    const pending = embedder.embed([{ image, box: null }]);
    const closed = embedder.close();
    expect(await pending).toHaveLength(8);
    await closed;
  });

  test('survive the termination of a worker thread in the middle of its calls', async () => {
    const file = resolve('test/support/busy-worker.mjs');
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(file, { workerData: { engine: builtEngine, config } });
      await new Promise((busy, failed) => {
        worker.once('message', busy);
        worker.once('error', failed);
      });
      expect(await worker.terminate()).toBe(1);
    }
    const embedder = await engine.loadEmbedder(config);
    expect(await embedder.embed([{ image: syntheticImage(1, 20, 20), box: null }])).toHaveLength(8);
    await embedder.close();
  });
});

describe('a process that uses the engine', () => {
  const run = (script: string, env: NodeJS.ProcessEnv = {}) =>
    promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, ...env },
    });

  test('writes nothing into the home or cache folder: the runtime’s telemetry is off', async () => {
    const home = mkdtempSync(join(tmpdir(), 'hazure-home-'));
    const { ORT_DISABLE_TELEMETRY: _, ...rest } = process.env;
    const script = `
      const { loadEngine } = await import(${JSON.stringify(builtEngine)});
      const session = await loadEngine().loadSession(${JSON.stringify(config.modelPath)});
      await session.run({ image: { type: 'float32', dims: [1, 3, 8, 8], data: new Float32Array(192) } });
      console.log(process.env.ORT_DISABLE_TELEMETRY);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...rest, HOME: home, XDG_CACHE_HOME: join(home, 'cache'), XDG_DATA_HOME: join(home, 'data') },
    });
    expect(stdout.trim()).toBe('1');
    expect(readdirSync(home, { recursive: true })).toEqual([]);
    rmSync(home, { recursive: true });
  });

  test('ends by itself with models open, and at once in the middle of a call', async () => {
    const load = `
      const { loadEngine } = await import(${JSON.stringify(builtEngine)});
      const session = await loadEngine().loadSession(${JSON.stringify(config.modelPath)});
      const run = () => session.run({ image: { type: 'float32', dims: [1, 3, 1500, 1500], data: new Float32Array(6750000) } });`;
    await run(`${load} await run(); console.log('open');`);
    const { stdout } = await run(`${load} void run(); void run(); console.log('exit'); process.exit(0);`);
    expect(stdout.trim()).toBe('exit');
  });

  test('hears of a missing runtime library as an error with a remedy', async () => {
    const script = `
      const { loadEngine } = await import(${JSON.stringify(builtEngine)});
      try { loadEngine(); } catch (error) { console.log(JSON.stringify({ ...error, message: error.message })); }`;
    const { stdout } = await run(script, { HAZURE_ONNXRUNTIME: '/nowhere/libonnxruntime.so.1' });
    expect(JSON.parse(stdout)).toMatchObject({
      code: 'ADDON_UNAVAILABLE',
      message: expect.stringContaining('/nowhere/libonnxruntime.so.1') as string,
      hint: expect.stringContaining('HAZURE_ONNXRUNTIME') as string,
    });
    const { stdout: unbuilt } = await run(script, { HAZURE_ADDON: '/nowhere/hazure.node' });
    expect(JSON.parse(unbuilt)).toMatchObject({
      code: 'ADDON_UNAVAILABLE',
      hint: expect.stringContaining('npm run setup') as string,
    });
  });
});
