import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  defaultModelCacheDir,
  listModels,
  verifyModels,
  type BundleStatus,
  type VerifyResult,
} from '@hazure/models';
import { defaultTensorRtCacheDir } from '@hazure/native-engine';
import { size, type Finding } from './finding.js';

const section = 'Cache';

export interface ModelCache {
  readonly dir: string;
  readonly bundles: readonly (BundleStatus & { readonly verified: VerifyResult | null })[];
}
export interface FolderSize {
  readonly dir: string;
  /** Folders directly below. */
  readonly entries: number;
  readonly bytes: number;
}

/** Every model of the registry, the cached ones compared with their checksums. */
export async function modelCache(): Promise<ModelCache> {
  const verified = new Map((await verifyModels()).map((result) => [result.id, result]));
  const bundles = await listModels();
  return {
    dir: defaultModelCacheDir(),
    bundles: bundles.map((bundle) => ({ ...bundle, verified: verified.get(bundle.id) ?? null })),
  };
}

/** Built TensorRT engines. */
export async function tensorRtCache(): Promise<FolderSize> {
  const dir = defaultTensorRtCacheDir();
  const names = await readdir(dir, { recursive: true }).catch(() => []);
  let bytes = 0;
  for (const name of names) {
    const found = await stat(join(dir, name)).catch(() => null);
    if (found?.isFile()) bytes += found.size;
  }
  return { dir, entries: names.filter((name) => !/[/\\]/.test(name)).length, bytes };
}

export function cacheFindings(models: ModelCache, engines: FolderSize): Finding[] {
  const cached = models.bundles.filter(({ state }) => state === 'cached');
  const findings: Finding[] = cached.map(({ id, bytes, verified }): Finding => {
    const whole = verified?.ok ?? false;
    return {
      section,
      what: id,
      state: whole ? 'ok' : 'note',
      detail: `${size(bytes ?? 0)}, ${whole ? 'verified' : `damaged: ${verified?.damaged.join(', ') ?? 'unreadable'}`}`,
      fix: whole ? null : `Fetch it again: \`hazure models pull ${id}\`.`,
    };
  });
  if (cached.length === 0) {
    findings.push({
      section,
      what: 'models',
      state: 'absent',
      detail: `none in ${models.dir}; they are fetched at their first use`,
      fix: 'To have the small ones now: `hazure models pull starter`.',
    });
  }
  findings.push(
    engines.entries === 0
      ? {
          section,
          what: 'TensorRT engines',
          state: 'absent',
          detail: `none built yet (${engines.dir})`,
          fix: null,
        }
      : {
          section,
          what: 'TensorRT engines',
          state: 'ok',
          detail: `${engines.entries} in ${size(engines.bytes)} (${engines.dir}); may be deleted at any time`,
          fix: null,
        },
  );
  return findings;
}
