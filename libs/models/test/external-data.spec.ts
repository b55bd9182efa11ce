import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadEngine } from '@hazure/native-engine';
import { createHash } from 'node:crypto';
import {
  describeEmbedder,
  modelFiles,
  modelPath,
  pullModel,
  resolveModel,
  summarizeOnnx,
  verifyModels,
} from '../src/index.js';
import { safeLocation } from '../src/store/model-files.js';
import { ModelProto } from '../src/onnx/schema.js';
import { encodeOnnx, ints } from '../src/index.js';
import { scratchFolder } from './helpers.js';

const folder = scratchFolder();
const cacheDir = join(folder, 'cache');
let counter = 0;
const KERNEL = { dims: [4, 3, 8, 8], count: 4 * 3 * 8 * 8 };

/** A convolution whose weights lie at `location`; tokens `[N, 17, 4]` with `tokens`, else `features [N, 4]`. */
function externalModel(options: {
  location: string;
  value?: number;
  tokens?: boolean;
  place?: boolean;
}): string {
  const { location, value = 0.25, tokens = false, place = true } = options;
  const data = new Float32Array(KERNEL.count).fill(value);
  const nodes = [
    {
      name: 'c',
      opType: 'Conv',
      inputs: ['pixel_values', 'w'],
      outputs: ['map'],
      attributes: { strides: ints([8, 8]), kernel_shape: ints([8, 8]) },
    },
    ...(tokens
      ? [
          { name: 'r', opType: 'Reshape', inputs: ['map', 's'], outputs: ['flat'], attributes: {} },
          {
            name: 't',
            opType: 'Transpose',
            inputs: ['flat'],
            outputs: ['last_hidden_state'],
            attributes: { perm: ints([0, 2, 1]) },
          },
        ]
      : [
          {
            name: 'p',
            opType: 'ReduceMean',
            inputs: ['map'],
            outputs: ['features'],
            attributes: { axes: ints([2, 3]), keepdims: { kind: 'int' as const, value: 0 } },
          },
        ]),
  ];
  const bytes = encodeOnnx({
    graph: {
      name: 'external',
      nodes,
      initializers: new Map([
        ['w', { type: 'float32' as const, dims: KERNEL.dims, data }],
        ...(tokens
          ? [['s', { type: 'int64' as const, dims: [3], data: BigInt64Array.of(0n, 4n, -1n) }] as const]
          : []),
      ]),
      inputs: [{ name: 'pixel_values', type: 'float32', dims: ['batch', 3, 32, 32] }],
      outputs: [
        tokens
          ? { name: 'last_hidden_state', type: 'float32', dims: ['batch', 16, 4] }
          : { name: 'features', type: 'float32', dims: ['batch', 4] },
      ],
    },
    opset: 17,
    producerName: 'test',
    metadata: {},
  });
  const model = ModelProto.decode(bytes) as unknown as { graph: { initializer: Record<string, unknown>[] } };
  const weights = model.graph.initializer.find(({ name }) => name === 'w')!;
  weights['rawData'] = new Uint8Array(0);
  weights['externalData'] = [
    { key: 'location', value: location },
    { key: 'offset', value: '0' },
    { key: 'length', value: String(data.byteLength) },
  ];
  weights['dataLocation'] = 1;
  const path = join(folder, String(counter++), 'model.onnx');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, ModelProto.encode(model as never).finish());
  if (place) {
    mkdirSync(dirname(join(dirname(path), location)), { recursive: true });
    writeFileSync(join(dirname(path), location), Buffer.from(data.buffer));
  }
  return path;
}

/** The first value that the model gives for a picture of ones. */
async function answer(path: string, output: string): Promise<number> {
  const session = await loadEngine().loadSession(path, { device: 'cpu', threads: 1 });
  try {
    const pixels = new Float32Array(3 * 32 * 32).fill(1);
    const answers = await session.run({
      pixel_values: { type: 'float32', dims: [1, 3, 32, 32], data: pixels },
    });
    return (answers[output]!.data as Float32Array)[0]!;
  } finally {
    await session.close();
  }
}

