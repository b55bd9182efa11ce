import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { detect, detectShard, learn, learnShard, merge, shardStatus } from '../src/index.js';
import { hazure, start } from './hazure.js';
import { expectSameRun } from './run-contents.js';
import { makeTinyModel, paintPicture } from '@hazure/test-kit';

const NORMAL = 72;
const FRESH = 64;
let root: string;
let embedder: string;
let whole: { baseline: string; detection: string };

/** Same settings for every run; saved crops and lists, so that all kinds of artifacts are compared. */
const settings = (out: string) => ({
  outputDir: join(root, out),
  detector: 'grid:2x2',
  embedder,
  device: 'cpu' as const,
  saveCrops: true,
  thresholdPercentile: 90,
});

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'hazure-shards-'));
  embedder = join(makeTinyModel('clip', join(root, 'clip')), 'onnx/vision_model.onnx');
  for (const [folder, count] of [
    ['normal', NORMAL],
    ['fresh', FRESH],
  ] as const) {
    mkdirSync(join(root, folder));
    for (let i = 0; i < count; i++) {
      const odd = folder === 'fresh' ? 1000 : 0;
      const path = join(root, folder, `${String(i).padStart(3, '0')}.png`);
      await paintPicture(path, i + odd, 48 + (i % 5) * 16, 40 + (i % 3) * 24);
    }
    writeFileSync(join(root, folder, '031-broken.png'), 'no image');
  }
  const learned = await learn({ ...settings('whole'), images: join(root, 'normal') });
  const options = {
    ...settings('whole'),
    saveOutlierList: true,
    baseline: learned.folder,
    images: join(root, 'fresh'),
  };
  whole = { baseline: learned.folder, detection: (await detect(options)).folder };
}, 120_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

const order = (count: number): number[] => Array.from({ length: count }, (_, i) => ((i * 3 + 2) % count) + 1);

test.each([1, 2, 7])(
  '%i parts in any order, merged, are one whole run',
  async (count) => {
    const own = settings(`parts-${count}`);
    for (const part of order(count))
      await learnShard({ ...own, images: join(root, 'normal'), shard: `${part}/${count}` });
    const learned = await merge(own.outputDir);
    expect(learned).toMatchObject({ kind: 'baseline', images: NORMAL, failures: 1 });
    expectSameRun(learned.folder, whole.baseline);

    const judging = { ...own, saveOutlierList: true, images: join(root, 'fresh'), baseline: learned.folder };
    for (const part of order(count).reverse()) await detectShard({ ...judging, shard: `${part}/${count}` });
    const again = await detectShard({ ...judging, shard: `1/${count}` });
    expect(again).toMatchObject({ merged: false });
    const status = await shardStatus(own.outputDir);
    expect(status).toMatchObject({ complete: true, images: FRESH + 1, done: FRESH + 1, failures: 1 });
    const detected = await merge(own.outputDir);
    expect(detected).toMatchObject({ kind: 'detection', images: FRESH, failures: 1 });
    expectSameRun(detected.folder, whole.detection);
    expect(await detectShard({ ...judging, shard: `1/${count}` })).toMatchObject({
      merged: true,
      folder: detected.folder,
    });
  },
  120_000,
);

/** Arguments of a part on the command line. */
const flags = (out: string): string[] => [
  ...['--output-dir', join(root, out), '--detector', 'grid:2x2', '--embedder', embedder, '--device', 'cpu'],
  ...['--save-crops', '--threshold-percentile', '90', '--json'],
];

test('one part killed and tried again, the other on a machine of another name, by the environment of an array', async () => {
  const out = join(root, 'killed');
  const args = ['learn', join(root, 'normal'), ...flags('killed')];
  const slurm = (id: number): NodeJS.ProcessEnv => ({
    SLURM_ARRAY_TASK_ID: `${id}`,
    SLURM_ARRAY_TASK_MIN: '0',
    SLURM_ARRAY_TASK_MAX: '1',
    SLURM_ARRAY_TASK_COUNT: '2',
  });
  const doomed = start([...args, '--shard', 'auto'], slurm(1));
  await doomed.said('Part 2 of 2');
  doomed.kill();
  await doomed.finished;
  expect((await hazure(['merge', out, '--json'])).stdout).toContain('SHARD_MISSING');
  const first = await hazure([...args, '--shard', 'auto'], { ...slurm(0), HAZURE_HOST: 'node-a' });
  expect([first.code, JSON.parse(first.stdout)]).toMatchObject([0, { shard: 1, of: 2 }]);
  const before = JSON.parse((await hazure(['status', out, '--json'])).stdout) as {
    shards: { state: string }[];
  };
  expect(before.shards.map(({ state }) => state)).toEqual(['done', 'failed']);
  const retried = await hazure([...args, '--shard', '2/2']);
  expect(retried.code).toBe(0);
  const table = await hazure(['status', out]);
  expect(table.stdout).toMatch(/1\s+done\s.*node-a\n2\s+done\s.*attempt 2/);
  const merged = await hazure(['merge', out, '--json']);
  expect(merged.code).toBe(3); // an image that can't be read is in the listing
  expectSameRun((JSON.parse(merged.stdout) as { baselineDir: string }).baselineDir, whole.baseline);
}, 120_000);

