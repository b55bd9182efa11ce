import { availableParallelism, release } from 'node:os';
import { EXIT, HazureError, messageOf } from '@hazure/contracts';
import { defaultModelCacheDir, listModels } from '@hazure/models';
import { loadEngine, type Engine } from '@hazure/native-engine';
import type { CommandOutcome } from '../console/outcome.js';
import { HAZURE_VERSION } from '../version.js';

interface Finding {
  readonly what: string;
  /** `note`: hazure works, but something could be better. */
  readonly state: 'ok' | 'note' | 'problem';
  readonly detail: string;
  readonly fix: string | null;
}

const MARK = { ok: '✓', note: '·', problem: '✗' } as const;
const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** `hazure doctor`: what this machine offers, and the fix for what is missing. */
export async function doctorCommand(): Promise<CommandOutcome> {
  const findings: Finding[] = [
    {
      what: 'hazure',
      state: 'ok',
      detail: `${HAZURE_VERSION}, Node ${process.versions.node}, ${process.platform} ${process.arch} ${release()}`,
      fix: null,
    },
  ];
  const engine = openEngine(findings);
  const info = engine?.info() ?? null;
  const memory = engine?.memory() ?? [];
  if (info) findings.push(...deviceFindings(info));
  for (const { device, freeBytes, totalBytes } of memory) {
    findings.push({
      what: `memory of ${device}`,
      state: 'ok',
      detail: `${gib(freeBytes)} free of ${gib(totalBytes)}`,
      fix: null,
    });
  }
  findings.push(await modelFinding());
  const problems = findings.filter(({ state }) => state === 'problem').length;
  const lines = findings.flatMap(({ what, state, detail, fix }) => [
    `${MARK[state]} ${what}: ${detail}`,
    ...(fix === null ? [] : [`    → ${fix}`]),
  ]);
  return {
    json: { version: HAZURE_VERSION, findings, engine: info, memory, problems },
    text: lines.join('\n'),
    exitCode: problems > 0 ? EXIT.failed : EXIT.done,
  };
}

function openEngine(findings: Finding[]): Engine | null {
  try {
    const engine = loadEngine();
    const { addonVersion, onnxRuntimeVersion, cpuFeatures, usableCores } = engine.info();
    findings.push({
      what: 'engine',
      state: 'ok',
      detail: `${addonVersion} on ONNX Runtime ${onnxRuntimeVersion}`,
      fix: null,
    });
    findings.push({
      what: 'CPU',
      state: 'ok',
      detail: `${usableCores} of ${availableParallelism()} cores usable, ${cpuFeatures.join(' ')}`,
      fix: null,
    });
    return engine;
  } catch (error) {
    findings.push({
      what: 'engine',
      state: 'problem',
      detail: messageOf(error),
      fix:
        (error instanceof HazureError ? error.hint : undefined) ?? 'Run `npm run setup` in the repository.',
    });
    return null;
  }
}

function deviceFindings({ cuda }: ReturnType<Engine['info']>): Finding[] {
  if (!cuda.compiled) {
    return [
      {
        what: 'CUDA',
        state: 'note',
        detail: 'the engine was built for the CPU only',
        fix: 'Install the CUDA toolkit (nvcc) and run `npm run setup` again, if this machine has an NVIDIA GPU.',
      },
    ];
  }
  if (cuda.devices.length === 0) {
    return [
      {
        what: 'CUDA',
        state: 'note',
        detail: cuda.unavailable ?? 'no device',
        fix: 'Nothing to do on a machine without an NVIDIA GPU; else install its driver.',
      },
    ];
  }
  return cuda.devices.map(({ id, name, computeCapability, totalBytes }) => ({
    what: `GPU ${id}`,
    state: 'ok' as const,
    detail: `${name}, compute capability ${computeCapability}, ${gib(totalBytes)}, driver ${cuda.driverVersion ?? 'unknown'}`,
    fix: null,
  }));
}

async function modelFinding(): Promise<Finding> {
  const cached = (await listModels()).filter(({ state }) => state === 'cached').map(({ id }) => id);
  return {
    what: 'models',
    state: cached.length > 0 ? 'ok' : 'note',
    detail: cached.length > 0 ? `${cached.join(', ')} in ${defaultModelCacheDir()}` : 'none in the cache',
    fix:
      cached.length > 0
        ? null
        : 'They are fetched at their first use, or now with `npx hazure models pull starter`.',
  };
}
