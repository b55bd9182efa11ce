import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Lease } from './lease.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hazure-lease-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const first = (): string => join(folder, '.lease-000001');
const refused = { code: 'OUTPUT_UNWRITABLE', message: expect.stringContaining('Another run has') };

/** Makes the lease that is there look like that of another owner. */
async function disguise(changes: object): Promise<void> {
  const [head, beat] = (await readFile(first(), 'utf8')).split('\n');
  const owner = { ...(JSON.parse(head) as object), id: 'another', ...changes };
  await writeFile(first(), `${JSON.stringify(owner)}\n${beat}\n`);
}

test('of many starters at once one wins, and the next when that one ends', async () => {
  for (let round = 0; round < 5; round++) {
    const starts = await Promise.allSettled(Array.from({ length: 20 }, () => Lease.take(folder)));
    const winners = starts.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(winners.length).toBe(1);
    for (const each of starts) if (each.status === 'rejected') expect(each.reason).toMatchObject(refused);
    await winners[0].assertHeld();
    await winners[0].release();
    await winners[0].release();
  }
  expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

test('of many starters that find a dead owner one takes over', async () => {
  const dead = await Lease.take(folder);
  await disguise({ pid: 2 ** 22 + 1 });
  const starts = await Promise.allSettled(Array.from({ length: 20 }, () => Lease.take(folder)));
  expect(starts.filter(({ status }) => status === 'fulfilled').length).toBe(1);
  await expect(dead.assertHeld()).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
  for (const each of starts) if (each.status === 'fulfilled') await each.value.release();
  await dead.release();
});

describe('an owner on this machine', () => {
  let other: ChildProcess;
  beforeEach(() => {
    other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
  });
  afterEach(() => void other.kill());

  test('holds while its process lives, however long it is silent', async () => {
    const lease = await Lease.take(folder);
    await lease.release();
    await rm(`${first()}.released`);
    await disguise({ pid: other.pid, started: null });
    await utimes(first(), 0, 0);
    await expect(Lease.take(folder)).rejects.toMatchObject(refused);
    other.kill();
    await once(other, 'exit');
    await (await Lease.take(folder)).release();
  });

  test('has ended when its number belongs to a process that started at another time', async () => {
    if (process.platform !== 'linux') return;
    const lease = await Lease.take(folder);
    await disguise({ pid: other.pid, started: '1' });
    await (await Lease.take(folder)).release();
    await lease.release();
  });
});

test.each([
  ['another machine', { host: 'elsewhere', boot: 'b', pid: 1 }],
  ['another machine of the same name', { boot: 'another' }],
  ['another container', { pidSpace: 'pid:[1]' }],
])('an owner on %s holds until its heartbeat is too old', async (_, changes) => {
  const lease = await Lease.take(folder, { beatMs: 1e6 });
  await disguise(changes);
  await expect(Lease.take(folder)).rejects.toMatchObject({
    code: 'OUTPUT_UNWRITABLE',
    message: expect.stringMatching(/sign of life \d+ s ago; it counts as dead after 120 s/),
  });
  const old = Date.now() / 1000 - 121;
  await utimes(first(), old, old);
  await (await Lease.take(folder)).release();
  await lease.release();
});

test('a lease file that nobody can read is as good as its age', async () => {
  await writeFile(first(), '{"torn');
  await expect(Lease.take(folder)).rejects.toMatchObject(refused);
  await utimes(first(), 1, 1);
  await (await Lease.take(folder)).release();
});

test('the heart beats while the event loop is busy, and stops with the lease', async () => {
  const lease = await Lease.take(folder, { beatMs: 20 });
  const beat = async (): Promise<string> => (await readFile(first(), 'utf8')).split('\n')[1];
  await wait(200); // the thread needs a moment to start
  const before = await beat();
  const until = performance.now() + 90;
  while (performance.now() < until);
  expect(await beat()).not.toBe(before);
  await lease.assertHeld();
  await lease.release();
  await wait(60);
  const after = await beat();
  await wait(60);
  expect(await beat()).toBe(after);
});

test('a lease whose folder is gone is lost', async () => {
  const lease = await Lease.take(folder);
  await rm(folder, { recursive: true });
  await expect(lease.assertHeld()).rejects.toMatchObject({
    code: 'OUTPUT_UNWRITABLE',
    message: /was removed/,
  });
  await lease.release();
});
