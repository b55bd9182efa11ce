import { copyFile, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunFolder } from '@hazure/contracts';
import type { DirectoryRunStore } from '../src/index.js';
import { DirectoryShardStore } from '../src/index.js';
import { crop, left, scratchStore, shard } from './kit.js';

const scratch = scratchStore();

const resume = (): ReturnType<DirectoryRunStore['open']> =>
  scratch.store.open({ kind: 'baseline', resumeKey: 'key', resume: true });
const SHARDS = [
  [0, 10, 1],
  [10, 20, 2],
  [30, 40, 3],
] as const;

/** A run with finished shards and a gap, whose process has ended. */
async function unfinished(): Promise<{ path: string; shards: string }> {
  const folder = await scratch.openNew();
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
  const other = await scratch.store.open({ kind: 'baseline', resumeKey: 'another', resume: true });
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
  const folder = await scratch.openNew();
  await folder.shards.write(shard(0, 10, 1));
  await writeFile(join(folder.path, '.shards', 'shard-0000000000-0000000010.f32'), Buffer.alloc(8));
  await expect(valuesOf(folder)).rejects.toMatchObject({ code: 'SHARD_DAMAGED' });
  await folder.release();
});

test('shards that overlap are not counted twice', async () => {
  const { shards } = await unfinished();
  const store = await DirectoryShardStore.open(await mkdtemp(join(scratch.root, 'other-')));
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
  const folder = await scratch.openNew();
  const file = 'cropped_objects/a.jpg';
  await folder.writeBytes(file, Uint8Array.of(1));
  await folder.shards.write({ ...shard(0, 10, 1), crops: [{ ...crop(0), file }] });
  await left(folder);
  await (await resume()).folder.release();
  await rm(join(folder.path, file));
  const { shards, release: _ } = (await resume()).folder;
  expect(shards.damaged).toMatchObject([{ reason: expect.stringContaining(file) }]);
});

test('times of earlier attempts are kept, and damaged ones are none', async () => {
  const folder = await scratch.openNew();
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
