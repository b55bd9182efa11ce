import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What file systems answer that can't flush a folder, Windows' among them: there its entries are theirs to keep. */
const NO_FOLDER_FLUSH = new Set(['EISDIR', 'EINVAL', 'EPERM', 'ENOTSUP', 'EACCES', 'EBADF']);

/** Waits until the bytes of a file are on its disk: fsync(2). */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Waits until names made, changed or removed in a folder are on its disk; where that can't be asked, does nothing. */
export async function syncFolder(path: string): Promise<void> {
  try {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!NO_FOLDER_FLUSH.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** Renames a file whose bytes are on disk, and waits until its new name is too. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(dirname(to));
}
