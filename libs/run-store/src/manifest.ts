import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { ARTIFACTS, InputError, manifestSchema, type RunManifest } from '@hazure/contracts';
import { readDocument } from './read/documents.js';

/**
 * Reads a finished run's manifest.
 * @throws InputError INPUT_MISSING where there is no folder, BASELINE_INVALID for one that has none, ARTIFACT_INVALID or ARTIFACT_VERSION for one that
 * can't be read
 */
export async function readManifest(folder: string): Promise<RunManifest> {
  const path = resolve(folder, ARTIFACTS.manifest.file);
  try {
    return await readDocument(path, 'manifest', manifestSchema);
  } catch (error) {
    if (!(error instanceof InputError) || error.code !== 'ARTIFACT_MISSING') throw error;
    if (!existsSync(folder)) {
      throw new InputError('INPUT_MISSING', `There is no folder ${folder}`, {
        cause: error,
        hint: 'Give the baseline_… or detection_… folder that a finished run printed.',
      });
    }
    throw new InputError('BASELINE_INVALID', `${folder} is not a finished hazure run (no manifest.json)`, {
      cause: error,
      hint: 'Give the baseline_… or detection_… folder that a finished run printed.',
    });
  }
}

const RESTORE = 'Learn the baseline again, or restore the folder.';

/**
 * Compares artifacts with the manifest: each must be a file of the folder itself, of the size and checksum that are
 * listed, once.
 * @param only names to compare, all of which the manifest must list; every listed one when absent
 * @throws InputError BASELINE_INVALID naming the first that is missing or differs
 */
export async function verifyArtifacts(
  folder: string,
  manifest: RunManifest,
  only?: readonly string[],
): Promise<void> {
  const listed = new Map<string, RunManifest['artifacts'][number]>();
  for (const artifact of manifest.artifacts) {
    if (listed.has(artifact.path)) throw invalid(folder, `${artifact.path} is listed twice in its manifest`);
    listed.set(artifact.path, artifact);
  }
  for (const name of only ?? listed.keys()) {
    const artifact = listed.get(name);
    if (!artifact) throw invalid(folder, `${name} is not listed in its manifest`);
    await verifyFile(folder, artifact);
  }
}

async function verifyFile(folder: string, artifact: RunManifest['artifacts'][number]): Promise<void> {
  const path = join(folder, artifact.path);
  const changed = (): InputError => invalid(folder, `${artifact.path} was changed after it was made`);
  const hash = createHash('sha256');
  try {
    const [root, real] = await Promise.all([realpath(folder), realpath(path)]);
    if (!real.startsWith(root + sep)) throw invalid(folder, `${artifact.path} is a link out of the folder`);
    const found = await stat(real);
    // a pipe or a device would be read for ever
    if (!found.isFile()) throw invalid(folder, `${artifact.path} is no file`);
    if (found.size !== artifact.bytes) throw changed();
    for await (const chunk of createReadStream(real)) hash.update(chunk as Buffer);
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    throw invalid(folder, `${artifact.path} can't be read`, cause);
  }
  if (hash.digest('hex') !== artifact.sha256) throw changed();
}

function invalid(folder: string, what: string, cause?: unknown): InputError {
  return new InputError('BASELINE_INVALID', `The run ${folder} can't be used: ${what}`, {
    cause,
    hint: RESTORE,
  });
}
