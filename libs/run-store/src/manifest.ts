import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { InputError, type RunManifest } from '@hazure/contracts';

const modelSchema = z.object({
  name: z.string(),
  sha256: z.string().nullable(),
  licence: z.string().nullable(),
  device: z.string(),
});

const manifestSchema = z.object({
  format: z.literal('hazure-run/1'),
  kind: z.enum(['baseline', 'detection']),
  hazureVersion: z.string(),
  createdAt: z.string(),
  seed: z.number(),
  resumeKey: z.string(),
  device: z.string(),
  models: z.record(z.string(), modelSchema),
  versions: z.record(z.string(), z.string()),
  counts: z.record(z.string(), z.number()),
  artifacts: z.array(z.object({ path: z.string(), bytes: z.number(), sha256: z.string() })),
});

/** Reads a finished run's manifest. Throws InputError BASELINE_INVALID for a folder that is none. */
export async function readManifest(folder: string): Promise<RunManifest> {
  const parsed = await readFile(join(folder, 'manifest.json'), 'utf8')
    .then((text) => manifestSchema.safeParse(JSON.parse(text)))
    .catch((cause: unknown) => ({ success: false as const, error: cause }));
  if (!parsed.success) {
    throw new InputError(
      'BASELINE_INVALID',
      `${folder} is not a finished hazure run (no valid manifest.json)`,
      {
        cause: parsed.error,
        hint: 'Give the baseline_… or detection_… folder that a finished run printed.',
      },
    );
  }
  return parsed.data;
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
