import { access, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parquetReadObjects, asyncBufferFromFile } from 'hyparquet';
import { DirectoryRunStore, readManifest, readNpy, verifyArtifacts } from '../src/index.js';
import { clock, head, left, scratchStore, shard } from './kit.js';

const scratch = scratchStore();

test('a run has its final name only once it is finished, and its manifest checks every file', async () => {
  const folder = await scratch.openNew();
  expect(folder.path.endsWith('baseline_20260131_235959.partial')).toBe(true);
  expect(folder.name).toBe('baseline_20260131_235959');
  await folder.writeJson('config.json', { a: 1 });
  await folder.writeText('sub/notes.txt', 'text');
  await folder.finish(head);
  expect(await readdir(join(scratch.root, 'out'))).toEqual(['baseline_20260131_235959']);
  const manifest = await readManifest(folder.path);
  expect(manifest.artifacts.map(({ path }) => path)).toEqual(['config.json', 'sub/notes.txt']);
  await verifyArtifacts(folder.path, manifest);
  await writeFile(join(folder.path, 'config.json'), '{}');
  await expect(verifyArtifacts(folder.path, manifest)).rejects.toThrow(/config.json was changed/);
});

test('two runs in the same second get names of their own', async () => {
  await (await scratch.openNew()).finish(head);
  expect((await scratch.openNew()).name).toBe('baseline_20260131_235959_2');
});

test('also when they start at once', async () => {
  const names = (await Promise.all([scratch.openNew(), scratch.openNew(), scratch.openNew()])).map(
    ({ name }) => name,
  );
  expect(new Set(names).size).toBe(3);
});

test('what a killed run left under temporary names is gone after resuming it', async () => {
  const { path } = await left(await scratch.openNew());
  const crops = join(path, 'cropped_objects');
  await mkdir(crops);
  for (const name of ['a.jpg', 'a.b.jpg', 'b.2386341953.jpg', 'c.jpg.123-0.tmp', 'd.jpg.tmp'])
    await writeFile(join(crops, name), 'x');
  await writeFile(join(path, 'features.npy.tmp'), 'x');
  const { folder } = await scratch.store.open({ kind: 'baseline', resumeKey: 'key', resume: true });
  await folder.finish(head);
  const { artifacts, folders } = await readManifest(folder.path);
  expect(artifacts).toEqual([]);
  expect(folders).toEqual([{ path: 'cropped_objects', files: 3, bytes: 3 }]);
});

test('a store knows its own run folders', () => {
  const at = (name: string): boolean => scratch.store.holds(join(scratch.root, 'out', name));
  expect(at('baseline_20260131_235959')).toBe(true);
  expect(at('detection_20260131_235959_2.partial')).toBe(true);
  expect(at('baseline_photos')).toBe(false);
  expect(scratch.store.holds(join(scratch.root, 'baseline_20260131_235959'))).toBe(false);
});

test('a discarded run leaves nothing', async () => {
  const folder = await scratch.openNew();
  await folder.writeText('x', 'y');
  await folder.discard();
  expect(await readdir(join(scratch.root, 'out'))).toEqual([]);
});

test('records come back from jsonl, csv, json lists and parquet as they went in, whatever they hold', async () => {
  const folder = await scratch.openNew();
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
  const folder = await scratch.openNew();
  const writer = await folder.openJsonList('a.json', {}, 'objects');
  await writer.close();
  expect(JSON.parse(await readFile(join(folder.path, 'a.json'), 'utf8'))).toEqual({ objects: [] });
});

test('parquet keeps more records than one row group', async () => {
  const folder = await scratch.openNew();
  const writer = await folder.openParquet('a.parquet', [{ name: 'n', type: 'INT32' }]);
  for (let n = 0; n < 20_011; n++) await writer.write({ n });
  await writer.close();
  const rows = await parquetReadObjects({ file: await asyncBufferFromFile(join(folder.path, 'a.parquet')) });
  expect(rows.length).toBe(20_011);
  expect(rows.at(-1)).toEqual({ n: 20_010 });
});

test('a matrix streamed in pieces is a whole .npy file', async () => {
  const folder = await scratch.openNew();
  const writer = await folder.openMatrix('x.npy', 3);
  await writer.append(Float32Array.of(1, 2, 3, 4, 5, 6));
  await writer.append(Float32Array.of(7, 8, 9));
  await writer.close();
  const { shape, data } = await readNpy(join(folder.path, 'x.npy'));
  expect(shape).toEqual([3, 3]);
  expect([...data]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('a folder that was removed under way is an error, and does not come back half', async () => {
  const folder = await scratch.openNew();
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
  expect(await readdir(join(scratch.root, 'out'))).toEqual([]);
  await folder.release();
});

test('an artifact that was removed under way is an error, not a run without it', async () => {
  const folder = await scratch.openNew();
  await folder.writeText('a.txt', 'x');
  await rm(join(folder.path, 'a.txt'));
  await expect(folder.finish(head)).rejects.toMatchObject({
    code: 'OUTPUT_UNWRITABLE',
    message: /a.txt is gone/,
  });
  await folder.release();
});

test('discarding waits for writers in flight and refuses others', async () => {
  const folder = await scratch.openNew();
  const writing = Array.from({ length: 50 }, (_, i) =>
    folder.writeBytes(`cropped_objects/${i}.jpg`, new Uint8Array(10_000)),
  );
  const records = await folder.openJsonl('a.jsonl');
  await records.write({ a: 1 });
  await folder.discard();
  expect(await readdir(join(scratch.root, 'out'))).toEqual([]);
  await Promise.all(writing);
  await expect(folder.writeText('late.txt', 'x')).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
  await expect(records.write({ a: 1 })).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
});

test('an output folder that is a file is an error that says what to do', async () => {
  await mkdir(scratch.root, { recursive: true });
  await writeFile(join(scratch.root, 'file'), '');
  const blocked = new DirectoryRunStore(join(scratch.root, 'file'), clock);
  await expect(blocked.checkWritable()).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
  const below = new DirectoryRunStore(join(scratch.root, 'file', 'deeper'), clock);
  await expect(below.checkWritable()).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
});

test('folders that are missing are made, as deep as need be', async () => {
  const deep = new DirectoryRunStore(join(scratch.root, 'a', 'b', 'c'), clock);
  await deep.checkWritable();
  await expect(access(join(scratch.root, 'a'))).rejects.toThrow();
  await deep.open({ kind: 'baseline', resumeKey: 'key', resume: false });
  await access(join(scratch.root, 'a', 'b', 'c'));
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
  const folder = await scratch.openNew();
  await folder.finish(head);
  expect(await scratch.store.findFinished('baseline', 'key')).toBe(folder.path);
  expect(await scratch.store.findFinished('baseline', 'other')).toBeNull();
  await access(join(folder.path, 'manifest.json'));
});
