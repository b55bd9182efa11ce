import { access, copyFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects, asyncBufferFromFile } from 'hyparquet';
import type { Clock, CropRecord, RunFolder, RunManifestHead, Shard } from '@hazure/contracts';
import { DirectoryRunStore, DirectoryShardStore, readManifest, readNpy, verifyArtifacts } from './index.js';

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
  sources: Array.from({ length: to - from }, () => [7, 1.5]),
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

/** As a run that was stopped leaves its folder. */
async function left(folder: RunFolder): Promise<RunFolder> {
  await folder.release();
  return folder;
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
  await expect(verifyArtifacts(folder.path, manifest)).rejects.toThrow(/config.json was changed/);
});

test('two runs in the same second get names of their own', async () => {
  await (await openNew()).finish(head);
  expect((await openNew()).name).toBe('baseline_20260131_235959_2');
});

test('also when they start at once', async () => {
  const names = (await Promise.all([openNew(), openNew(), openNew()])).map(({ name }) => name);
  expect(new Set(names).size).toBe(3);
});

test('what a killed run left under temporary names is gone after resuming it', async () => {
  const { path } = await left(await openNew());
  const crops = join(path, 'cropped_objects');
  await mkdir(crops);
  for (const name of ['a.jpg', 'a.b.jpg', 'b.2386341953.jpg', 'c.jpg.123-0.tmp', 'd.jpg.tmp'])
    await writeFile(join(crops, name), 'x');
  await writeFile(join(path, 'features.npy.tmp'), 'x');
  const { folder } = await store.open({ kind: 'baseline', resumeKey: 'key', resume: true });
  await folder.finish(head);
  const { artifacts, folders } = await readManifest(folder.path);
  expect(artifacts).toEqual([]);
  expect(folders).toEqual([{ path: 'cropped_objects', files: 3, bytes: 3 }]);
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

const resume = (): ReturnType<DirectoryRunStore['open']> =>
  store.open({ kind: 'baseline', resumeKey: 'key', resume: true });
const SHARDS = [
  [0, 10, 1],
  [10, 20, 2],
  [30, 40, 3],
] as const;

/** A run with finished shards and a gap, whose process has ended. */
async function unfinished(): Promise<{ path: string; shards: string }> {
  const folder = await openNew();
  for (const [from, to, value] of SHARDS) await folder.shards.write(shard(from, to, value));
  const { path } = await left(folder);
  return { path, shards: join(path, '.shards') };
}

async function valuesOf({ shards }: RunFolder): Promise<number[][]> {
  const values: number[][] = [];
  for await (const { embeddings } of shards.read()) values.push([...embeddings.data]);
  return values;
}

test('a resumed run keeps every finished shard, knows its gaps and drops torn files', async () => {
  const { path, shards } = await unfinished();
  await writeFile(join(shards, 'shard-0000000020-0000000030.jsonl.tmp'), 'torn');
  const { folder, resumed } = await resume();
  expect(resumed).toBe(true);
  expect(folder.path).toBe(path);
  expect(folder.shards.missing({ from: 0, to: 45 })).toEqual([
    { from: 20, to: 30 },
    { from: 40, to: 45 },
  ]);
  expect(folder.shards.missing({ from: 5, to: 25 })).toEqual([{ from: 20, to: 25 }]);
  await expect(folder.shards.write(shard(15, 25, 9))).rejects.toThrow(RangeError);
  await folder.shards.write(shard(20, 30, 2.5));
  expect(await valuesOf(folder)).toEqual([
    [1, 1.5],
    [2, 2.5],
    [2.5, 3],
    [3, 3.5],
  ]);
  expect(await readdir(shards)).not.toContain('shard-0000000020-0000000030.jsonl.tmp');
  const other = await store.open({ kind: 'baseline', resumeKey: 'another', resume: true });
  expect(other.resumed).toBe(false);
  await folder.release();
  await other.folder.release();
});

const RECORDS = 'shard-0000000010-0000000020.jsonl';
const EMBEDDINGS = 'shard-0000000010-0000000020.f32';
test.each<[string, (shards: string) => Promise<void>]>([
  ['embeddings of other values', (at) => writeFile(join(at, EMBEDDINGS), Buffer.alloc(8))],
  ['embeddings that were cut', (at) => writeFile(join(at, EMBEDDINGS), Buffer.alloc(3))],
  ['no embeddings', (at) => rm(join(at, EMBEDDINGS))],
  ['no records', (at) => rm(join(at, RECORDS))],
  ['empty records', (at) => writeFile(join(at, RECORDS), '')],
  ['records that were cut', (at) => edit(join(at, RECORDS), (text) => text.slice(0, -30))],
  [
    'records cut at a line',
    (at) => edit(join(at, RECORDS), (text) => text.split('\n').slice(0, 2).join('\n') + '\n'),
  ],
  ['an edited record', (at) => edit(join(at, RECORDS), (text) => text.replace('"car"', '"cat"'))],
  ['an edited head', (at) => edit(join(at, RECORDS), (text) => text.replace('"rows":1', '"rows":2'))],
  [
    'a record that was dropped',
    (at) => edit(join(at, RECORDS), (text) => text.replace(/\n\{"crop.*?\n/, '\n')),
  ],
  ['bytes that are no text', (at) => writeFile(join(at, RECORDS), Buffer.alloc(500, 0xfe))],
  [
    'another shard’s name',
    (at) => copyFile(join(at, 'shard-0000000000-0000000010.jsonl'), join(at, RECORDS)),
  ],
  [
    'the format before',
    (at) => edit(join(at, RECORDS), (text) => text.replace('hazure-shard/2', 'hazure-shard/1')),
  ],
])('a shard with %s is set aside, and its range is missing', async (_, damage) => {
  const { shards } = await unfinished();
  await damage(shards);
  const { folder } = await resume();
  expect(folder.shards.damaged).toMatchObject([{ from: 10, to: 20 }]);
  expect(folder.shards.finished).toEqual([
    { from: 0, to: 10 },
    { from: 30, to: 40 },
  ]);
  expect((await readdir(shards)).some((name) => name.endsWith('.damaged'))).toBe(true);
  await folder.shards.write(shard(10, 20, 2));
  expect(await valuesOf(folder)).toEqual([
    [1, 1.5],
    [2, 2.5],
    [3, 3.5],
  ]);
  await folder.release();
  const again = await resume();
  expect(again.folder.shards.damaged).toEqual([]);
  await again.folder.release();
});

const edit = async (path: string, change: (text: string) => string): Promise<void> =>
  writeFile(path, change(await readFile(path, 'utf8')));

test('a shard that is damaged while the run goes on is an error of its own', async () => {
  const folder = await openNew();
  await folder.shards.write(shard(0, 10, 1));
  await writeFile(join(folder.path, '.shards', 'shard-0000000000-0000000010.f32'), Buffer.alloc(8));
  await expect(valuesOf(folder)).rejects.toMatchObject({ code: 'SHARD_DAMAGED' });
  await folder.release();
});

test('shards that overlap are not counted twice', async () => {
  const { shards } = await unfinished();
  const store = await DirectoryShardStore.open(await mkdtemp(join(root, 'other-')));
  await store.write(shard(5, 15, 7));
  for (const kind of ['jsonl', 'f32'])
    await copyFile(
      join((store as unknown as { folder: string }).folder, `shard-0000000005-0000000015.${kind}`),
      join(shards, `shard-0000000005-0000000015.${kind}`),
    );
  const { folder } = await resume();
  expect(folder.shards.damaged).toMatchObject([
    { from: 5, to: 15, reason: expect.stringContaining('overlaps') },
  ]);
  expect(folder.shards.finished.length).toBe(3);
  await folder.release();
});

test('a shard whose picture is gone is computed again', async () => {
  const folder = await openNew();
  const file = 'cropped_objects/a.jpg';
  await folder.writeBytes(file, Uint8Array.of(1));
  await folder.shards.write({ ...shard(0, 10, 1), crops: [{ ...crop(0), file }] });
  await left(folder);
  await (await resume()).folder.release();
  await rm(join(folder.path, file));
  const { shards, release: _ } = (await resume()).folder;
  expect(shards.damaged).toMatchObject([{ reason: expect.stringContaining(file) }]);
});

test('a folder that was removed under way is an error, and does not come back half', async () => {
  const folder = await openNew();
  await folder.shards.write(shard(0, 10, 1));
  await rm(folder.path, { recursive: true });
  for (const write of [
    () => folder.writeText('a.txt', 'x'),
    () => folder.writeBytes('cropped_objects/a.jpg', Uint8Array.of(1)),
    () => folder.openJsonl('a.jsonl'),
    () => folder.openMatrix('a.npy', 2),
    () => folder.shards.write(shard(10, 20, 2)),
    () => folder.finish(head),
  ])
    await expect(write()).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
  expect(await readdir(join(root, 'out'))).toEqual([]);
  await folder.release();
});

test('an artifact that was removed under way is an error, not a run without it', async () => {
  const folder = await openNew();
  await folder.writeText('a.txt', 'x');
  await rm(join(folder.path, 'a.txt'));
  await expect(folder.finish(head)).rejects.toMatchObject({
    code: 'OUTPUT_UNWRITABLE',
    message: /a.txt is gone/,
  });
  await folder.release();
});

test('discarding waits for writers in flight and refuses others', async () => {
  const folder = await openNew();
  const writing = Array.from({ length: 50 }, (_, i) =>
    folder.writeBytes(`cropped_objects/${i}.jpg`, new Uint8Array(10_000)),
  );
  const records = await folder.openJsonl('a.jsonl');
  await records.write({ a: 1 });
  await folder.discard();
  expect(await readdir(join(root, 'out'))).toEqual([]);
  await Promise.all(writing);
  await expect(folder.writeText('late.txt', 'x')).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
  await expect(records.write({ a: 1 })).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
});

test('times of earlier attempts are kept, and damaged ones are none', async () => {
  const folder = await openNew();
  const times = { attempts: 1, seconds: 3, stages: [] };
  await folder.shards.saveTimes(times);
  await left(folder);
  const again = (await resume()).folder;
  expect(again.shards.earlierTimes).toEqual(times);
  await left(again);
  await writeFile(join(folder.path, '.shards', '.times.json'), '{"seconds":');
  const third = (await resume()).folder;
  expect(third.shards.earlierTimes).toBeNull();
  await third.release();
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
