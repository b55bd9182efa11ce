import type { ModelInfo, PhaseOptions } from '@hazure/contracts';
import { sha256Hex } from '@hazure/run-store';

/** Options that change how a run works, not what it finds. */
const WITHOUT_EFFECT = new Set<keyof PhaseOptions>([
  'outputDir',
  'baselineFolder',
  'testFolder',
  'baseline',
  // what these leave of the inputs is in their identity
  'every',
  'limit',
  'exclude',
  'inputRoot',
  'batchSize',
  'threads',
  'captionConcurrency',
  'cleanupTempFiles',
  'resume',
  'offline',
  // a part of a run gives what the whole run gives
  'shard',
]);

/** Options that decide what is found, without those that are left out. */
export function decidingOptions(options: PhaseOptions): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options)
      .filter(([key, value]) => value !== undefined && !WITHOUT_EFFECT.has(key as keyof PhaseOptions))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Hash of everything that decides a run's results: settings, models, inputs, and the baseline it judges against. */
export function resumeKey(request: {
  readonly kind: 'baseline' | 'detection';
  readonly options: PhaseOptions;
  /** Identity of the images to work on: every index and id. Shards know their sizes and times. */
  readonly inputs: string;
  readonly models: Readonly<Record<string, ModelInfo>>;
  /** What the baseline holds, or what it is to know beside images. */
  readonly baselineKey: string | null;
}): string {
  const options = Object.entries(decidingOptions(request.options));
  return sha256Hex(
    JSON.stringify({
      kind: request.kind,
      options,
      models: Object.entries(request.models).map(([role, { name, sha256 }]) => [role, name, sha256]),
      inputs: request.inputs,
      baseline: request.baselineKey,
    }),
  );
}