describe('what does not belong together is refused', () => {
  let out: string;
  let run: string;
  const base = (): Parameters<typeof learnShard>[0] => ({
    ...settings('refused'),
    images: join(root, 'some'),
    shard: '1/2',
  });
  const mergeCode = async (): Promise<string> =>
    merge(out).then(
      () => 'merged',
      (error: { code: string }) => error.code,
    );
  const changed = (file: string, change: (value: never) => void): (() => void) => {
    const path = join(run, '.shards', file);
    const before = readFileSync(path);
    const value = JSON.parse(before.toString()) as never;
    change(value);
    writeFileSync(path, JSON.stringify(value));
    return () => writeFileSync(path, before);
  };

  beforeAll(async () => {
    mkdirSync(join(root, 'some'));
    for (const name of readdirSync(join(root, 'normal')).slice(0, 24))
      copyFileSync(join(root, 'normal', name), join(root, 'some', name));
    out = join(root, 'refused');
    await learnShard(base());
    run = join(out, readdirSync(out)[0]);
  }, 60_000);

  test('a part that is missing, and another number of parts', async () => {
    expect(await mergeCode()).toBe('SHARD_MISSING');
    await expect(learnShard({ ...base(), shard: '1/3' })).rejects.toMatchObject({
      code: 'SHARD_CONFIG_MISMATCH',
    });
    await expect(learn(base())).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(learnShard({ ...base(), shard: '3/2' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('a part with other options, other models or another listing', async () => {
    const other = (change: object): Promise<unknown> => learnShard({ ...base(), shard: '2/2', ...change });
    await expect(other({ detector: 'grid:3x3' })).rejects.toMatchObject({ code: 'SHARD_CONFIG_MISMATCH' });
    await expect(other({ seed: 7 })).rejects.toThrow('option seed 7 and not 42');
    const kept = join(root, 'clip-kept');
    cpSync(join(root, 'clip'), kept, { recursive: true });
    makeTinyModel('clip', join(root, 'clip'), ['--seed', '99']);
    try {
      if (!readFileSync(embedder).equals(readFileSync(join(kept, 'onnx/vision_model.onnx'))))
        await expect(other({})).rejects.toMatchObject({ code: 'SHARD_MODEL_MISMATCH' });
    } finally {
      rmSync(join(root, 'clip'), { recursive: true });
      renameSync(kept, join(root, 'clip'));
    }
    copyFileSync(join(root, 'normal', '070.png'), join(root, 'some', 'late.png'));
    await expect(other({})).rejects.toMatchObject({ code: 'SHARD_LIST_MISMATCH' });
    rmSync(join(root, 'some', 'late.png'));
    await other({});
  }, 60_000);

  test('by the merge too, whatever brought the parts there', async () => {
    const part = 'part-000002/state.json';
    type State = { identity: Record<string, string & Record<string, object>>; finished: boolean };
    const cases: [string, (state: State) => void][] = [
      ['SHARD_VERSION_MISMATCH', ({ identity }) => ((identity['hazureVersion'] as string) = '0.0.1')],
      ['SHARD_CONFIG_MISMATCH', ({ identity }) => Object.assign(identity['settings'], { confThres: 0.9 })],
      [
        'SHARD_MODEL_MISMATCH',
        ({ identity }) => Object.assign(identity['models']['embedder'], { sha256: 'f' }),
      ],
      ['SHARD_LIST_MISMATCH', ({ identity }) => ((identity['inputs'] as string) = 'f')],
      ['SHARD_MISSING', (state) => (state.finished = false)],
    ];
    for (const [code, change] of cases) {
      const restore = changed(part, change as (value: never) => void);
      expect(await mergeCode()).toBe(code);
      restore();
    }
    const version = changed('plan.json', ((plan: State) => {
      (plan.identity['hazureVersion'] as string) = '9.9.9';
    }) as (value: never) => void);
    expect(await mergeCode()).toBe('SHARD_VERSION_MISMATCH');
    version();
  });

  test('a cut piece and a lost one, which the part makes again', async () => {
    const folder = join(run, '.shards/part-000002');
    const piece = readdirSync(folder).find((name) => /^shard-.*\.jsonl$/.test(name)) as string;
    for (const damage of [
      (path: string) => truncateSync(path, statSync(path).size - 5),
      (path: string) => truncateSync(path.replace('.jsonl', '.f32'), 64),
      (path: string) => rmSync(path),
    ]) {
      damage(join(folder, piece));
      expect(await mergeCode()).toBe('SHARD_DAMAGED');
      await learnShard({ ...base(), shard: '2/2' });
    }
    expect(basename((await merge(out)).folder)).toMatch(/^baseline_\d{8}_\d{6}$/);
    await expect(shardStatus(out)).rejects.toMatchObject({ code: 'INPUT_MISSING' });
  }, 60_000);
});
