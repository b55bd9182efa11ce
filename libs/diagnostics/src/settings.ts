import pacote from 'pacote';
import { messageOf } from '@hazure/contracts';
import { GPU_RUNTIME } from '@hazure/native-engine';
import { userNpmOptions } from '@hazure/models';
import type { Finding } from './finding.js';

const section = 'Settings';
/** Others that change what hazure does. */
const ALSO = ['HF_ENDPOINT', 'HF_HUB_OFFLINE', 'XDG_CACHE_HOME', 'CUDA_VISIBLE_DEVICES', 'LD_LIBRARY_PATH'];

/** HAZURE_… variables and the few others that matter; what looks like a secret is not shown. */
export function environmentSettings(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const names = Object.keys(env).filter((name) => name.startsWith('HAZURE_') || ALSO.includes(name));
  return Object.fromEntries(
    names.sort().map((name) => [name, /KEY|TOKEN|SECRET|PASSWORD/.test(name) ? '(set)' : (env[name] ?? '')]),
  );
}

export interface RegistryAnswer {
  readonly registry: string;
  readonly reachable: boolean;
  readonly detail: string;
}

/** Asks the npm registry of the user's configuration for one small document. */
export async function askRegistry(milliseconds: () => number): Promise<RegistryAnswer> {
  const options = await userNpmOptions();
  const registry = String(options['registry']);
  const source = GPU_RUNTIME.sources[0];
  const began = milliseconds();
  try {
    await pacote.packument(source.package, {
      ...options,
      preferOnline: true,
      fetchRetries: 0,
      timeout: 20_000,
    });
    return { registry, reachable: true, detail: `answers in ${Math.round(milliseconds() - began)} ms` };
  } catch (error) {
    return { registry, reachable: false, detail: messageOf(error) };
  }
}

/** The registry's address without a name and password that it may carry. */
const shown = (registry: string): string => registry.replace(/\/\/[^/@]*@/, '//');

export function settingsFindings(
  settings: Readonly<Record<string, string>>,
  registry: RegistryAnswer | null,
): Finding[] {
  const findings = Object.entries(settings).map(([what, detail]): Finding => ({
    section,
    what,
    state: 'ok',
    detail,
    fix: null,
  }));
  if (findings.length === 0) {
    findings.push({
      section,
      what: 'environment',
      state: 'absent',
      detail: 'no HAZURE_… variable is set',
      fix: null,
    });
  }
  findings.push(
    registry === null
      ? {
          section,
          what: 'npm registry',
          state: 'absent',
          detail: 'not asked (`hazure doctor --check-registry`)',
          fix: null,
        }
      : {
          section,
          what: 'npm registry',
          state: registry.reachable ? 'ok' : 'note',
          detail: `${shown(registry.registry)} ${registry.detail}`,
          fix: registry.reachable
            ? null
            : "Check npm's registry and proxy settings: `npm config get registry`, `npm config get https-proxy`.",
        },
  );
  return findings;
}
