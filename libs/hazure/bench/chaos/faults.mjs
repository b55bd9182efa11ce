// What is done to runs. `match` is a pattern of the path that an operation is about.
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const kill = (name, op, match, more = {}) => ({ name, kind: 'kill', op, match, ...more });
const after = { when: 'after' };

export const KILLS = [
  kill('before the first embeddings have their name', 'rename', '\\.f32$'),
  kill('between embeddings and records of the second shard', 'rename', '\\.f32$', { nth: 2, ...after }),
  kill('while records are written', 'write', 'shard-.*jsonl', after),
  kill('before records are on disk', 'sync', 'shard-.*jsonl'),
  kill('after the first shard', 'rename', 'shard-.*jsonl$', after),
  kill('after the second shard', 'rename', 'shard-.*jsonl$', { nth: 2, ...after }),
  kill('after the last shard of learn', 'rename', 'shard-.*jsonl$', { nth: 3, ...after }),
  kill('in a shard of detect', 'write', 'detection_.*shard-.*jsonl', { nth: 1 }),
  kill('in a picture', 'write', 'cropped_objects', { nth: 200 }),
  kill('while pictures are flushed', 'sync', 'cropped_objects', { nth: 50 }),
  kill('in features.npy', 'write', 'features\\.npy', { nth: 2 }),
  kill('before features.npy has its name', 'rename', 'features\\.npy$'),
  kill('in images.jsonl', 'write', 'images\\.jsonl'),
  kill('after scorers.json', 'rename', 'scorers\\.json$', after),
  kill('in calibration.json', 'write', 'calibration\\.json'),
  kill('in the manifest of the baseline', 'write', 'baseline_.*manifest\\.json'),
  kill('after the manifest of the baseline', 'rename', 'baseline_.*manifest\\.json$', after),
  kill('before the baseline has its name', 'rename', 'baseline_[0-9_]+$'),
  kill('after the baseline has its name', 'rename', 'baseline_[0-9_]+$', after),
  kill('while shards are dropped', 'rm', 'baseline_[0-9_]+/\\.shards$'),
  kill('before the detection has its name', 'rename', 'detection_[0-9_]+$'),
  kill('after the detection has its name', 'rename', 'detection_[0-9_]+$', after),
  kill('in detection_results.json', 'write', 'detection_results\\.json'),
  kill('before detections.parquet has its name', 'rename', 'detections\\.parquet$'),
  kill('after the lease of learn', 'link', '\\.lease-000001$', after),
  kill('before the resume key', 'rename', 'resume-key'),
  kill('in report.html', 'write', 'report\\.html'),
];

const full = (name, match, bytes = 0) => ({ name, kind: 'full', match, bytes });
export const DISKS = [
  full('inside features.npy', 'baseline_.*features\\.npy', 5000),
  full('at the head of features.npy', 'baseline_.*features\\.npy', 0),
  full('inside features.npy of detect', 'detection_.*features\\.npy', 4000),
  { name: 'of 1 MiB', kind: 'tmpfs', kib: 1024 },
  { name: 'of 1.5 MiB', kind: 'tmpfs', kib: 1536 },
  full('inside the second shard’s embeddings', 'shard-0000000[12].*f32', 900),
  full('inside a shard’s records', 'shard-0000000[12].*jsonl', 7000),
  full('inside crops.jsonl', 'crops\\.jsonl', 10_000),
  full('inside a picture', 'cropped_objects', 30_000),
  full('at scorers.json', 'scorers\\.json'),
  full('at calibration.json', 'calibration\\.json', 10),
  full('inside detection_results.json', 'detection_results\\.json', 8000),
  full('inside detections.parquet', 'detections\\.parquet', 100),
  full('at the manifest', 'baseline_.*manifest\\.json', 50),
  full('at report.html', 'report\\.html', 4096),
  full('at the lease', '\\.lease-'),
  full('at images.parquet', 'images\\.parquet'),
  full('at statistics.json', 'statistics\\.json'),
  full('at the map’s picture', 'tsne_visualization\\.png', 100),
  { name: 'of 700 KiB', kind: 'tmpfs', kib: 700 },
];

/** Each after a kill that left two shards. */
const damage = (name, harm) => ({ name, kind: 'damage', harm });
const change = async (path, edit) => writeFile(path, edit(await readFile(path, 'utf8')));
const pick = async (shards, kind, n = 0) =>
  join(shards, (await readdir(shards)).filter((name) => name.endsWith(kind)).sort()[n]);
export const DAMAGES = [
  damage('embeddings of other values', async (at) => {
    const path = await pick(at, '.f32');
    const bytes = await readFile(path);
    bytes[bytes.length >> 1] ^= 1;
    await writeFile(path, bytes);
  }),
  damage('records cut', async (at) => truncate(await pick(at, '.jsonl', 1), 3000)),
  damage('records missing', async (at) => rm(await pick(at, '.jsonl'))),
  damage('an edited record', async (at) =>
    change(await pick(at, '.jsonl'), (text) => text.replace(/"confidence":[\d.]+/, '"confidence":0.5125')),
  ),
  damage('embeddings cut', async (at) => truncate(await pick(at, '.f32', 1), 64)),
  damage('embeddings missing', async (at) => rm(await pick(at, '.f32'))),
  damage('both empty', async (at) => {
    await truncate(await pick(at, '.f32'), 0);
    await truncate(await pick(at, '.jsonl'), 0);
  }),
];

export const OTHERS = [
  {
    name: 'the folder vanishes while shards are written',
    kind: 'vanish',
    op: 'sync',
    match: 'shard-.*jsonl',
    nth: 2,
  },
  { name: 'the folder vanishes after the shards', kind: 'vanish', op: 'rename', match: 'scorers\\.json$' },
  { name: 'every write is a short one', kind: 'short' },
];

export const LEAVE_TWO_SHARDS = kill('two shards', 'rename', 'baseline_.*shard-.*jsonl$', {
  nth: 2,
  ...after,
});
