import { readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { z } from 'zod';
import { InputError } from '@hazure/contracts';

/** In the shards of an unfinished run. */
export const OWNER_FILE = '.owner';

/** Who writes an unfinished run folder. */
const ownerSchema = z.object({
  host: z.string(),
  pid: z.int(),
  /** Linux counts ticks since boot to the start of a process, which tells it from a later one of the same number. */
  started: z.string().nullable(),
});
type Owner = z.infer<typeof ownerSchema>;

/**
 * Claims an unfinished run folder for this process by a file in it. A claim ends with its process, however that ended;
 * one from another machine is taken over, because nobody here can tell whether its process lives.
 * A lock that ages would be lost while a fit keeps the event loop busy, and would keep a killed run's folder for a while.
 * @throws InputError OUTPUT_UNWRITABLE when a living process of this machine holds the folder
 */
export async function claim(file: string, folder: string): Promise<void> {
  const me: Owner = { host: hostname(), pid: process.pid, started: await startOf(process.pid) };
  for (;;) {
    try {
      await writeFile(file, JSON.stringify(me), { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = await ownerOf(file);
    if (owner && (await lives(owner, me))) {
      throw new InputError(
        'OUTPUT_UNWRITABLE',
        `Process ${owner.pid} is writing the run that --resume would go on with: ${folder}`,
        { hint: 'Wait for it or stop it first; without --resume, a new run is made beside it.' },
      );
    }
    await rm(file, { force: true });
  }
}

async function ownerOf(file: string): Promise<Owner | null> {
  try {
    return ownerSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return null; // torn by a crash, or just given up
  }
}

/** This process itself may come back to a folder that it left. */
async function lives(owner: Owner, me: Owner): Promise<boolean> {
  if (owner.host !== me.host || owner.pid === me.pid) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false; // it lives, and is somebody else's
  }
  const started = await startOf(owner.pid);
  return owner.started === null || started === null || started === owner.started;
}

/** Field 22 of /proc/PID/stat, see proc(5); null where there is no such file. */
async function startOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  // the name in parentheses may hold spaces and parentheses itself
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}
