import { access, constants, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InputError, messageOf } from '@hazure/contracts';

/**
 * Finds out before minutes of work whether a file can be written at its end; nothing is made or changed.
 * @throws InputError OUTPUT_UNWRITABLE when the path is a folder, or its nearest existing parent is none that may
 *   be written to
 */
export async function checkWritableFile(flag: string, path: string): Promise<void> {
  const refuse = (why: string, cause?: unknown): InputError =>
    new InputError('OUTPUT_UNWRITABLE', `${flag}: can't write ${path}: ${why}`, {
      cause,
      hint: `Give ${flag} a file name in a folder that is writable, or can be made.`,
    });
  if (await isFolder(path)) throw refuse('it is a folder');
  let parent = dirname(resolve(path));
  for (let state = await isFolder(parent); state !== true; state = await isFolder(parent)) {
    if (state === false) throw refuse(`${parent} is not a folder`);
    parent = dirname(parent);
  }
  await access(parent, constants.W_OK | constants.X_OK).catch((cause: unknown) => {
    throw refuse(messageOf(cause), cause);
  });
}

/** null where nothing is. */
async function isFolder(path: string): Promise<boolean | null> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    // A file among the parents: ENOTDIR; the loop meets it by itself further up.
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return null;
    throw error;
  }
}
