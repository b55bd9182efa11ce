import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
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

/** Compares every artifact with its checksum. Throws InputError BASELINE_INVALID naming the first that differs. */
export async function verifyArtifacts(
  folder: string,
  manifest: RunManifest,
  only?: readonly string[],
): Promise<void> {
  for (const artifact of manifest.artifacts) {
    if (only && !only.includes(artifact.path)) continue;
    const hash = createHash('sha256');
    try {
      for await (const chunk of createReadStream(join(folder, artifact.path))) hash.update(chunk as Buffer);
    } catch (cause) {
      throw new InputError('BASELINE_INVALID', `${artifact.path} of the run ${folder} can't be read`, {
        cause,
        hint: 'Learn the baseline again, or restore the folder.',
      });
    }
    if (hash.digest('hex') !== artifact.sha256) {
      throw new InputError(
        'BASELINE_INVALID',
        `${artifact.path} of the run ${folder} was changed after it was made`,
        {
          hint: 'Learn the baseline again, or restore the folder.',
        },
      );
    }
  }
}
