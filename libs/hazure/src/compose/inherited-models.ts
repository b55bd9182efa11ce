import { stat } from 'node:fs/promises';
import {
  ModelError,
  messageOf,
  parsePhaseOptions,
  type BaselineConfig,
  type RunManifest,
} from '@hazure/contracts';
import { REGISTRY, modelFiles, modelSha256, type StoreOptions } from '@hazure/models';

type Role = 'detector' | 'embedder';

/** Models that a baseline folder names, which is outside data. */
export interface InheritedModels {
  /** Checksum that each must have; a role that is not in it was chosen by the user, or by default. */
  readonly sha256: ReadonlyMap<Role, string | null>;
  /** Whether the pack, from which words come, is the baseline's choice. */
  readonly pack: boolean;
}

/**
 * What of a baseline's models nobody else asked for. The models of the pack that would be used without any baseline are
 * hazure's own choice.
 * @param chosen options that the user gave
 */
export function inheritedModels(
  { modelSources, options }: BaselineConfig,
  { models }: RunManifest,
  chosen: object,
): InheritedModels {
  const given = chosen as Partial<Record<Role | 'models', string>>;
  const pack = given.models ?? parsePhaseOptions({}).models;
  const own = REGISTRY.packs[pack as keyof typeof REGISTRY.packs] as
    Partial<Record<Role, string>> | undefined;
  const sha256 = new Map<Role, string | null>();
  for (const role of ['detector', 'embedder'] as const) {
    const source = modelSources[role];
    if (source === undefined || given[role] !== undefined || source === own?.[role]) continue;
    sha256.set(role, models[role]?.sha256 ?? null);
  }
  return {
    sha256,
    pack: given.models === undefined && options['models'] !== undefined && options['models'] !== pack,
  };
}

/**
 * How a model that a baseline names may be looked up: never over the network, and a path only when what lies there has
 * the checksum of what was learned with.
 * @throws ModelError MODEL_CHECKSUM, MODEL_MISSING
 */
export async function guarded(
  role: Role,
  source: string,
  store: StoreOptions,
  inherited: InheritedModels | undefined,
): Promise<StoreOptions> {
  const expected = inherited?.sha256.get(role);
  if (expected === undefined) return store;
  const chooseIt = `Give option ${role} yourself, if you trust what the baseline names.`;
  if (/^(\\\\|\/\/)/.test(source))
    throw new ModelError('MODEL_MISSING', `The baseline names the ${role} ${source}, on another machine`, {
      hint: chooseIt,
    });
  const found = await stat(source).catch(() => null);
  if (found) {
    const sha256 = found.isFile() ? await modelSha256(await modelFiles(source)) : null;
    if (sha256 === null || sha256 !== expected)
      throw new ModelError(
        'MODEL_CHECKSUM',
        `The baseline names the ${role} ${source}, and what lies there is not what it was learned with`,
        { hint: chooseIt },
      );
  }
  return { ...store, offline: true };
}

/** Says of a model that is not here why it was not fetched. */
export async function explained<T>(
  role: string,
  source: string,
  inherited: boolean,
  load: () => Promise<T>,
): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (
      !inherited ||
      !(cause instanceof ModelError) ||
      !['MODEL_MISSING', 'NETWORK_UNAVAILABLE'].includes(cause.code)
    )
      throw cause;
    throw new ModelError(
      'MODEL_MISSING',
      `The baseline names the ${role} ${source}, which is not on this machine, and nothing is fetched because a folder names it: ${messageOf(cause)}`,
      { cause, hint: `If you trust it: hazure models pull ${source}; or give option ${role} yourself.` },
    );
  }
}