const beside = (path: string): void =>
  writeFileSync(
    join(dirname(path), 'preprocessor_config.json'),
    JSON.stringify({ size: { height: 32, width: 32 }, resample: 2, do_normalize: false }),
  );

describe('weights outside the graph', () => {
  test.each(['model.onnx_data', 'model.onnx.data', 'weights/part_data_1'])(
    '%s belongs to the model',
    async (location) => {
      const path = externalModel({ location });
      expect((await summarizeOnnx(path)).externalFiles).toEqual([{ location, endBytes: 4 * KERNEL.count }]);
      const model = await resolveModel(path, { cacheDir });
      expect(model.path).toBe(path);
      expect(model.files.weights.map(({ name }) => name)).toEqual([location]);
      expect(await answer(model.path, 'features')).toBeCloseTo(48, 3);
    },
  );

  test('the pooled copy of a transformer finds them', async () => {
    const path = externalModel({ location: 'model.onnx_data', tokens: true });
    beside(path);
    const found = await describeEmbedder(path, { cacheDir });
    expect(found.model.path).toContain(cacheDir);
    expect(await answer(found.model.path, found.output)).toBeCloseTo(48, 3);
    // Again, with what lies in the cache.
    expect((await describeEmbedder(path, { cacheDir })).model.path).toBe(found.model.path);
  });

  test('one graph with other weights is another model', async () => {
    const [a, b, c] = [0.25, 0.5, 0.25].map((value) =>
      externalModel({ location: 'w.bin', value, tokens: true }),
    );
    const sums = await Promise.all(
      [a!, b!, c!].map(async (path) => (await resolveModel(path, { cacheDir })).sha256),
    );
    expect(sums[0]).not.toBe(sums[1]);
    expect(sums[0]).toBe(sums[2]);
    expect(readFileSync(a!).equals(readFileSync(b!))).toBe(true);
    for (const path of [a!, b!]) beside(path);
    const values = [];
    for (const path of [a!, b!]) {
      const { model, output } = await describeEmbedder(path, { cacheDir });
      values.push(await answer(model.path, output));
    }
    expect(values[1]! / values[0]!).toBeCloseTo(2, 4);
  });

  test('weights that were replaced in place are not served from the cache', async () => {
    const path = externalModel({ location: 'w.bin', tokens: true });
    beside(path);
    const before = await describeEmbedder(path, { cacheDir });
    expect(await answer(before.model.path, before.output)).toBeCloseTo(48, 3);
    const weights = join(dirname(path), 'w.bin');
    const original = readFileSync(weights);
    writeFileSync(weights, Buffer.from(new Float32Array(KERNEL.count).fill(1).buffer)); // the same inode
    const after = await describeEmbedder(path, { cacheDir });
    expect(after.model.sha256).not.toBe(before.model.sha256);
    expect(await answer(after.model.path, after.output)).toBeCloseTo(192, 3);
    rmSync(weights);
    writeFileSync(weights, original); // another inode with the first content
    const again = await describeEmbedder(path, { cacheDir });
    expect(again.model.sha256).toBe(before.model.sha256);
    expect(await answer(again.model.path, again.output)).toBeCloseTo(48, 3);
  });

  test('files that are links to blobs, as in the cache of the hub, load', async () => {
    const path = externalModel({ location: 'model.onnx_data' });
    const [snapshot, blobs] = ['snapshot', 'blobs'].map((name) => join(dirname(path), name));
    mkdirSync(snapshot!);
    mkdirSync(blobs!);
    for (const name of ['model.onnx', 'model.onnx_data']) {
      copyFileSync(join(dirname(path), name), join(blobs!, `blob-${name}`));
      symlinkSync(join(blobs!, `blob-${name}`), join(snapshot!, name));
    }
    const model = await resolveModel(join(snapshot!, 'model.onnx'), { cacheDir });
    expect(model.sha256).toBe((await resolveModel(path, { cacheDir })).sha256);
    expect(await answer(model.path, 'features')).toBeCloseTo(48, 3);
  });

  test.each([
    '../secret',
    '/etc/hostname',
    'a/../../b',
    'C:\\weights',
    '\\\\host\\share',
    '..\\x',
    'w\0.bin',
    '.',
  ])('a location that leads elsewhere is refused: %j', async (location) => {
    const path = externalModel({ location: 'safe', place: false });
    expect(() => safeLocation(location, path)).toThrow(/weight file/);
  });

  test('a graph that names a file elsewhere is refused before anything is read', async () => {
    const path = externalModel({ location: '../0/model.onnx', place: false });
    await expect(resolveModel(path, { cacheDir })).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining("leads out of the model's folder"),
    });
  });

  test('missing and cut weights are named', async () => {
    const path = externalModel({ location: 'gone.bin', place: false });
    await expect(resolveModel(path, { cacheDir })).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining('gone.bin'),
      hint: expect.stringContaining('Copy gone.bin'),
    });
    writeFileSync(join(dirname(path), 'gone.bin'), 'short');
    await expect(modelFiles(path)).rejects.toThrow(/reads 3072 bytes of its weights gone.bin, which has 5/);
  });

  describe('fetched from the hub', () => {
    /** A repository with one graph and its weights, in memory. */
    function hub(location: string, stored: string | null): typeof fetch {
      const path = externalModel({ location: 'w' });
      const bytes = ModelProto.decode(readFileSync(path)) as unknown as {
        graph: { initializer: { externalData: { key: string; value: string }[] }[] };
      };
      for (const entry of bytes.graph.initializer.flatMap(({ externalData }) => externalData))
        if (entry.key === 'location') entry.value = location;
      const files = new Map([['onnx/model.onnx', Buffer.from(ModelProto.encode(bytes as never).finish())]]);
      if (stored !== null) files.set(stored, readFileSync(join(dirname(path), 'w')));
      const listing = [...files].map(([rfilename, data]) => ({
        rfilename,
        size: data.length,
        blobId: 'x',
        lfs: { sha256: createHash('sha256').update(data).digest('hex') },
      }));
      return (async (url: string | URL) => {
        const text = String(url);
        if (text.includes('/api/models/')) return Response.json({ sha: 'a'.repeat(40), siblings: listing });
        const found = [...files].find(([name]) => text.endsWith(`/${name}`));
        return found ? new Response(new Uint8Array(found[1])) : new Response(null, { status: 404 });
      }) as typeof fetch;
    }
    const store = (fetcher: typeof fetch): { cacheDir: string; fetch: typeof fetch } => ({
      cacheDir: join(folder, `hub-${counter++}`),
      fetch: fetcher,
    });

    test.each(['model.onnx_data', 'model.onnx.data', 'model_data_1', 'parts/anything.bin'])(
      '%s comes along',
      async (location) => {
        const options = store(hub(location, `onnx/${location}`));
        await pullModel('org/repo', options);
        const model = await resolveModel('org/repo', options);
        expect(model.files.weights.map(({ name }) => name)).toEqual([location]);
        expect(await answer(await modelPath('org/repo', options), 'features')).toBeCloseTo(48, 3);
        expect(await verifyModels('org/repo', options)).toMatchObject([{ ok: true }]);
        writeFileSync(model.files.weights[0]!.path, 'damaged');
        expect(await verifyModels('org/repo', options)).toMatchObject([
          { ok: false, damaged: [`onnx/${location}`] },
        ]);
        await pullModel('org/repo', options);
        expect((await resolveModel('org/repo', options)).sha256).toBe(model.sha256);
      },
    );

    test('weights that the repository lacks, or that lie elsewhere, stop the pull', async () => {
      await expect(pullModel('org/repo', store(hub('gone.bin', null)))).rejects.toMatchObject({
        code: 'MODEL_MISSING',
        message: expect.stringContaining('onnx/gone.bin'),
      });
      await expect(pullModel('org/repo', store(hub('../../evil', null)))).rejects.toMatchObject({
        code: 'MODEL_INVALID',
      });
    });
  });

  test('models verify tells the identity of a file and what it covers', async () => {
    const path = externalModel({ location: 'model.onnx_data' });
    const [result] = await verifyModels(path, { cacheDir });
    expect(result).toMatchObject({ ok: true, files: ['model.onnx', 'model.onnx_data'] });
    expect(result!.sha256).toBe((await resolveModel(path, { cacheDir })).sha256);
  });
});
