import { ConfigError, type Logger, type ModelInfo, type PhaseOptions } from '@hazure/contracts';
import type { StoredBaseline } from './baseline.js';
import type { ComposedStages } from './stages.js';

/** Settings of detection that decide what an object is; judged otherwise than learned, normal ones may look odd. */
const ALIKE = ['confThres', 'iouThres', 'maxDetections', 'classes', 'maskBackground'] as const;

/**
 * New images must be looked at as the baseline's were: the same networks see the same things, and a baseline of tiles
 * says nothing of objects.
 * @throws ConfigError BASELINE_MISMATCH for another detector, tile grid or embedder than it was learned with
 */
export function checkSameModels(
  stored: StoredBaseline,
  composed: ComposedStages,
  options: PhaseOptions,
  logger: Logger,
): void {
  const { detector, embedder } = composed.stages;
  for (const [role, info] of [
    ['detector', detector.info],
    ['embedder', embedder.info],
  ] as const) {
    const learned = stored.manifest.models[role];
    if (!learned || sameModel(learned, info)) continue;
    throw new ConfigError(
      `The baseline was learned with the ${role} ${learned.name}, not with ${info.name}`,
      {
        code: 'BASELINE_MISMATCH',
        hint: `Leave option ${role} out to use the same one, or learn the baseline again.`,
      },
    );
  }
  for (const key of ALIKE) {
    const learned = stored.inherited[key];
    if (same(learned, options[key])) continue;
    logger.warn(
      `The baseline was learned with option ${key} ${told(learned)}, new images are looked at with ${told(options[key])}: ` +
        'objects that it never saw may be called outliers.',
      { code: 'SETTINGS_DIFFER' },
    );
  }
}

/** By checksum where there is a file, else by name: a tile grid is its name. */
function sameModel(learned: ModelInfo, now: ModelInfo): boolean {
  return learned.sha256 === null || now.sha256 === null
    ? learned.sha256 === now.sha256 && learned.name === now.name
    : learned.sha256 === now.sha256;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

const told = (value: unknown): string => (value === undefined ? 'left out' : JSON.stringify(value));
