import { randomUUID } from 'node:crypto';
import { link, open, readFile, readlink, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from '@hazure/contracts';
import { Heartbeat } from './heartbeat.js';
import { hostName } from './host.js';
import { writeWholly } from './whole-io.js';

/** Who holds a lease. The first line of a lease file; the second is what the heartbeat overwrites. */
const ownerSchema = z.object({
  /** Of this one lease. */
  id: z.string(),
  host: z.string(),
  /** What tells one boot of one machine from every other, also where two machines have one name; null if unknown. */
  boot: z.string().nullable(),
  /** Process numbers mean nothing in another namespace of the same machine, such as another container. */
  pidSpace: z.string().nullable(),
  pid: z.int(),
  /** Linux counts ticks since boot to the start of a process, which tells it from a later one of the same number. */
  started: z.string().nullable(),
});
type Owner = z.infer<typeof ownerSchema>;

/** Times of a lease; tests shorten them. */
export interface LeaseOptions {
  /** Between two signs of life; default 10 s. */
  readonly beatMs?: number;
  /** Without a sign of life for so long, an owner that can't be asked counts as dead; default 120 s. */
  readonly deadMs?: number;
}
const BEAT_MS = 10_000;
const DEAD_MS = 120_000;

/** Leases that this process holds. In a global, because a module may be loaded twice. */
const HELD = Symbol.for('hazure.leases');
const held = ((globalThis as { [HELD]?: Set<string> })[HELD] ??= new Set());

/**
 * The right to write a folder, for one writer on one or more machines.
 *
 * Lease files are numbered, and the highest number holds. To take a lease is to create its file under the next number,
 * which the file system grants once (`link`, or exclusive creation where it knows no links); none is ever renamed or
 * removed while the folder is shared, so a slow starter can displace nobody: it finds the number taken and looks again.
 * A lease ends when it is released, when its process is dead (seen by the number and start of the process, on the same
 * boot of the same machine), or, from another machine, when its heartbeat is older than `deadMs` by the clock of the
 * file server. The heartbeat has a thread of its own: fits keep the event loop busy for minutes.
 */
export class Lease {
  private constructor(
    private readonly folder: string,
    private readonly number: number,
    private readonly owner: Owner,
    private readonly heartbeat: Heartbeat,
  ) {}

  /**
   * Takes the lease on a folder, which must exist.
   * @throws InputError OUTPUT_UNWRITABLE, `held: true` in its cause, while another holds it; the file system's errors as they are
   */
  static async take(folder: string, options: LeaseOptions = {}): Promise<Lease> {
    const { beatMs = BEAT_MS, deadMs = DEAD_MS } = options;
    const owner = await describeSelf();
    for (let number = 1; ;) {
      held.add(owner.id);
      const path = leasePath(folder, number);
      if (await create(path, folder, owner).catch((error: unknown) => forget(owner, error))) {
        return new Lease(
          folder,
          number,
          owner,
          Heartbeat.start(path, Buffer.byteLength(head(owner)), beatMs),
        );
      }
      held.delete(owner.id);
      const reason = await whyAlive(path, folder, owner, deadMs);
      if (reason === null) number++;
      else if (!(await exists(leasePath(folder, number + 1)))) throw taken(folder, reason);
      else number++;
    }
  }

  /**
   * Why a folder must be taken to have a living writer; null where nobody writes it. For people who ask: what is true now
   * need not be so when the answer is read.
   */
  static async heldBy(folder: string, { deadMs = DEAD_MS }: LeaseOptions = {}): Promise<string | null> {
    let last = 0;
    while (await exists(leasePath(folder, last + 1))) last++;
    if (last === 0) return null;
    return whyAlive(leasePath(folder, last), folder, await describeSelf(), deadMs);
  }

  /**
   * To be called before anything is committed: a process that was asleep for longer than `deadMs` may have lost its folder.
   * @throws InputError OUTPUT_UNWRITABLE when another has taken the folder over, or it was removed
   */
  async assertHeld(): Promise<void> {
    const [mine, next] = await Promise.all([
      readOwner(leasePath(this.folder, this.number)),
      exists(leasePath(this.folder, this.number + 1)),
    ]);
    if (mine?.id === this.owner.id && !next) return;
    throw new InputError(
      'OUTPUT_UNWRITABLE',
      next
        ? `Another process has taken ${this.folder} over, because this one gave no sign of life`
        : `${this.folder} was removed or changed while this process wrote it`,
      { hint: 'Let only one of them run; the unfinished run that is there can be gone on with by --resume.' },
    );
  }

  /**
   * Gives the folder back, so that anybody may go on at once; safe more than once, and where the folder is gone.
   * @param folder where it is now, if it was renamed
   */
  async release(folder = this.folder): Promise<void> {
    this.heartbeat.stop();
    if (!held.delete(this.owner.id)) return;
    await open(`${leasePath(folder, this.number)}.released`, 'w').then(
      (handle) => handle.close(),
      () => undefined,
    );
  }
}

const leasePath = (folder: string, number: number): string =>
  join(folder, `.lease-${String(number).padStart(6, '0')}`);

const head = (owner: Owner): string => `${JSON.stringify(owner)}\n`;

function forget(owner: Owner, error: unknown): never {
  held.delete(owner.id);
  throw error;
}

/** Whether the file is now ours. The bytes are there before the name, so nobody ever reads half an owner. */
async function create(path: string, folder: string, owner: Owner): Promise<boolean> {
  const temporary = join(folder, `.lease-${owner.id}.tmp`);
  const bytes = Buffer.from(`${head(owner)}0\n`);
  await writeNew(temporary, bytes);
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // a network file system may lose the answer to a link that it made
    if (code === 'EEXIST') return (await readOwner(path))?.id === owner.id;
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP', 'EMLINK'].includes(code ?? '')) throw error;
    return await createWithoutLinks(path, bytes);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function createWithoutLinks(path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    await writeNew(path, bytes);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await writeWholly(handle, bytes, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Why the owner of a lease file must be taken to be alive; null when the lease has ended. */
async function whyAlive(path: string, folder: string, me: Owner, deadMs: number): Promise<string | null> {
  if (await exists(`${path}.released`)) return null;
  const owner = await readOwner(path);
  if (owner !== null) {
    if (held.has(owner.id)) return 'this process is writing it';
    const samePlace = owner.host === me.host && owner.boot === me.boot && owner.pidSpace === me.pidSpace;
    if (samePlace && owner.pid !== me.pid) {
      return (await lives(owner)) ? `process ${owner.pid} is writing it` : null;
    }
    if (samePlace && owner.started !== me.started) return null;
  }
  const silent = await silence(path, folder);
  if (silent === null || silent > deadMs) return null;
  const who = owner === null ? 'a process' : `process ${owner.pid} of ${owner.host}`;
  const seconds = (ms: number): string => `${Math.max(0, Math.round(ms / 1000))} s`;
  return `${who} gave a sign of life ${seconds(silent)} ago; it counts as dead after ${seconds(deadMs)}`;
}

/** Milliseconds since the last heartbeat by the file server's own clock; null where the file is gone. */
async function silence(path: string, folder: string): Promise<number | null> {
  const probe = join(folder, `.lease-${randomUUID()}.tmp`);
  await writeNew(probe, Buffer.from('now\n'));
  try {
    // opening a file makes a network file system ask its server how old it is
    const handle = await open(path, 'r').catch(() => null);
    if (handle === null) return null;
    try {
      return (await stat(probe)).mtimeMs - (await handle.stat()).mtimeMs;
    } finally {
      await handle.close();
    }
  } finally {
    await rm(probe, { force: true });
  }
}

async function readOwner(path: string): Promise<Owner | null> {
  try {
    return ownerSchema.parse(JSON.parse((await readFile(path, 'utf8')).split('\n')[0]));
  } catch {
    return null; // of another version of hazure, damaged, or gone
  }
}

async function lives(owner: Owner): Promise<boolean> {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false; // it lives, and is somebody else's
  }
  const started = await startOf(owner.pid);
  return owner.started === null || started === null || started === owner.started;
}

async function describeSelf(): Promise<Owner> {
  return {
    id: randomUUID(),
    host: hostName(),
    boot: await readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
      (text) => text.trim(),
      () => null,
    ),
    pidSpace: await readlink('/proc/self/ns/pid').catch(() => null),
    pid: process.pid,
    started: await startOf(process.pid),
  };
}

/** Field 22 of /proc/PID/stat, see proc(5); null where there is no such file, or only a zombie is left. */
async function startOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (text === null) return null;
  // the name in parentheses may hold spaces and parentheses itself
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? 'ended' : (fields[19] ?? null);
}

async function exists(path: string): Promise<boolean> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  });
  await handle?.close();
  return handle !== null;
}

function taken(folder: string, reason: string): InputError {
  return new InputError('OUTPUT_UNWRITABLE', `Another run has ${folder}: ${reason}`, {
    hint: 'Wait for it or stop it first; without --resume, a new run is made beside it.',
  });
}
