import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ModelError, messageOf } from '@hazure/contracts';

export const MANIFEST_FILE = 'hazure-model.json';

const manifestSchema = z.strictObject({
  version: z.literal(1),
  id: z.string(),
  /** Where the files came from, exact to the version or commit. */
  origin: z.string(),
  licence: z.string(),
  /** Commit of a hub repository, pinned by the first pull. */
  commit: z.string().nullable(),
  /** Every file of the bundle; the sha256 is the pin that later pulls and uses must meet. */
  files: z.array(
    z.strictObject({
      path: z.string(),
      bytes: z.number().int().nonnegative(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});

/** Describes one bundle in the cache; written last, so a folder that has it is complete. */
export type BundleManifest = z.infer<typeof manifestSchema>;

/** The manifest of a bundle's folder, or null where it was never pulled to its end. */
export async function readManifest(bundleDir: string): Promise<BundleManifest | null> {
  const path = join(bundleDir, MANIFEST_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw damaged(path, error);
  }
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (error) {
    throw damaged(path, error);
  }
}

function damaged(path: string, cause: unknown): ModelError {
  return new ModelError('MODEL_INVALID', `The model cache's ${path} can't be read: ${messageOf(cause)}`, {
    hint: 'Delete the folder that it stands in and run `hazure models pull`.',
    cause,
  });
}
