import { statfs } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { cacheRoot } from '@hazure/native-engine';
import type { EngineReport } from './engine-report.js';
import { size, type Finding } from './finding.js';

const section = 'Machine';
/** Below this a pull or a run may not fit; the standard models take about 1 GiB. */
const SCARCE_BYTES = 2 * 2 ** 30;

export interface Disk {
  readonly of: 'cache' | 'output';
  readonly path: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Room where hazure writes; for a folder that is not there yet, where it would be made. */
export async function diskSpace(outputDir: string): Promise<Disk[]> {
  const places = [
    { of: 'cache', path: cacheRoot() },
    { of: 'output', path: resolve(outputDir) },
  ] as const;
  const disks: Disk[] = [];
  for (const { of, path } of places) {
    for (let folder = path; ; folder = dirname(folder)) {
      const found = await statfs(folder).catch(() => null);
      if (found !== null) {
        disks.push({
          of,
          path,
          freeBytes: found.bavail * found.bsize,
          totalBytes: found.blocks * found.bsize,
        });
        break;
      }
      if (folder === dirname(folder)) break;
    }
  }
  return disks;
}

/** Processor, memory and disks. */
export function machineFindings(engine: EngineReport | null, disks: readonly Disk[]): Finding[] {
  const system: Finding = {
    section,
    what: 'system',
    state: 'ok',
    detail: `${process.platform} ${process.arch}, kernel ${release()}`,
    fix: null,
  };
  return [
    system,
    processorFinding(engine),
    ...(engine ? [instructionsFinding(engine), ...memoryFindings(engine)] : []),
    ...disks.map(diskFinding),
  ];
}

function processorFinding(engine: EngineReport | null): Finding {
  const cores = cpus();
  const model = cores[0]?.model.trim() ?? 'unknown';
  const usable = engine?.info.usableCores;
  const limited = usable !== undefined && usable < cores.length;
  const count = limited
    ? `${usable} of ${cores.length} cores usable (affinity or cgroup quota)`
    : `${cores.length} cores`;
  return { section, what: 'processor', state: 'ok', detail: `${model}, ${count}`, fix: null };
}

function instructionsFinding({ info: { cpuFeatures, kernelIsa } }: EngineReport): Finding {
  const plain = kernelIsa === 'generic';
  return {
    section,
    what: 'instructions',
    state: plain ? 'note' : 'ok',
    detail: `${kernelIsa} kernels; ${cpuFeatures.join(' ') || 'no vector extensions known'}`,
    fix:
      plain && process.arch === 'x64'
        ? 'Preprocessing is several times faster on a processor with AVX2; in a virtual machine pass the host’s features on.'
        : null,
  };
}

function memoryFindings({ memory }: EngineReport): Finding[] {
  const host = memory.find(({ device }) => device === 'host');
  if (!host) return [];
  const scarce = host.freeBytes < 2 ** 30;
  const capped = host.totalBytes < totalmem() * 0.99;
  return [
    {
      section,
      what: 'memory',
      state: scarce ? 'note' : 'ok',
      detail:
        `${size(host.freeBytes)} free of ${size(host.totalBytes)}` +
        (capped ? ` (cgroup limit; the machine has ${size(totalmem())})` : ''),
      fix: scarce
        ? 'Close other programs or raise the limit; small batches (--batch-size 1) need least.'
        : null,
    },
  ];
}

function diskFinding({ of, path, freeBytes }: Disk): Finding {
  const scarce = freeBytes < SCARCE_BYTES;
  const remedy =
    of === 'cache'
      ? 'Make room, or point HAZURE_CACHE_DIR at a larger disk.'
      : 'Make room, or choose a larger disk with --output-dir.';
  return {
    section,
    what: `disk for ${of}`,
    state: scarce ? 'note' : 'ok',
    detail: `${size(freeBytes)} free at ${path}`,
    fix: scarce ? remedy : null,
  };
}
