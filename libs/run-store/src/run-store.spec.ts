import { access, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects, asyncBufferFromFile } from 'hyparquet';
import type { Clock, CropRecord, RunFolder, RunManifestHead, Shard } from '@hazure/contracts';
import { DirectoryRunStore, readManifest, readNpy, verifyArtifacts } from './index.js';

const clock: Clock = { now: () => new Date('2026-01-31T23:59:59Z'), monotonicMs: () => 0 };
const head: RunManifestHead = {
  kind: 'baseline',
  hazureVersion: '0',
  createdAt: '2026-01-31T23:59:59.000Z',
  seed: 42,
  resumeKey: 'key',
  device: 'cpu',
  models: {},
  versions: {},
  counts: {},
  lineage: [],
};
const crop = (n: number): CropRecord => ({
  cropId: `c${n}`,
  imageId: `i${n}`,
  imageIndex: n,
  imageWidthPx: 9,
  imageHeightPx: 9,
  box: { x1: 0, y1: 0, x2: 9, y2: 9 },
  classId: 0,
  className: 'car',
  confidence: 0.5,
  file: null,
});
const shard = (from: number, to: number, value: number): Shard => ({
  fromPosition: from,
  toPosition: to,
  images: [{ imageId: `i${from}`, imageIndex: from, widthPx: 9, heightPx: 9, objects: 1 }],
  crops: [crop(from)],
  failures: [],
  embeddings: { data: Float32Array.of(value, value + 0.5), rows: 1, cols: 2 },
});

let root: string;
let store: DirectoryRunStore;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hazure-store-'));
  store = new DirectoryRunStore(join(root, 'out'), clock);
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function openNew(): Promise<RunFolder> {
  return (await store.open({ kind: 'baseline', resumeKey: 'key', resume: false })).folder;
}

test('a run has its final name only once it is finished, and its manifest checks every file', async () => {
  const folder = await openNew();
  expect(folder.path.endsWith('baseline_20260131_235959.partial')).toBe(true);
  expect(folder.name).toBe('baseline_20260131_235959');
  await folder.writeJson('config.json', { a: 1 });
  await folder.writeText('sub/notes.txt', 'text');
  await folder.finish(head);
  expect(await readdir(join(root, 'out'))).toEqual(['baseline_20260131_235959']);
  const manifest = await readManifest(folder.path);
  expect(manifest.artifacts.map(({ path }) => path)).toEqual(['config.json', 'sub/notes.txt']);
  await verifyArtifacts(folder.path, manifest);
  await writeFile(join(folder.path, 'config.json'), '{}');
  await expect(verifyArtifacts(folder.path, manifest)).rejects.toThrow(/config.json .* was changed/);
});

test('two runs in the same second get names of their own', async () => {
  await (await openNew()).finish(head);
  expect((await openNew()).name).toBe('baseline_20260131_235959_2');
});

test('also when they start at once', async () => {
  const names = (await Promise.all([openNew(), openNew(), openNew()])).map(({ name }) => name);
  expect(new Set(names).size).toBe(3);
});

test('an unfinished run that another process writes is not resumed; once that has ended, it is', async () => {
  const { path } = await openNew();
  const owner = join(path, '.shards', '.owner');
  const resume = (): ReturnType<DirectoryRunStore['open']> =>
    store.open({ kind: 'baseline', resumeKey: 'key', resume: true });
  const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
  const mine = JSON.parse(await readFile(owner, 'utf8')) as object;
  await writeFile(owner, JSON.stringify({ ...mine, pid: other.pid, started: null }));
  await expect(resume()).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE', message: /is writing the run/ });
  // the number of a living process, which started at another time: one that has died since
  await writeFile(owner, JSON.stringify({ ...mine, pid: other.pid, started: '1' }));
  if (process.platform === 'linux') expect(await resume()).toMatchObject({ resumed: true });
  await writeFile(owner, JSON.stringify({ ...mine, pid: other.pid, started: null }));
  other.kill();
  await once(other, 'exit');
  expect(await resume()).toMatchObject({ resumed: true });
  await writeFile(owner, '{"torn');
  expect(await resume()).toMatchObject({ resumed: true });
});

test('what a killed run left under temporary names is gone after resuming it', async () => {
  const { path } = await openNew();
  const crops = join(path, 'cropped_objects');
  await mkdir(crops);
  for (const name of ['a.jpg', 'a.b.jpg', 'b.jpg.2386341953', 'c.jpg.tmp'])
    await writeFile(join(crops, name), 'x');
  await writeFile(join(path, 'features.npy.tmp'), 'x');
  const { folder } = await store.open({ kind: 'baseline', resumeKey: 'key', resume: true });
  await folder.finish(head);
  const { artifacts } = await readManifest(folder.path);
  expect(artifacts.map((artifact) => artifact.path)).toEqual([
    'cropped_objects/a.b.jpg',
    'cropped_objects/a.jpg',
  ]);
});

test('a store knows its own run folders', () => {
  const at = (name: string): boolean => store.holds(join(root, 'out', name));
  expect(at('baseline_20260131_235959')).toBe(true);
  expect(at('detection_20260131_235959_2.partial')).toBe(true);
  expect(at('baseline_photos')).toBe(false);
  expect(store.holds(join(root, 'baseline_20260131_235959'))).toBe(false);
});

test('a discarded run leaves nothing', async () => {
  const folder = await openNew();
  await folder.writeText('x', 'y');
  await folder.discard();
  expect(await readdir(join(root, 'out'))).toEqual([]);
});

