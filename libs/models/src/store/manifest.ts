import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ModelError, messageOf } from '@hazure/contracts';

export const MANIFEST_FILE = 'hazure-model.json';
/** Raised when the shape below changes; bundles of another version count as not cached. */
export const MANIFEST_VERSION = 2;

const manifestSchema = z.strictObject({
  version: z.literal(MANIFEST_VERSION),
  id: z.string(),
  /** Where the files came from, exact to the version or commit. */
  origin: z.string(),
  licence: z.string(),
  /** Commit of a hub repository, pinned by the first pull. */
  commit: z.string().nullable(),
  /** Conversion that made the files, e.g. `nanodet/2`; null where they are as they came. */
  recipe: z.string().nullable(),
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
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw damaged(path, error);
  }
  try {
    const json: unknown = JSON.parse(text);
    const version = (json as { version?: unknown } | null)?.version;
    return version === MANIFEST_VERSION ? manifestSchema.parse(json) : null;
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