test('records come back from jsonl, csv, json lists and parquet as they went in, whatever they hold', async () => {
  const folder = await openNew();
  const hostile = ['plain', 'comma, "quote"', 'line\nbreak', '=1+1', '</script>', '日本語 🦓', ''];
  const records = hostile.map((text, i) => ({ text, number: i / 3, flag: i % 2 === 0, count: i }));
  const columns = ['text', 'number', 'flag', 'count'];
  const writers = [
    await folder.openJsonl('a.jsonl'),
    await folder.openCsv('a.csv', columns),
    await folder.openJsonList('a.json', { format: 'x' }, 'objects'),
    await folder.openParquet('a.parquet', [
      { name: 'text', type: 'STRING' },
      { name: 'number', type: 'DOUBLE' },
      { name: 'flag', type: 'BOOLEAN' },
      { name: 'count', type: 'INT32' },
    ]),
  ];
  for (const record of records) for (const writer of writers) await writer.write(record);
  for (const writer of writers) await writer.close();

  const jsonl = await readFile(join(folder.path, 'a.jsonl'), 'utf8');
  expect(
    jsonl
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual(records);
  expect(JSON.parse(await readFile(join(folder.path, 'a.json'), 'utf8'))).toEqual({
    format: 'x',
    objects: records,
  });
  const file = await asyncBufferFromFile(join(folder.path, 'a.parquet'));
  expect(await parquetReadObjects({ file })).toEqual(records);
  const csv = await readFile(join(folder.path, 'a.csv'), 'utf8');
  expect(csv.split('\n')[0]).toBe('text,number,flag,count');
  expect(csv).toContain('"comma, ""quote"""');
  expect(csv).toContain("'=1+1");
});

test('an empty json list is still a document', async () => {
  const folder = await openNew();
  const writer = await folder.openJsonList('a.json', {}, 'objects');
  await writer.close();
  expect(JSON.parse(await readFile(join(folder.path, 'a.json'), 'utf8'))).toEqual({ objects: [] });
});

test('parquet keeps more records than one row group', async () => {
  const folder = await openNew();
  const writer = await folder.openParquet('a.parquet', [{ name: 'n', type: 'INT32' }]);
  for (let n = 0; n < 20_011; n++) await writer.write({ n });
  await writer.close();
  const rows = await parquetReadObjects({ file: await asyncBufferFromFile(join(folder.path, 'a.parquet')) });
  expect(rows.length).toBe(20_011);
  expect(rows.at(-1)).toEqual({ n: 20_010 });
});

test('a matrix streamed in pieces is a whole .npy file', async () => {
  const folder = await openNew();
  const writer = await folder.openMatrix('x.npy', 3);
  await writer.append(Float32Array.of(1, 2, 3, 4, 5, 6));
  await writer.append(Float32Array.of(7, 8, 9));
  await writer.close();
  const { shape, data } = await readNpy(join(folder.path, 'x.npy'));
  expect(shape).toEqual([3, 3]);
  expect([...data]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('a resumed run keeps its unbroken chain of shards and drops torn files', async () => {
  const folder = await openNew();
  await folder.shards.write(shard(0, 10, 1));
  await folder.shards.write(shard(10, 20, 2));
  await writeFile(join(folder.path, '.shards', 'shard-0000000020-0000000030.jsonl.tmp'), 'torn');
  await writeFile(join(folder.path, '.shards', 'shard-0000000040-0000000050.jsonl'), 'after a gap');

  const again = await store.open({ kind: 'baseline', resumeKey: 'key', resume: true });
  expect(again.resumed).toBe(true);
  expect(again.folder.path).toBe(folder.path);
  expect(again.folder.shards.nextPosition).toBe(20);
  const values: number[][] = [];
  for await (const { embeddings } of again.folder.shards.read()) values.push([...embeddings.data]);
  expect(values).toEqual([
    [1, 1.5],
    [2, 2.5],
  ]);
  const other = await store.open({ kind: 'baseline', resumeKey: 'another', resume: true });
  expect(other.resumed).toBe(false);
});

test('a damaged shard is refused', async () => {
  const folder = await openNew();
  await folder.shards.write(shard(0, 10, 1));
  await writeFile(join(folder.path, '.shards', 'shard-0000000000-0000000010.f32'), Buffer.alloc(8));
  const read = async (): Promise<void> => {
    for await (const _ of folder.shards.read()) void _;
  };
  await expect(read()).rejects.toThrow(/damaged/);
});

test('an output folder that is a file is an error that says what to do', async () => {
  await mkdir(root, { recursive: true });
  await writeFile(join(root, 'file'), '');
  const blocked = new DirectoryRunStore(join(root, 'file'), clock);
  await expect(blocked.checkWritable()).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
  const below = new DirectoryRunStore(join(root, 'file', 'deeper'), clock);
  await expect(below.checkWritable()).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
});

test('folders that are missing are made, as deep as need be', async () => {
  const deep = new DirectoryRunStore(join(root, 'a', 'b', 'c'), clock);
  await deep.checkWritable();
  await expect(access(join(root, 'a'))).rejects.toThrow();
  await deep.open({ kind: 'baseline', resumeKey: 'key', resume: false });
  await access(join(root, 'a', 'b', 'c'));
});

(process.platform === 'linux' ? test : test.skip)(
  'a place where nothing can be made is refused, not retried for ever',
  async () => {
    const blocked = new DirectoryRunStore('/proc/hazure/results', clock);
    const open = blocked.open({ kind: 'baseline', resumeKey: 'key', resume: false });
    await expect(open).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
  },
);

test('a finished run is found again by its key', async () => {
  const folder = await openNew();
  await folder.finish(head);
  expect(await store.findFinished('baseline', 'key')).toBe(folder.path);
  expect(await store.findFinished('baseline', 'other')).toBeNull();
  await access(join(folder.path, 'manifest.json'));
});
